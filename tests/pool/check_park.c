/* SPDX-License-Identifier: MIT */
/* pool/park: the lock and the lists of parked threads. */
#include "pool/park-internal.h"
#include "tests/kit/suite.h"

#include "pool/echopool.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS  50000

CASE("Lock")

struct guarded {
    struct lock lock;
    long value; /* guarded by lock */
};

static void *add_under_lock(void *argument)
{
    struct guarded *guarded = argument;

    for (int i = 0; i < ROUNDS; i++) {
        lock_acquire(&guarded->lock);
        guarded->value++;
        lock_release(&guarded->lock);
    }
    return NULL;
}

TEST(lock_excludes)
{
    struct guarded guarded = {0};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_under_lock, &guarded), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(guarded.value, (long)THREADS * ROUNDS);
    ck_assert_uint_eq(atomic_load(&guarded.lock.word), 0);
}

CASE("Waitlist")

TEST(list_wakes_in_the_order_asked_for)
{
    struct waitlist list = {0};
    struct waiter a = {0}, b = {0}, c = {0};

    waitlist_join(&list, &a, WAITLIST_LAST);
    waitlist_join(&list, &b, WAITLIST_LAST);
    waitlist_join(&list, &c, WAITLIST_FIRST);
    ck_assert_uint_eq(atomic_load(&list.count), 3);
    ck_assert_ptr_eq(waitlist_pop(&list), &c);
    ck_assert_ptr_eq(waitlist_pop(&list), &a);
    ck_assert_ptr_eq(waitlist_pop(&list), &b);
    ck_assert_ptr_null(waitlist_pop(&list));
    ck_assert_uint_eq(atomic_load(&list.count), 0);
}

TEST(leaving_tells_whether_a_wake_up_was_spent)
{
    struct waitlist list = {0};
    struct waiter stays = {0}, leaves = {0}, chosen = {0};

    waitlist_join(&list, &leaves, WAITLIST_LAST);
    waitlist_join(&list, &stays, WAITLIST_LAST);
    ck_assert(waitlist_leave(&list, &leaves));
    ck_assert_ptr_eq(waitlist_pop(&list), &stays);

    waitlist_join(&list, &chosen, WAITLIST_LAST);
    waitlist_wake_one(&list);
    ck_assert(!waitlist_leave(&list, &chosen));
}

TEST(sleep_ends_at_the_deadline)
{
    struct waitlist list = {0};
    struct waiter waiter = {0};
    int64_t deadline = ep_now_ns() + EP_MILLISECONDS(5);

    waitlist_join(&list, &waiter, WAITLIST_LAST);
    ck_assert(!waiter_sleep(&waiter, deadline));
    ck_assert_int_ge(ep_now_ns(), deadline);
    ck_assert(waitlist_leave(&list, &waiter));
    /* One that has passed, and one before the clock began. */
    waitlist_join(&list, &waiter, WAITLIST_LAST);
    ck_assert(!waiter_sleep(&waiter, 1));
    ck_assert(!waiter_sleep(&waiter, INT64_MIN + 1));
    ck_assert(waitlist_leave(&list, &waiter));
}

/* Nothing wakes it, and no signal comes: it must not return before. */
TEST(a_wait_lasts_until_its_deadline)
{
    _Atomic uint32_t word = 0;
    int64_t deadline = ep_now_ns() + EP_MILLISECONDS(5);

    futex_wait(&word, 0, deadline);
    ck_assert_int_ge(ep_now_ns(), deadline);
}

/** A counter of tickets that waiters take and notifiers add, on a waitlist. */
struct tickets {
    struct waitlist list;
    _Atomic int available;
    _Atomic int taken;
};

static bool ticket_take(struct tickets *tickets)
{
    int available = atomic_load(&tickets->available);

    while (available > 0)
        if (atomic_compare_exchange_weak(&tickets->available, &available, available - 1))
            return true;
    return false;
}

static void *take_tickets(void *argument)
{
    struct tickets *tickets = argument;

    for (int i = 0; i < ROUNDS; i++) {
        struct waiter waiter;

        while (!ticket_take(tickets)) {
            waitlist_join(&tickets->list, &waiter, WAITLIST_LAST);
            if (atomic_load(&tickets->available) > 0)
                waitlist_leave(&tickets->list, &waiter);
            else
                waiter_sleep(&waiter, NO_DEADLINE);
        }
        atomic_fetch_add(&tickets->taken, 1);
    }
    return NULL;
}

static void *add_tickets(void *argument)
{
    struct tickets *tickets = argument;

    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&tickets->available, 1);
        waitlist_wake_one(&tickets->list);
    }
    return NULL;
}

/* A lost wake-up leaves a taker asleep for ever, and the test's time limit says so. */
TEST(no_wake_up_is_lost)
{
    struct tickets tickets = {0};
    pthread_t takers[THREADS], adders[THREADS];

    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&takers[i], NULL, take_tickets, &tickets), 0);
        ck_assert_int_eq(pthread_create(&adders[i], NULL, add_tickets, &tickets), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(takers[i], NULL);
        pthread_join(adders[i], NULL);
    }
    ck_assert_int_eq(tickets.taken, THREADS * ROUNDS);
    ck_assert_int_eq(tickets.available, 0);
}
