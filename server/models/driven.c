/* SPDX-License-Identifier: MIT */
/*
 * Sessions on an event loop: see driven.h.
 *
 * DESIGN. Each session has one event, for what it needs now. That is nearly always to read, so the
 * event persists, and an echo needs no call that adds or removes one. The event is level triggered:
 * bytes that a session leaves in its socket make it ready again.
 *
 * No bufferevents: they ask the kernel how many bytes there are before they read, and switch writing
 * on and off for every reply, five system calls instead of two.
 */
#include "server/models/driven.h"

#include "server/models/loops.h"
#include "server/session/serve.h"

#include <stddef.h>
#include <stdlib.h>

struct driver {
    struct event_base *base;
    unsigned worker;
    void (*ended)(void *context);
    void *context;
    unsigned char buffer[];
};

struct driven {
    struct arrival arrival;
    struct driver *driver;
    struct session *session;
    enum need need; /* what the event waits for */
    /* a struct event, whose size is known at run time only */
    _Alignas(max_align_t) unsigned char event[];
};

static struct event *event_of(struct driven *driven)
{
    return (struct event *)(void *)driven->event;
}

static void go_on(evutil_socket_t fd, short what, void *argument);

/* Wait for what the session needs, then go_on(). @return false: out of memory */
static bool wait_for(struct driven *driven, enum need need)
{
    static const struct timeval none = {0};
    static const struct timeval moment = {.tv_usec = SESSION_MOMENT_NS / 1000};
    struct event_base *base = driven->driver->base;
    struct event *event = event_of(driven);
    int fd = driven->session->stream.fd;

    if (driven->need != NEED_NOTHING)
        event_del(event);
    driven->need = need;
    switch (need) {
    case NEED_READ:
        event_assign(event, base, fd, EV_READ | EV_PERSIST, go_on, driven);
        return event_add(event, NULL) == 0;
    case NEED_WRITE:
        event_assign(event, base, fd, EV_WRITE | EV_PERSIST, go_on, driven);
        return event_add(event, NULL) == 0;
    case NEED_TURN: /* after a timer of no time the loop has looked at all other events */
        event_assign(event, base, -1, 0, go_on, driven);
        return event_add(event, &none) == 0;
    case NEED_MOMENT:
        event_assign(event, base, -1, 0, go_on, driven);
        return event_add(event, &moment) == 0;
    case NEED_NOTHING: break;
    }
    abort(); /* a session that needs nothing has ended */
}

/* Release it, after its session has been counted and closed. */
static void end(struct driven *driven)
{
    struct driver *driver = driven->driver;

    free(driven);
    driver->ended(driver->context);
}

/* End a session, whatever its stage, since there is no memory for its event. */
static void give_up(struct driven *driven)
{
    struct session *session = driven->session;

    session_judge(session, OUTCOME_FAILED);
    (void)session_serve(session, driven->driver->buffer, driven->driver->worker);
    session_drop(session, OUTCOME_FAILED);
    end(driven);
}

/* Serve a session when what it waited for is there. */
static void go_on(evutil_socket_t fd, short what, void *argument)
{
    struct driven *driven = argument;
    struct driver *driver = driven->driver;
    enum need need = session_serve(driven->session, driver->buffer, driver->worker);

    (void)fd;
    (void)what;
    if (need == driven->need && (need == NEED_READ || need == NEED_WRITE))
        return; /* the event is still there for it */
    if (need != NEED_NOTHING) {
        if (!wait_for(driven, need))
            give_up(driven);
        return;
    }
    /* Before the descriptor is closed and its number reused. */
    if (driven->need != NEED_NOTHING)
        event_del(event_of(driven));
    session_end(driven->session);
    end(driven);
}

struct driven *driven_new(struct driver *driver, struct session *session)
{
    struct driven *driven = calloc(1, sizeof *driven + event_get_struct_event_size());

    if (driven == NULL)
        return NULL;
    driven->driver = driver;
    driven->session = session;
    return driven;
}

void driven_start(struct driven *driven)
{
    session_set_nonblocking(driven->session);
    go_on(-1, 0, driven);
}

struct driver *driver_new(struct event_base *base, struct shared *shared, unsigned worker,
                          void (*ended)(void *context), void *context)
{
    struct driver *driver = malloc(sizeof *driver + shared->buffer_bytes);

    if (driver != NULL)
        *driver =
            (struct driver){.base = base, .worker = worker, .ended = ended, .context = context};
    return driver;
}

void driver_free(struct driver *driver)
{
    free(driver);
}
