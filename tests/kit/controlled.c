/* SPDX-License-Identifier: MIT */
/* A server that is controlled over its admin port: see controlled.h. */
#include "tests/kit/controlled.h"

#include "tests/kit/http.h"
#include "tests/kit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct controlled controlled_start(const char *const arguments[])
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
    struct controlled server = {.kit = kit_start(arguments)};
    struct http_reply reply;
    const char *found;
    int fd;

    server.port = kit_admin_port(&server.kit);
    fd = tcp_connect(server.port);
    tcp_send(fd, request, sizeof request - 1);
    reply = http_read(fd, false);
    close(fd);
    found = strstr(reply.body, "\"control-token\" content=\"");
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(sscanf(found, "\"control-token\" content=\"%64[0-9a-f]\"", server.token), 1);
    return server;
}

char *controlled_ask(const struct controlled *server, const char *path, const char *body,
                     int status)
{
    struct http_reply reply;
    int fd = tcp_connect(server->port);
    const char *request = suite_text(
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u\r\n"
        "Content-Type: application/json\r\nX-Echo-Control: %s\r\nContent-Length: "
        "%zu\r\n\r\n%s",
        path, (unsigned)server->port, (unsigned)server->port, server->token, strlen(body), body);

    tcp_send(fd, request, strlen(request));
    reply = http_read(fd, false);
    close(fd);
    ck_assert_msg(reply.status == status, "%s %s: %s%s", path, body, reply.head, reply.body);
    free(reply.head);
    return reply.body;
}

void controlled_expect(const struct controlled *server, const char *path, const char *body,
                       int status, const char *says)
{
    char *reply = controlled_ask(server, path, body, status);

    ck_assert_msg(strstr(reply, says) != NULL, "%s %s: %s", path, body, reply);
}

/* What a path of /stats.json says now; the state may be some milliseconds old. */
static json_t *stat_of(const struct controlled *server, const char *part, const char *key)
{
    char *text = http_body(server->port, "/stats.json", 200);
    json_t *stats = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *value = json_incref(json_object_get(json_object_get(stats, part), key));

    ck_assert_msg(value != NULL, "no %s.%s in %s", part, key, text);
    json_decref(stats);
    return value;
}

/* Between two looks an event is waited for: the server sends one whenever it has looked at its state for a page. */
void controlled_wait(const struct controlled *server, const char *part, const char *key,
                     json_int_t wanted)
{
    int events = http_listen(server->port);
    uint64_t id;

    for (;;) {
        json_t *value = stat_of(server, part, key);
        json_int_t is = json_integer_value(value);

        json_decref(value);
        if (is == wanted)
            break;
        ck_assert_ptr_nonnull(http_event(events, &id));
    }
    close(events);
}
