/* SPDX-License-Identifier: MIT */
/* A mailbox in a real event loop. The library alone is tested without this program. */
#include "pool/echopool.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <event2/event.h>
#include <pthread.h>

#define COUNT 2000

struct loop {
    struct event_base *base;
    struct ep_mailbox *mailbox;
    pthread_t thread;
    unsigned delivered;
    unsigned wake_ups;
};

static void deliver(struct ep_future *future, void *context)
{
    struct loop *loop = context;

    ck_assert(pthread_equal(pthread_self(), loop->thread));
    ck_assert(ep_future_done(future));
    loop->delivered++;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;

    (void)fd;
    (void)what;
    loop->wake_ups++;
    ep_mailbox_dispatch(loop->mailbox);
    if (loop->delivered == COUNT)
        event_base_loopbreak(loop->base);
}

CASE("Core")

LOOP_TEST(libevent_delivers_them_all, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 2, 0);
    struct loop loop = {.base = event_base_new(), .thread = pthread_self()};
    struct event *event;

    ck_assert_int_eq(ep_mailbox_new(&loop.mailbox), 0);
    event =
        event_new(loop.base, ep_mailbox_fd(loop.mailbox), EV_READ | EV_PERSIST, on_readable, &loop);
    ck_assert_int_eq(event_add(event, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        struct ep_future *future = submit_int(pool, nothing_task, i);

        ck_assert_int_eq(ep_mailbox_add(loop.mailbox, future, deliver, &loop), 0);
        ep_future_unref(future);
    }
    ck_assert_int_eq(event_base_dispatch(loop.base), 0);
    ck_assert_uint_eq(loop.delivered, COUNT);
    ck_assert_uint_ge(loop.wake_ups, 1);
    ck_assert_uint_le(loop.wake_ups, COUNT);
    event_free(event);
    event_base_free(loop.base);
    ep_mailbox_free(loop.mailbox);
    ep_executor_free(pool);
}
