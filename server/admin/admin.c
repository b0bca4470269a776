/* SPDX-License-Identifier: MIT */
/*
 * The admin port: see admin.h.
 *
 * evhttp reads requests and writes replies, on the loop's thread, which serves no session.
 * places.c bounds the connections, state.c takes the state and decides how often, metrics.c and json.c
 * write it, events.c repeats it, page.c has the page, and control.c changes something. open.c decides where
 * to listen. Here are the paths.
 *
 * evhttp itself answers requests that are no HTTP, or have too long a header or too large a body, with
 * 400 or 413 and a line of HTML. All other replies are made here; errors are a line of plain text.
 */
#include "server/admin/admin.h"

#include "common/address.h"
#include "common/log.h"
#include "common/translate.h"
#include "server/admin/control.h"
#include "server/admin/events.h"
#include "server/admin/json.h"
#include "server/admin/metrics.h"
#include "server/admin/open.h"
#include "server/admin/page.h"
#include "server/admin/places.h"
#include "server/admin/reply.h"
#include "server/admin/state.h"
#include "server/models/model.h"
#include "server/output/escape.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BODY_MAX = 4096, /* of a request; only the small ones of control.c are used */
    LAST_TURNS = 16,
    PATH_SHOWN_MAX = 200, /* of an unknown path, in the reply */
};

#define ANY_METHOD 0xffff

struct admin {
    struct admin_places *places;
    struct admin_events *events;
    struct evbuffer *body;                               /* of the reply that is being written */
    char addresses[ADMIN_SOCKETS_MAX][ADDRESS_TEXT_MAX]; /* "": there are no more */
    struct admin_host host;
    struct state_view view;
    struct admin_control control;
};

/* --- the paths ----------------------------------------------------------------------------- */

static void serve_page(struct admin *admin, struct evhttp_request *request)
{
    bool is_html = admin_page_is_for(request);
    int rc = is_html
                 ? admin_page(request, admin_control_token(&admin->control, request), admin->body)
                 : admin_page_text(state_view(&admin->view), admin->body);

    evhttp_add_header(evhttp_request_get_output_headers(request), "Vary", "Accept, Host");
    if (rc == 0)
        admin_reply(admin->body, request, HTTP_OK, "OK",
                    is_html ? "text/html; charset=utf-8" : ADMIN_TEXT_TYPE);
    else
        admin_reply_no_memory(admin->body, request);
}

static void serve_metrics(struct admin *admin, struct evhttp_request *request)
{
    enum metrics_format format = admin_metrics_format(
        evhttp_find_header(evhttp_request_get_input_headers(request), "Accept"));

    evhttp_add_header(evhttp_request_get_output_headers(request), "Vary", "Accept");
    if (admin_metrics(state_view(&admin->view), format, admin->body) == 0)
        admin_reply(admin->body, request, HTTP_OK, "OK", admin_metrics_types[format]);
    else
        admin_reply_no_memory(admin->body, request);
}

static void serve_stats(struct admin *admin, struct evhttp_request *request)
{
    char *text = admin_json_text(state_view(&admin->view), true);

    if (text != NULL && evbuffer_add_printf(admin->body, "%s\n", text) >= 0)
        admin_reply(admin->body, request, HTTP_OK, "OK", "application/json");
    else
        admin_reply_no_memory(admin->body, request);
    free(text);
}

static void serve_events(struct admin *admin, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    int rc;

    admin_reply_headers(request, "text/event-stream");
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
        evhttp_send_reply(request, HTTP_OK, "OK", NULL);
        return;
    }
    rc = admin_events_open(admin->events, request);
    if (rc == 0) {
        admin_places_keep(admin->places, connection);
        return;
    }
    evhttp_clear_headers(evhttp_request_get_output_headers(request));
    if (rc == -EBUSY)
        admin_reply_text(admin->body, request, HTTP_SERVUNAVAIL, "Service Unavailable",
                         "all streams of /events are taken: try again later, or use /stats.json");
    else
        admin_reply_no_memory(admin->body, request);
}

static void serve_livez(struct admin *admin, struct evhttp_request *request)
{
    admin_reply_text(admin->body, request, HTTP_OK, "OK", "ok");
}

static void serve_readyz(struct admin *admin, struct evhttp_request *request)
{
    const char *why = state_not_ready(state_view(&admin->view));

    if (why != NULL)
        admin_reply_text(admin->body, request, HTTP_SERVUNAVAIL, "Service Unavailable", why);
    else
        admin_reply_text(admin->body, request, HTTP_OK, "OK", "ready");
}

static void serve_workers(struct admin *admin, struct evhttp_request *request)
{
    admin_control_workers(&admin->control, admin->body, request);
}

static void serve_accept(struct admin *admin, struct evhttp_request *request)
{
    admin_control_accept(&admin->control, admin->body, request);
}

static void serve_visitors(struct admin *admin, struct evhttp_request *request)
{
    admin_control_visitors(&admin->control, admin->body, request);
}

static const struct route {
    const char *path;
    void (*serve)(struct admin *admin, struct evhttp_request *request);
    bool any_method; /* it checks the method itself; the others are for GET and HEAD */
} routes[] = {
    {"/", serve_page, false},
    {"/metrics", serve_metrics, false},
    {"/stats.json", serve_stats, false},
    {"/events", serve_events, false},
    {"/livez", serve_livez, false},
    {"/healthz", serve_livez, false},
    {"/readyz", serve_readyz, false},
    {"/control/workers", serve_workers, true},
    {"/control/accept", serve_accept, true},
    {"/control/visitors", serve_visitors, true},
};

