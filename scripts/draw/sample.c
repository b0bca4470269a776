/* SPDX-License-Identifier: MIT */
/*
 * Record the state of a running echo-server: `sample PORT INTERVAL`.
 *
 * PORT is the server's --admin port on 127.0.0.1, INTERVAL a time such as 15ms. Requests
 * /stats.json over one connection at each interval, and prints a line of tab-separated numbers for
 * each reply, under a line of names, until the server exits. scripts/plate and scripts/sweep draw
 * the numbers. A server without memory may drop a connection: as long as it listens, the next request
 * has a new one.
 *
 * The requests follow a fixed clock, not the previous reply, so that their times do not depend on
 * what the server is doing: the mean of a count over the samples is its mean over time. The server
 * renews its state at most every 10 ms and sends the same state until then, which makes one line
 * here. INTERVAL should be longer than that: at 10ms it would depend on the server's load whether a
 * sample is new, and means were a third too low.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX      (1024 * 1024)
#define INTERVAL_MAX_NS INT64_C(60000000000)

static const char request[] = "GET /stats.json HTTP/1.1\r\nHost: localhost\r\n\r\n";

/* @return a connection to the port on this machine, or -1 */
static int dial(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* @return the body of a reply, or NULL: it is not complete yet */
static const char *body_of(const char *answer, size_t size, size_t *body_size)
{
    static const char field[] = "\r\nContent-Length:";
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = strcasestr(answer, field);

    if (end == NULL || length == NULL || length > end)
        return NULL;
    *body_size = strtoul(length + strlen(field), NULL, 10);
    end += 4;
    return size - (size_t)(end - answer) >= *body_size ? end : NULL;
}

/* Request the state once. @return the state, or NULL: the connection has ended, or the reply is none */
static json_t *ask(int fd, char *buffer)
{
    size_t size = 0, body_size;
    const char *body;

    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return NULL;
    do {
        ssize_t more = recv(fd, buffer + size, ANSWER_MAX - 1 - size, 0);
        if (more <= 0)
            return NULL;
        size += (size_t)more;
        buffer[size] = '\0';
        body = body_of(buffer, size, &body_size);
    } while (body == NULL);
    return json_loadb(body, body_size, 0, NULL);
}

/* @return the number at a path of keys separated by slashes, or 0: there is none */
static double number_at(const json_t *object, const char *path)
{
    while (object != NULL && *path != '\0') {
        char key[64];
        size_t length = strcspn(path, "/");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        object = json_object_get(object, key);
        path += length + (path[length] == '/');
    }
    return json_number_value(object);
}

/* @return the number of sessions that ended without being served */
static double turned_away(const json_t *state)
{
    return number_at(state, "connections/accepted") - number_at(state, "connections/active") -
           number_at(state, "connections/ended/served");
}

/* @return the number of sessions that have a worker */
static double with_worker(const json_t *state)
{
    return number_at(state, "connections/active") - number_at(state, "sessions/phases/queued") -
           number_at(state, "sessions/phases/parked");
}

static void print_line(const json_t *state)
{
    printf("%.6f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\n",
           number_at(state, "uptime_seconds"), number_at(state, "resources/threads"),
           number_at(state, "resources/virtual_bytes"), number_at(state, "connections/accepted"),
           number_at(state, "connections/ended/served"), turned_away(state),
           number_at(state, "sessions/phases/queued"), with_worker(state),
           number_at(state, "sessions/phases/parked"), number_at(state, "echoes"));
    if (fflush(stdout) != 0)
        log_fatal("cannot write to standard output: %m");
}

/* Sleep until an instant of the monotonic clock. */
static void wait_until(int64_t ns)
{
    const struct timespec instant = clock_timespec(ns);

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &instant, NULL) == EINTR)
        continue;
}

int main(int argc, char *argv[])
{
    char *buffer = malloc(ANSWER_MAX);
    int64_t interval_ns = 0;
    uint64_t port = 0;
    double last = -1;
    int fd;

    log_init("sample", LOG_NORMAL);
    if (argc != 3 || !parse_number(argv[1], 1, 65535, &port) ||
        !parse_duration(argv[2], INTERVAL_MAX_NS, &interval_ns) || interval_ns == 0)
        log_usage("usage: sample PORT INTERVAL, such as: sample 8091 10ms");
    fd = dial((uint16_t)port);
    if (fd < 0 || buffer == NULL)
        log_fatal("cannot ask an echo-server on port %" PRIu64 ": %m; is that its --admin port?",
                  port);
    printf("seconds\tthreads\tvirtual_bytes\taccepted\tserved\tturned_away\tqueued\twith_worker\t"
           "parked\techoes\n");
    for (int64_t at = clock_now_ns();; at += interval_ns) {
        wait_until(at);
        json_t *state = ask(fd, buffer);
        if (state == NULL) {
            close(fd);
            fd = last < 0 ? -1 : dial((uint16_t)port);
            if (fd < 0)
                break;
            continue;
        }
        if (number_at(state, "uptime_seconds") > last)
            print_line(state);
        last = number_at(state, "uptime_seconds");
        json_decref(state);
    }
    free(buffer);
    return last < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
