/* SPDX-License-Identifier: MIT */
/* Mailboxes: completions brought to an event loop, with poll(2). */
#include "pool/echopool.h"
#include "pool/future-internal.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

static struct ep_mailbox *mailbox_of_test(void)
{
    struct ep_mailbox *mailbox = NULL;

    ck_assert_int_eq(ep_mailbox_new(&mailbox), 0);
    ck_assert_int_ge(ep_mailbox_fd(mailbox), 0);
    return mailbox;
}

/** Whether the descriptor is readable, waiting up to `timeout_ms`; -1: without a limit. */
static bool is_readable(const struct ep_mailbox *mailbox, int timeout_ms)
{
    struct pollfd poller = {.fd = ep_mailbox_fd(mailbox), .events = POLLIN};
    int ready;

    do
        ready = poll(&poller, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/** What was dispatched, in order. Only the loop's thread writes it. */
struct delivered {
    pthread_t loop;
    unsigned count;
    int values[8];
};

static void deliver(struct ep_future *future, void *context)
{
    struct delivered *delivered = context;
    struct ep_bytes reply = {0};

    ck_assert(pthread_equal(pthread_self(), delivered->loop));
    ck_assert(ep_future_done(future));
    if (delivered->count < 8)
        delivered->values[delivered->count] =
            ep_future_result(future, 0, &reply) == 0 && reply.size > 0 ? int_of(&reply) : -1;
    delivered->count++;
}

static void add(struct ep_mailbox *mailbox, struct ep_future *future, struct delivered *delivered)
{
    ck_assert_int_eq(ep_mailbox_add(mailbox, future, deliver, delivered), 0);
    ep_future_unref(future); /* the mailbox keeps it */
}

CASE("Core")

LOOP_TEST(several_completions_are_one_wake_up, KINDS)
{
    struct delivered delivered = {.loop = pthread_self()};
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_mailbox *mailbox = mailbox_of_test();

    add(mailbox, submit_gate(pool, gate), &delivered);
    for (int n = 1; n < 6; n++)
        add(mailbox, submit_int(pool, square_task, n), &delivered);
    ck_assert(!is_readable(mailbox, 0));
    ck_assert_uint_eq(ep_mailbox_dispatch(mailbox), 0);
    gate_open(gate, 1);
    ck_assert_int_eq(ep_executor_shutdown(pool, EP_WAIT), 0);
    ck_assert_uint_eq(delivered.count, 0); /* nothing is called but by dispatch */
    ck_assert(is_readable(mailbox, -1));
    ck_assert_uint_eq(ep_mailbox_dispatch(mailbox), 6);
    ck_assert_uint_eq(delivered.count, 6);
    for (int n = 1; n < 6; n++) /* one worker: the order of completion is that of submission */
        ck_assert_int_eq(delivered.values[n], n * n);
    ck_assert(!is_readable(mailbox, 0));
    ck_assert_uint_eq(ep_mailbox_dispatch(mailbox), 0);
    ep_mailbox_free(mailbox);
    ep_executor_free(pool);
}

LOOP_TEST(what_is_done_already_is_delivered_next_time, KINDS)
{
    struct delivered delivered = {.loop = pthread_self()};
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_mailbox *mailbox = mailbox_of_test();
    struct ep_future *future = submit_int(pool, square_task, 7);

    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, NULL), 0);
    add(mailbox, future, &delivered);
    ck_assert_uint_eq(delivered.count, 0);
    ck_assert(is_readable(mailbox, 0));
    ck_assert_uint_eq(ep_mailbox_dispatch(mailbox), 1);
    ck_assert_int_eq(delivered.values[0], 49);
    ep_mailbox_free(mailbox);
    ep_executor_free(pool);
}

LOOP_TEST(failures_and_cancellations_are_delivered_too, KINDS)
{
    struct delivered delivered = {.loop = pthread_self()};
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_mailbox *mailbox = mailbox_of_test();
    struct ep_future *cancelled;

    gate_occupy(pool, gate, 1);
    cancelled = submit_int(pool, square_task, 1);
    ck_assert_int_eq(ep_mailbox_add(mailbox, cancelled, deliver, &delivered), 0);
    add(mailbox, submit_bytes(pool, fail_task, NULL, 0), &delivered);
    ck_assert_int_eq(ep_future_cancel(cancelled), 0);
    ck_assert(is_readable(mailbox, 0));
    ck_assert_uint_eq(ep_mailbox_dispatch(mailbox), 1);
    gate_open(gate, 1);
    ck_assert(is_readable(mailbox, -1));
    ck_assert_uint_eq(ep_mailbox_dispatch(mailbox), 1);
    ck_assert_int_eq(delivered.values[0], -1);
    ck_assert_int_eq(delivered.values[1], -1);
    ep_future_unref(cancelled);
    ep_mailbox_free(mailbox);
    ep_executor_free(pool);
}

/** A chain in which each delivery submits the next task. */
struct chain {
    struct ep_executor *pool;
    struct ep_mailbox *mailbox;
    unsigned left;
};