/* Find the route of a request. @return NULL: there is no such path */
static const struct route *find_route(struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);

    for (size_t i = 0; path != NULL && i < sizeof routes / sizeof *routes; i++)
        if (strcmp(path, routes[i].path) == 0)
            return &routes[i];
    return NULL;
}

/* Reply with the unknown path, escaped, since a stranger has chosen it. */
static void reply_not_found(struct admin *admin, struct evhttp_request *request)
{
    const char *asked = evhttp_request_get_uri(request);
    char shown[PATH_SHOWN_MAX];
    size_t used;
    size_t size =
        escape_bytes(shown, sizeof shown, (const unsigned char *)asked, strlen(asked), &used);

    evbuffer_add_printf(admin->body, "there is no %.*s%s here: see /\n", (int)size, shown,
                        asked[used] != '\0' ? "..." : "");
    admin_reply(admin->body, request, HTTP_NOTFOUND, "Not Found", ADMIN_TEXT_TYPE);
}

/* Answer a request that has arrived as a whole. */
static void on_request(struct evhttp_request *request, void *argument)
{
    struct admin *admin = argument;
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const struct route *route = find_route(request);
    bool is_read = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD;

    admin_places_touch(admin->places, evhttp_request_get_connection(request));
    if (!is_read && (route == NULL || !route->any_method))
        admin_reply_bad_method(admin->body, request, "GET, HEAD",
                               "only GET and HEAD: nothing can be changed here");
    else if (route != NULL)
        route->serve(admin, request);
    else
        reply_not_found(admin, request);
}

/* --- start and end ------------------------------------------------------------------------- */

/* Make everything except the sockets, which are taken over. @return 0 or a negated errno value */
static int set_up(struct admin *admin, struct event_base *base, const int fds[], unsigned count)
{
    struct evhttp *http = evhttp_new(base);
    int rc = -ENOMEM;

    admin->body = evbuffer_new();
    admin->events = admin_events_new(base, &admin->view);
    if (http == NULL || admin->body == NULL || admin->events == NULL) {
        for (unsigned i = 0; i < count; i++)
            close(fds[i]);
    } else {
        evhttp_set_gencb(http, on_request, admin);
        evhttp_set_max_headers_size(http, ADMIN_HEADERS_MAX);
        evhttp_set_max_body_size(http, BODY_MAX);
        evhttp_set_default_content_type(http, NULL);
        evhttp_set_allowed_methods(http, ANY_METHOD); /* on_request() refuses them */
        rc = admin_places_new(base, http, fds, count, &admin->places);
        if (rc == 0)
            return 0;
    }
    if (http != NULL)
        evhttp_free(http);
    return rc;
}

/* Warn of an address that other machines can reach. */
static void warn_if_public(const struct address *address, bool control)
{
    char text[ADDRESS_TEXT_MAX];

    if (!address_is_loopback(address))
        log_warn(
            "the admin port is open on %s: all machines that can reach it can read the state of "
            "this server%s",
            address_text(address, text), control ? _(", and change its workers") : "");
}

int admin_new(struct event_base *base, const char *text, bool control,
              const struct admin_host *host, struct admin **result, char why[static ADMIN_WHY_MAX])
{
    struct listening_socket sockets[SOCKETS_MAX];
    int fds[SOCKETS_MAX];
    char name[ADMIN_HOST_MAX];
    struct admin *admin = calloc(1, sizeof *admin);
    int count, rc;

    snprintf(why, ADMIN_WHY_MAX, "out of memory");
    if (admin == NULL)
        return -ENOMEM;
    admin->host = *host;
    admin->view.host = &admin->host;
    count = admin_open(text, name, sockets, why);
    if (count < 0) {
        admin_free(admin);
        return count;
    }
    for (int i = 0; i < count; i++) {
        fds[i] = sockets[i].fd;
        address_text(&sockets[i].address, admin->addresses[i]);
    }
    rc = set_up(admin, base, fds, (unsigned)count);
    if (rc != 0)
        admin_open_explain(-rc, &sockets[0].address, why);
    else if ((rc = admin_control_init(&admin->control, &admin->host, control, name)) != 0)
        snprintf(why, ADMIN_WHY_MAX, "cannot make random numbers: %s", strerror(-rc));
    if (rc != 0) {
        admin_free(admin);
        return rc;
    }
    for (int i = 0; i < count; i++)
        warn_if_public(&sockets[i].address, control);
    *result = admin;
    return 0;
}

const char *admin_address(const struct admin *admin, unsigned index)
{
    return index < ADMIN_SOCKETS_MAX && admin->addresses[index][0] != '\0' ? admin->addresses[index]
                                                                           : NULL;
}

void admin_look_again(struct admin *admin)
{
    admin->view.good_until_ns = 0;
}

/* Send what the kernel takes at once; a client that does not read is not waited for. */
static void send_events(struct admin *admin, struct event_base *base)
{
    for (int turn = 0; turn < LAST_TURNS && admin_events_wait(admin->events); turn++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

void admin_end(struct admin *admin, struct event_base *base)
{
    send_events(admin, base); /* a stream whose event is not sent yet would miss the last one */
    admin_look_again(admin);  /* the state before the last session has ended is not shown again */
    admin_events_last(admin->events);
    send_events(admin, base);
}

void admin_free(struct admin *admin)
{
    if (admin == NULL)
        return;
    admin_places_free(admin->places);
    admin_events_free(admin->events);
    if (admin->body != NULL)
        evbuffer_free(admin->body);
    free(admin);
}
