/* SPDX-License-Identifier: MIT */
/* An HTTP client for the tests of the admin port: see http.h. */
#include "tests/kit/http.h"

#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEEK_BYTES 16384
#define REPLY_MAX  (8 * 1024 * 1024)

static int status_of(const char *head)
{
    int status;

    ck_assert_msg(sscanf(head, "HTTP/1.%*1[01] %3d ", &status) == 1, "this is no reply: %s", head);
    return status;
}

/*
 * Receive up to and with these bytes, and not one more, so that the rest stays. What has come is
 * looked at before it is taken. @return NULL at end of file
 */
static char *receive_until(int fd, const char *end)
{
    char *text = NULL;
    size_t size = 0;

    for (;;) {
        char *found = NULL;
        text = realloc(text, size + PEEK_BYTES + 1);
        ck_assert_ptr_nonnull(text);
        ssize_t seen = recv(fd, text + size, PEEK_BYTES, MSG_PEEK);
        if (seen <= 0) {
            free(text);
            return NULL;
        }
        text[size + (size_t)seen] = '\0';
        found = strstr(text, end);
        if (found != NULL)
            seen = found + strlen(end) - (text + size);
        tcp_receive(fd, text + size, (size_t)seen);
        size += (size_t)seen;
        ck_assert_uint_lt(size, REPLY_MAX);
        text[size] = '\0';
        if (found != NULL)
            return suite_keep(text);
    }
}

static char *read_head(int fd)
{
    char *head = receive_until(fd, "\r\n\r\n");

    ck_assert_msg(head != NULL, "the connection was closed without a reply");
    return head;
}

const char *http_header(const struct http_reply *reply, const char *name, char value[static 200])
{
    size_t length = strlen(name);

    for (const char *line = strstr(reply->head, "\r\n"); line != NULL;
         line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        line += length + 1 + strspn(line + length + 1, " ");
        snprintf(value, 200, "%.*s", (int)strcspn(line, "\r"), line);
        return value;
    }
    return NULL;
}

static size_t length_of(const struct http_reply *reply)
{
    char value[200];
    size_t size = 0;

    ck_assert_msg(http_header(reply, "Content-Length", value) != NULL, "no length: %s",
                  reply->head);
    ck_assert_int_eq(sscanf(value, "%zu", &size), 1);
    ck_assert_uint_lt(size, REPLY_MAX);
    return size;
}

struct http_reply http_read(int fd, bool head_only)
{
    struct http_reply reply = {.head = read_head(fd)};

    reply.status = status_of(reply.head);
    reply.size = head_only ? 0 : length_of(&reply);
    reply.body = suite_memory(reply.size + 1);
    tcp_receive(fd, reply.body, reply.size);
    return reply;
}

/* Send as much as the server takes. */
static void send_some(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

struct http_reply http_send(uint16_t port, const void *bytes, size_t size)
{
    struct http_reply reply = {0};
    char *text = suite_memory(REPLY_MAX + 1);
    int fd = tcp_connect(port);
    bool reset;
    char *end;

    send_some(fd, bytes, size);
    shutdown(fd, SHUT_WR);
    reply.head = text;
    reply.body = text + tcp_receive_all(fd, text, REPLY_MAX, &reset);
    close(fd);
    end = strstr(text, "\r\n\r\n");
    if (end != NULL) {
        reply.size = (size_t)(reply.body - (end + 4));
        reply.body = suite_memory(reply.size + 1);
        memcpy(reply.body, end + 4, reply.size + 1);
        end[4] = '\0';
        reply.status = status_of(text);
    } else {
        ck_assert_msg(text[0] == '\0', "half a reply: %s", text);
        reply.body = suite_memory(1);
    }
    return reply;
}

struct http_reply http_get(uint16_t port, const char *path)
{
    struct http_reply reply;
    char request[1000];
    int fd = tcp_connect(port);

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
             path);
    tcp_send(fd, request, strlen(request));
    reply = http_read(fd, false);
    close(fd);
    return reply;
}

char *http_body(uint16_t port, const char *path, int status)
{
    struct http_reply reply = http_get(port, path);

    ck_assert_msg(reply.status == status, "%s: %s%s", path, reply.head, reply.body);
    return reply.body;
}

int http_listen(uint16_t port)
{
    static const char request[] = "GET /events HTTP/1.0\r\n\r\n";
    int fd = tcp_connect(port);
    char *head;

    tcp_send(fd, request, sizeof request - 1);
    head = read_head(fd);
    ck_assert_int_eq(status_of(head), 200);
    return fd;
}

/* One line without its end. @return NULL at end of file */
static char *read_line(int fd)
{
    char *line = receive_until(fd, "\n");

    if (line != NULL)
        line[strlen(line) - 1] = '\0';
    return line;
}

char *http_event(int fd, uint64_t *id)
{
    char *data = NULL;
    char *line;

    *id = 0;
    while ((line = read_line(fd)) != NULL) {
        if (line[0] == '\0' && data != NULL)
            return data;
        if (strncmp(line, "data: ", 6) == 0) {
            ck_assert_ptr_null(data);
            data = line + 6;
        } else if (line[0] != '\0' && line[0] != ':' && strncmp(line, "retry: ", 7) != 0) {
            ck_assert_msg(sscanf(line, "id: %" SCNu64, id) == 1, "this is no event: %s", line);
        }
    }
    return NULL;
}
