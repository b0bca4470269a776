/* SPDX-License-Identifier: MIT */
/*
 * --model event: N event loops, each a thread that serves many sessions by turns.
 *
 * A loop sleeps in epoll until the kernel reports which of its sessions are ready, serves them,
 * and asks again. So a session costs a descriptor and half a kilobyte instead of a thread, and ten
 * thousand idle sessions cost no time. The price: all sessions of a loop share its thread. If one of
 * them works for 10 ms, all others wait that long; try --delay.
 *
 *     accept loop: accept ──dispatch──> list of the loop with the fewest sessions, eventfd
 *                                        └ loop's thread: on_wake ─> driven_start ─> communicate
 *
 * How sessions come to a loop is in loops.c. A loop's event base has no locks, because only its thread
 * uses it (as in memcached).
 */
#include "server/models/driven.h"
#include "server/models/loops.h"

#include "common/log.h"

#include <errno.h>

struct event_loop {
    struct loop loop;
    /* set before the thread begins; then used by the thread only */
    struct event_base *base;
    struct driver *driver;
    struct event *wake;
};

/* --- in a loop's thread -------------------------------------------------------------------- */

static void ended(void *context)
{
    loop_session_ended(context);
}

/* Start new sessions, or end the loop. */
static void on_wake(evutil_socket_t fd, short what, void *argument)
{
    struct event_loop *loop = argument;
    struct arrival *arrived;
    bool stop;

    (void)fd;
    (void)what;
    arrived = loop_arrivals(&loop->loop, &stop);
    while (arrived != NULL) {
        struct arrival *next = arrived->next;
        driven_start((struct driven *)arrived);
        arrived = next;
    }
    if (stop)
        event_base_loopbreak(loop->base);
}

static void run(struct loop *base)
{
    struct event_loop *loop = (struct event_loop *)base;

    if (event_base_dispatch(loop->base) != 0)
        log_fatal("an event loop has failed");
}

/* --- in the accept loop -------------------------------------------------------------------- */

static struct arrival *welcome(struct loop *base, struct session *session)
{
    return (struct arrival *)driven_new(((struct event_loop *)base)->driver, session);
}

/* --- life ---------------------------------------------------------------------------------- */

/* Make an event base without locks, and without a reading of the clock in every turn. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL; /* which event_config_free() does not take */
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int init(struct loop *base)
{
    struct event_loop *loop = (struct event_loop *)base;

    loop->base = make_base();
    if (loop->base == NULL)
        return -ENOMEM;
    loop->driver = driver_new(loop->base, base->loops->shared, base->number, ended, base);
    loop->wake = event_new(loop->base, base->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    if (loop->driver == NULL || loop->wake == NULL)
        return -ENOMEM;
    return event_add(loop->wake, NULL) == 0 ? 0 : -errno;
}

static void clear(struct loop *base)
{
    struct event_loop *loop = (struct event_loop *)base;

    if (loop->wake != NULL)
        event_free(loop->wake);
    driver_free(loop->driver);
    if (loop->base != NULL)
        event_base_free(loop->base);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    static const struct loops_kind kind = {
        .loop_bytes = sizeof(struct event_loop),
        .init = init,
        .run = run,
        .clear = clear,
        .welcome = welcome,
    };

    return loops_create(&kind, settings, result, why);
}

const struct model_type model_event = {
    .name = "event",
    .unit = "loop",
    .title = "Event loops",
    .words = "each a thread that serves many sessions by turns",
    .holds_many = true,
    .create = create,
    .dispatch = loops_dispatch,
    .has_room = loops_have_room,
    .destroy = loops_destroy,
};
