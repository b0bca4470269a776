/* SPDX-License-Identifier: MIT */
/* Requests that change something: see control.h. */
#include "server/admin/control.h"

#include "common/address.h"
#include "server/admin/host.h"
#include "server/admin/reply.h"
#include "server/admin/secret.h"
#include "server/admin/visitor.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { ORIGIN_MAX = ADMIN_HOST_MAX + 16 };

/* --- the token ----------------------------------------------------------------------------- */

int admin_control_init(struct admin_control *control, const struct admin_host *host, bool allowed,
                       const char *named)
{
    control->host = host;
    control->allowed = allowed;
    snprintf(control->named, sizeof control->named, "%s", named);
    return secret_digits(control->token, sizeof control->token);
}

/* Compare tokens in the same time, wherever they differ. */
static bool same_token(const char *one, const char *other)
{
    unsigned char difference = 0;

    if (strlen(other) != ADMIN_TOKEN_CHARS)
        return false;
    for (size_t i = 0; i < ADMIN_TOKEN_CHARS; i++)
        difference |= (unsigned char)(one[i] ^ other[i]);
    return difference == 0;
}

/* --- authorization ------------------------------------------------------------------------- */

static const char *header(struct evhttp_request *request, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(request), name);
}

/* Return the length of a host without its port: "[::1]:8091" has 5. */
static size_t host_length(const char *host)
{
    const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;

    return bracket != NULL ? (size_t)(bracket - host) + 1 : strcspn(host, ":");
}

static bool same_host(const char *host, const char *other)
{
    size_t length = host_length(host);

    return length > 0 && length == host_length(other) && strncasecmp(host, other, length) == 0;
}

/* Write the address that the client has connected to. @return false: it has gone */
static bool connected_to(struct evhttp_request *request, char text[static ADDRESS_TEXT_MAX])
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct address address = {.length = sizeof address.storage};
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));

    if (getsockname(fd, (struct sockaddr *)&address.storage, &address.length) != 0)
        return false;
    address_text(&address, text);
    return true;
}

/* Check Host. Ports are not compared, since a tunnel changes them. */
static bool host_is_ours(const struct admin_control *control, struct evhttp_request *request)
{
    const char *host = header(request, "Host");
    char address[ADDRESS_TEXT_MAX];

    if (host == NULL)
        return false;
    return same_host(host, "localhost") || same_host(host, control->named) ||
           (connected_to(request, address) && same_host(host, address));
}

/* Check that the request comes from our page, or from no page. Host has been checked. */
static bool origin_is_ours(struct evhttp_request *request)
{
    const char *origin = header(request, "Origin");
    char ours[ORIGIN_MAX];

    snprintf(ours, sizeof ours, "http://%s", header(request, "Host"));
    return origin == NULL || strcasecmp(origin, ours) == 0;
}

static bool is_json(struct evhttp_request *request)
{
    static const char json[] = "application/json";
    const char *type = header(request, "Content-Type");

    return type != NULL && strncasecmp(type, json, sizeof json - 1) == 0 &&
           strchr("; ", type[sizeof json - 1]) != NULL;
}

/* Return why this request may change nothing; NULL: it may. */
static const char *objection(const struct admin_control *control, struct evhttp_request *request)
{
    const char *token = header(request, "X-Echo-Control");

    if (!control->allowed)
        return "nothing can be changed from here: the server was started without --admin-control";
    if (!host_is_ours(control, request))
        return "this Host is neither the admin address nor localhost: open the page by its address";
    if (!origin_is_ours(request))
        return "this Origin is another page: only the live page of this server may do this";
    if (!is_json(request))
        return "the Content-Type is not application/json";
    if (token == NULL || !same_token(control->token, token))
        return "the token in X-Echo-Control is missing or from another server: load the live "
               "page again";
    return NULL;
}

const char *admin_control_token(const struct admin_control *control, struct evhttp_request *request)
{
    return control->allowed && host_is_ours(control, request) ? control->token : "";
}

/* --- requests ------------------------------------------------------------------------------ */

