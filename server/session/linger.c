/* SPDX-License-Identifier: MIT */
/*
 * Lingering closes on the loop: see linger.h.
 *
 * DESIGN. There is a fixed number of places, each with its event made at the start, so that a flood of
 * refusals allocates nothing and holds a known number of descriptors. When all are taken the oldest is
 * closed, because it has had the most time; the accept path never waits for a place. Workers do not touch
 * the loop's events: they hand descriptors over, under a lock.
 */
#include "server/session/linger.h"

#include "common/clock.h"
#include "common/must.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MS = 2000,
    LINGER_BYTES = 1024 * 1024,
    LATER_MAX = 16, /* for a moment */
};

/* A place for one connection that lingers. */
struct place {
    struct event *event; /* watches fd; made at the start, assigned again for each connection */
    int fd;              /* -1: the place is free */
    int64_t until_ns;
    size_t bytes_left;
};

struct lingerer {
    pthread_t thread; /* the loop's */
    /* loop only */
    struct event_base *base;
    struct place places[LINGERING_MAX];

    pthread_mutex_t lock;
    /* guarded by lock */
    unsigned announced;   /* not handed over yet */
    int later[LATER_MAX]; /* descriptors that were handed over */
    unsigned count;
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
static struct place *place_take(struct lingerer *lingerer)
{
    struct place *oldest = &lingerer->places[0];

    for (int i = 0; i < LINGERING_MAX; i++) {
        struct place *place = &lingerer->places[i];
        if (place->fd < 0)
            return place;
        if (place->until_ns < oldest->until_ns)
            oldest = place;
    }
    place_close(oldest);
    return oldest;
}

void linger_busy(int fd, const char *why)
{
    char line[256];
    int length = snprintf(line, sizeof line - 1, "BUSY %s", why);

    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length++] = '\n';
    (void)send(fd, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void linger(struct lingerer *lingerer, int fd)
{
    struct place *place = place_take(lingerer);

    shutdown(fd, SHUT_WR);
    place->fd = fd;
    place->bytes_left = LINGER_BYTES;
    place->until_ns = clock_now_ns() + LINGER_MS * INT64_C(1000000);
    event_assign(place->event, lingerer->base, fd, EV_READ, place_ready, place);
    place_watch(place);
}

void linger_announce(struct lingerer *lingerer)
{
    MUST(pthread_mutex_lock(&lingerer->lock));
    lingerer->announced++;
    MUST(pthread_mutex_unlock(&lingerer->lock));
}

bool linger_later(struct lingerer *lingerer, int fd)
{
    bool elsewhere = !pthread_equal(pthread_self(), lingerer->thread);
    bool is_handed_over = false;

    MUST(pthread_mutex_lock(&lingerer->lock));
    lingerer->announced--;
    if (elsewhere && lingerer->count < LATER_MAX) {
        lingerer->later[lingerer->count++] = fd;
        is_handed_over = true;
    }
    MUST(pthread_mutex_unlock(&lingerer->lock));
    if (!elsewhere)
        linger(lingerer, fd);
    else if (!is_handed_over)
        close(fd);
    return elsewhere;
}

/* Take a descriptor that was handed over. @return -1: there is none */
static int take_later(struct lingerer *lingerer)
{
    int fd;

    MUST(pthread_mutex_lock(&lingerer->lock));
    fd = lingerer->count > 0 ? lingerer->later[--lingerer->count] : -1;
    MUST(pthread_mutex_unlock(&lingerer->lock));
    return fd;
}

void linger_tend(struct lingerer *lingerer)
{
    int fd;

    while ((fd = take_later(lingerer)) >= 0)
        linger(lingerer, fd);
}

struct lingerer *lingerer_new(struct event_base *base)
{
    struct lingerer *lingerer = calloc(1, sizeof *lingerer);

    if (lingerer == NULL)
        return NULL;
    lingerer->thread = pthread_self();
    lingerer->base = base;
    MUST(pthread_mutex_init(&lingerer->lock, NULL));
    for (int i = 0; i < LINGERING_MAX; i++) {
        struct place *place = &lingerer->places[i];
        place->fd = -1;
        place->event = event_new(base, -1, EV_READ, place_ready, place);
        if (place->event == NULL) {
            lingerer_free(lingerer);
            return NULL;
        }
    }
    return lingerer;
}

bool lingerer_is_idle(struct lingerer *lingerer)
{
    unsigned announced;

    /* First: if none is announced, those that were are handed over, and found below. */
    MUST(pthread_mutex_lock(&lingerer->lock));
    announced = lingerer->announced;
    MUST(pthread_mutex_unlock(&lingerer->lock));
    if (announced > 0)
        return false;
    linger_tend(lingerer);
    for (int i = 0; i < LINGERING_MAX; i++)
        if (lingerer->places[i].fd >= 0)
            return false;
    return true;
}

void lingerer_free(struct lingerer *lingerer)
{
    if (lingerer == NULL)
        return;
    for (int fd; (fd = take_later(lingerer)) >= 0;)
        close(fd);
    for (int i = 0; i < LINGERING_MAX; i++) {
        struct place *place = &lingerer->places[i];
        if (place->event == NULL)
            continue;
        if (place->fd >= 0)
            place_close(place);
        event_free(place->event);
    }
    pthread_mutex_destroy(&lingerer->lock);
    free(lingerer);
}
