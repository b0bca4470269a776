/* SPDX-License-Identifier: MIT */
/*
 * Lingering closes on the loop: see refuse.h.
 *
 * DESIGN. There is a fixed number of places, each with its event made at the start, so that a flood of
 * refusals allocates nothing and holds a known number of descriptors. When all are taken the oldest is
 * closed, because it has had the most time; the accept path never waits for a place.
 */
#include "server/session/refuse.h"

#include "common/clock.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MS = 2000,
    LINGER_BYTES = 1024 * 1024,
};

/* A place for one connection that lingers. */
struct place {
    struct event *event; /* watches fd; made at the start, assigned again for each connection */
    int fd;              /* -1: the place is free */
    int64_t until_ns;
    size_t bytes_left;
};

struct refuser {
    struct event_base *base;
    struct place places[REFUSE_LINGERING_MAX];
};

static void place_close(struct place *place)
{
    event_del(place->event);
    close(place->fd);
    place->fd = -1;
}

/* Wait for the client's next bytes, but not beyond the place's time. */
static void place_watch(struct place *place)
{
    int64_t left_us = (place->until_ns - clock_now_ns()) / 1000;
    struct timeval left = {left_us / 1000000, left_us % 1000000};

    if (left_us <= 0 || event_add(place->event, &left) != 0)
        place_close(place);
}

/* Handle bytes from the client, its end of file, or the end of its time. */
static void place_ready(evutil_socket_t fd, short what, void *argument)
{
    struct place *place = argument;
    char bytes[16384];
    ssize_t got = 0;

    if (what & EV_READ) {
        got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            place_watch(place);
            return;
        }
    }
    if (got <= 0 || (size_t)got >= place->bytes_left) {
        place_close(place);
        return;
    }
    place->bytes_left -= (size_t)got;
    place_watch(place);
}

/* Get a free place; if there is none, close the oldest one. */
static struct place *place_take(struct refuser *refuser)
{
    struct place *oldest = &refuser->places[0];

    for (int i = 0; i < REFUSE_LINGERING_MAX; i++) {
        struct place *place = &refuser->places[i];
        if (place->fd < 0)
            return place;
        if (place->until_ns < oldest->until_ns)
            oldest = place;
    }
    place_close(oldest);
    return oldest;
}

/* Send the line. A new connection has room for it; otherwise the client sees only the end. */
static void send_line(int fd, const char *why)
{
    char line[256];
    int length = snprintf(line, sizeof line - 1, "BUSY %s", why);

    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length++] = '\n';
    (void)send(fd, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void refuse(struct refuser *refuser, int fd, const char *why)
{
    struct place *place = place_take(refuser);

    send_line(fd, why);
    shutdown(fd, SHUT_WR);

    place->fd = fd;
    place->bytes_left = LINGER_BYTES;
    place->until_ns = clock_now_ns() + LINGER_MS * INT64_C(1000000);
    event_assign(place->event, refuser->base, fd, EV_READ, place_ready, place);
    place_watch(place);
}

struct refuser *refuser_new(struct event_base *base)
{
    struct refuser *refuser = calloc(1, sizeof *refuser);

    if (refuser == NULL)
        return NULL;
    refuser->base = base;
    for (int i = 0; i < REFUSE_LINGERING_MAX; i++) {
        struct place *place = &refuser->places[i];
        place->fd = -1;
        place->event = event_new(base, -1, EV_READ, place_ready, place);
        if (place->event == NULL) {
            refuser_free(refuser);
            return NULL;
        }
    }
    return refuser;
}

bool refuser_is_idle(const struct refuser *refuser)
{
    for (int i = 0; i < REFUSE_LINGERING_MAX; i++)
        if (refuser->places[i].fd >= 0)
            return false;
    return true;
}

void refuser_free(struct refuser *refuser)
{
    if (refuser == NULL)
        return;
    for (int i = 0; i < REFUSE_LINGERING_MAX; i++) {
        struct place *place = &refuser->places[i];
        if (place->event == NULL)
            continue;
        if (place->fd >= 0)
            place_close(place);
        event_free(place->event);
    }
    free(refuser);
}