static void deliver_and_submit(struct ep_future *future, void *context)
{
    struct chain *chain = context;
    struct ep_future *next;

    ck_assert_int_eq(ep_future_result(future, 0, NULL), 0);
    if (chain->left-- == 0)
        return;
    next = submit_int(chain->pool, square_task, 1);
    ck_assert_int_eq(ep_mailbox_add(chain->mailbox, next, deliver_and_submit, chain), 0);
    ep_future_unref(next);
    if (chain->left % 2 == 0)
        ck_assert_uint_le(ep_mailbox_dispatch(chain->mailbox), 1);
}

LOOP_TEST(a_delivery_may_add_and_dispatch, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct chain chain = {.pool = pool, .mailbox = mailbox_of_test(), .left = 100};
    struct ep_future *future = submit_int(pool, square_task, 1);

    ck_assert_int_eq(ep_mailbox_add(chain.mailbox, future, deliver_and_submit, &chain), 0);
    ep_future_unref(future);
    while (chain.left != UINT32_MAX) {
        ck_assert(is_readable(chain.mailbox, -1));
        ep_mailbox_dispatch(chain.mailbox);
    }
    ep_mailbox_free(chain.mailbox);
    ep_executor_free(pool);
}

static void add_again(struct ep_future *future, void *context)
{
    ck_assert_int_eq(ep_mailbox_add(context, future, add_again, context), 0);
}

LOOP_TEST(what_becomes_due_meanwhile_is_left_for_the_next_time, KINDS)
{
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_mailbox *mailbox = mailbox_of_test();
    struct ep_future *future = submit_int(pool, square_task, 1);

    ck_assert_int_eq(ep_mailbox_add(mailbox, future, add_again, mailbox), 0);
    for (int i = 0; i < 10; i++) {
        ck_assert(is_readable(mailbox, -1));
        ck_assert_uint_eq(ep_mailbox_dispatch(mailbox), 1);
    }
    ep_mailbox_free(mailbox);
    ep_future_unref(future);
    ep_executor_free(pool);
}

TEST(nonsense_is_refused)
{
    struct ep_executor *pool = executor_of(1, 1, EP_BLOCK);
    struct ep_mailbox *mailbox = mailbox_of_test();
    struct ep_future *future = submit_int(pool, square_task, 1);
    struct rlimit before, none;
    struct ep_mailbox *other = NULL;

    ck_assert_int_eq(ep_mailbox_new(NULL), -EINVAL);
    ck_assert_int_eq(ep_mailbox_add(NULL, future, deliver, NULL), -EINVAL);
    ck_assert_int_eq(ep_mailbox_add(mailbox, NULL, deliver, NULL), -EINVAL);
    ck_assert_int_eq(ep_mailbox_add(mailbox, future, NULL, NULL), -EINVAL);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(ep_mailbox_new(&other), -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_ptr_null(other);
    ep_mailbox_free(NULL);
    ep_mailbox_free(mailbox);
    ep_future_unref(future);
    ep_executor_free(pool);
}

LOOP_TEST(what_was_not_dispatched_never_is, KINDS)
{
    struct delivered delivered = {.loop = pthread_self()};
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct ep_mailbox *mailbox = mailbox_of_test();
    struct ep_future *done = submit_int(pool, square_task, 1);
    struct ep_future *running, *pending;

    ck_assert_int_eq(ep_future_result(done, EP_FOREVER, NULL), 0);
    running = submit_gate(pool, gate);
    pending = submit_int(pool, square_task, 1);
    gate_await(gate, 1);
    ck_assert_int_eq(ep_mailbox_add(mailbox, done, deliver, &delivered), 0);
    ck_assert_int_eq(ep_mailbox_add(mailbox, running, deliver, &delivered), 0);
    ck_assert_int_eq(ep_mailbox_add(mailbox, pending, deliver, &delivered), 0);
    ep_mailbox_free(mailbox);
    ck_assert_ptr_null(running->watches);
    ck_assert_ptr_null(pending->watches);
    gate_open(gate, 1);
    ep_executor_free(pool);
    ck_assert_uint_eq(delivered.count, 0);
    ep_future_unref(done);
    ep_future_unref(running);
    ep_future_unref(pending);
}

CASE("Races")

/* Each round the loop is about to sleep while the task completes: a wake-up that is lost hangs. */
LOOP_TEST(no_completion_is_lost_on_a_loop_about_to_sleep, KINDS)
{
    struct delivered delivered = {.loop = pthread_self()};
    struct ep_executor *pool = kind_executor(_i, 2, 0);
    struct ep_mailbox *mailbox = mailbox_of_test();
    unsigned added = 0, wake_ups = 0, rounds = 5000;

    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i <= round % 3; i++, added++)
            add(mailbox, submit_int(pool, square_task, 1), &delivered);
        while (delivered.count < added) {
            ck_assert(is_readable(mailbox, -1));
            wake_ups++;
            ep_mailbox_dispatch(mailbox);
        }
        /* A completion that was dispatched before it rang may ring now, for nothing. */
    }
    ck_assert_uint_eq(delivered.count, added);
    ck_assert_uint_ge(wake_ups, rounds);
    ck_assert_uint_le(wake_ups, added);
    ep_mailbox_free(mailbox);
    ep_executor_free(pool);
}