/* Parse the body as JSON. @return NULL: it is none */
static json_t *read_body(struct evhttp_request *request)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(input);
    const char *bytes = (const char *)evbuffer_pullup(input, -1);

    return bytes == NULL ? NULL : json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
}

/* Return the body of an authorized request; NULL: the request has been refused. */
static json_t *admit(const struct admin_control *control, struct evbuffer *body,
                     struct evhttp_request *request)
{
    const char *why = objection(control, request);
    json_t *asked;

    if (evhttp_request_get_command(request) != EVHTTP_REQ_POST) {
        admin_reply_bad_method(body, request, "POST", "only POST: this path changes something");
        return NULL;
    }
    if (why != NULL) {
        admin_reply_text(body, request, 403, "Forbidden", why);
        return NULL;
    }
    asked = read_body(request);
    if (asked == NULL)
        admin_reply_text(body, request, HTTP_BADREQUEST, "Bad Request", "the body is not JSON");
    return asked;
}

static void reply_conflict(struct evbuffer *body, struct evhttp_request *request, const char *what,
                           const char *why)
{
    evbuffer_add_printf(body, "%s: %s\n", what, why);
    admin_reply(body, request, 409, "Conflict", ADMIN_TEXT_TYPE);
}

void admin_control_workers(struct admin_control *control, struct evbuffer *body,
                           struct evhttp_request *request)
{
    json_t *asked = admit(control, body, request);
    char why[HOST_WHY_MAX];
    uint64_t workers = 0;
    json_int_t change = 0;

    if (asked == NULL)
        return;
    if (json_unpack(asked, "{s:I!}", "change", &change) != 0 || (change != 1 && change != -1)) {
        admin_reply_text(body, request, HTTP_BADREQUEST, "Bad Request",
                         "send {\"change\": 1} for one more worker, or -1 for one fewer");
    } else if (control->host->resize(control->host->server, change > 0, &workers, why) != 0) {
        reply_conflict(body, request, "the number of workers stays the same", why);
    } else {
        evbuffer_add_printf(body, "{\"workers\": %" PRIu64 "}\n", workers);
        admin_reply(body, request, HTTP_OK, "OK", "application/json");
    }
    json_decref(asked);
}

void admin_control_accept(struct admin_control *control, struct evbuffer *body,
                          struct evhttp_request *request)
{
    json_t *asked = admit(control, body, request);
    char why[HOST_WHY_MAX];
    int paused = 0;

    if (asked == NULL)
        return;
    if (json_unpack(asked, "{s:b!}", "paused", &paused) != 0) {
        admin_reply_text(body, request, HTTP_BADREQUEST, "Bad Request",
                         "send {\"paused\": true} to pause accepting, or false to accept again");
    } else if (control->host->pause(control->host->server, paused, why) != 0) {
        reply_conflict(body, request, "accepting cannot be paused or resumed", why);
    } else {
        evbuffer_add_printf(body, "{\"paused\": %s}\n", paused ? "true" : "false");
        admin_reply(body, request, HTTP_OK, "OK", "application/json");
    }
    json_decref(asked);
}

void admin_control_visitors(struct admin_control *control, struct evbuffer *body,
                            struct evhttp_request *request)
{
    json_t *asked = admit(control, body, request);
    char why[HOST_WHY_MAX];
    json_int_t count = 0;
    int silent = 0, sent;

    if (asked == NULL)
        return;
    if (json_unpack(asked, "{s:I, s:b!}", "count", &count, "silent", &silent) != 0 || count < 1 ||
        count > VISITORS_SENT_MAX) {
        admin_reply_text(body, request, HTTP_BADREQUEST, "Bad Request",
                         "send {\"count\": 1, \"silent\": false}, with a count from 1 to 10");
    } else if ((sent = control->host->visit(control->host->server, (unsigned)count, silent, why)) <
               0) {
        reply_conflict(body, request, "no visitor was sent", why);
    } else {
        evbuffer_add_printf(body, "{\"sent\": %d}\n", sent);
        admin_reply(body, request, HTTP_OK, "OK", "application/json");
    }
    json_decref(asked);
}