#define ADDERS  4
#define PER_ADD 500

struct adder {
    struct ep_executor *pool;
    struct ep_mailbox *mailbox;
    struct delivered *delivered;
};

static void *add_many(void *context)
{
    struct adder *adder = context;

    for (int i = 0; i < PER_ADD; i++)
        add(adder->mailbox, submit_int(adder->pool, square_task, 1), adder->delivered);
    return NULL;
}

LOOP_TEST(many_threads_may_add, KINDS)
{
    struct delivered delivered = {.loop = pthread_self()};
    struct ep_executor *pool = kind_executor(_i, 2, 0);
    struct adder adder = {pool, mailbox_of_test(), &delivered};
    pthread_t threads[ADDERS];

    for (int i = 0; i < ADDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, &adder), 0);
    while (delivered.count < ADDERS * PER_ADD) {
        ck_assert(is_readable(adder.mailbox, -1));
        ep_mailbox_dispatch(adder.mailbox);
    }
    for (int i = 0; i < ADDERS; i++)
        pthread_join(threads[i], NULL);
    ep_mailbox_free(adder.mailbox);
    ep_executor_free(pool);
}

/* The mailbox goes while workers complete what it expects: they must not ring a closed bell, nor
 * touch those that have arrived before. */
LOOP_TEST(a_mailbox_may_go_while_futures_complete, KINDS)
{
    struct delivered delivered = {.loop = pthread_self()};
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 2, 0);

    for (int round = 0; round < 500; round++) {
        struct ep_mailbox *mailbox = mailbox_of_test();

        add(mailbox, submit_gate(pool, gate), &delivered);
        for (int i = 0; i < 10; i++)
            add(mailbox, submit_int(pool, square_task, i), &delivered);
        if (round % 2 == 0)
            ck_assert(is_readable(mailbox, -1));
        if (round % 4 == 0)
            ep_mailbox_dispatch(mailbox);
        gate_open(gate, 1);
        ep_mailbox_free(mailbox);
    }
    ep_executor_free(pool);
}

/** The thread that rings: it is in eventfd_write(), and whether the loop has the letter already. */
static atomic_int ringing;
static atomic_bool was_dispatched;

/**
 * Take the place of the C library's, which the mailbox calls to ring. It lets the loop run, so that
 * a letter that can be dispatched before the ring is over will be.
 */
int eventfd_write(int fd, eventfd_t value)
{
    ssize_t written;

    atomic_fetch_add(&ringing, 1);
    for (int i = 0; i < 50 && !atomic_load(&was_dispatched); i++)
        sched_yield();
    written = write(fd, &value, sizeof value);
    atomic_fetch_sub(&ringing, 1);
    return written == sizeof value ? 0 : -1;
}

static void note_dispatched(struct ep_future *future, void *context)
{
    (void)future;
    (void)context;
    atomic_store(&was_dispatched, true);
}

struct done_already {
    struct ep_mailbox *mailbox;
    struct ep_future *future;
    bool adds; /* else it cancels, and the letter is there already */
};

static void *add_or_cancel(void *context)
{
    struct done_already *it = context;

    if (it->adds)
        ck_assert_int_eq(ep_mailbox_add(it->mailbox, it->future, note_dispatched, NULL), 0);
    else
        ck_assert_int_eq(ep_future_cancel(it->future), 0);
    return NULL;
}

/* The loop does not wait for the descriptor. Once it has the last letter it frees the mailbox: no
 * thread may use that any more, whether it added a future that was done or made one done. */
LOOP_TEST(what_is_dispatched_is_used_by_no_other_thread, KINDS)
{
    struct gate *gate = shared_gate();
    struct ep_executor *pool = kind_executor(_i, 1, 0);
    struct done_already it = {.future = submit_int(pool, square_task, 1)};

    ck_assert_int_eq(ep_future_result(it.future, EP_FOREVER, NULL), 0);
    gate_occupy(pool, gate, 1);
    for (int round = 0; round < 200; round++) {
        pthread_t thread;

        it.adds = round % 2 == 0;
        it.mailbox = mailbox_of_test();
        atomic_store(&was_dispatched, false);
        if (!it.adds) {
            ep_future_unref(it.future);
            it.future = submit_int(pool, square_task, 1);
            ck_assert_int_eq(ep_mailbox_add(it.mailbox, it.future, note_dispatched, NULL), 0);
        } /* and the next round adds the cancelled future */
        ck_assert_int_eq(pthread_create(&thread, NULL, add_or_cancel, &it), 0);
        while (ep_mailbox_dispatch(it.mailbox) == 0)
            sched_yield();
        ck_assert_int_eq(atomic_load(&ringing), 0);
        ep_mailbox_free(it.mailbox);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    gate_open(gate, 1);
    ep_future_unref(it.future);
    ep_executor_free(pool);
}
