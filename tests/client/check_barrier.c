/* SPDX-License-Identifier: MIT */
/* client/barrier: no thread passes before all have arrived. */
#include "client/load/barrier.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum { THREADS = 8 };

struct visit {
    struct barrier *barrier;
    atomic_uint *arrived;
    unsigned seen; /* how many had arrived when this thread went through */
};

static void *arrive_and_wait(void *argument)
{
    struct visit *visit = argument;

    atomic_fetch_add(visit->arrived, 1);
    barrier_arrive(visit->barrier);
    barrier_wait(visit->barrier);
    visit->seen = atomic_load(visit->arrived);
    return NULL;
}

/* Threads that arrive and wait, started but not joined. */
static void start_visits(struct visit *visits, pthread_t *threads, struct barrier *barrier,
                         atomic_uint *arrived)
{
    for (unsigned i = 0; i < THREADS; i++) {
        visits[i] = (struct visit){.barrier = barrier, .arrived = arrived};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, arrive_and_wait, &visits[i]), 0);
    }
}

CASE("Core")

TEST(no_session_passes_before_the_last_arrives)
{
    struct visit visits[THREADS];
    pthread_t threads[THREADS];
    struct barrier barrier;
    atomic_uint arrived = 0;

    ck_assert_int_eq(barrier_init(&barrier, THREADS + 1), 0);
    start_visits(visits, threads, &barrier, &arrived);
    atomic_fetch_add(&arrived, 1);
    ck_assert_int_eq(barrier_opened_ns(&barrier), 0);
    barrier_arrive(&barrier); /* this one does not want to go through */
    for (unsigned i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_uint_eq(visits[i].seen, THREADS + 1);
    }
    ck_assert_int_gt(barrier_opened_ns(&barrier), 0);
    barrier_wait(&barrier); /* and it stays open */
    barrier_clear(&barrier);
}

TEST(a_barrier_for_no_session_is_open)
{
    struct barrier barrier;

    ck_assert_int_eq(barrier_init(&barrier, 0), 0);
    ck_assert_int_gt(barrier_opened_ns(&barrier), 0);
    barrier_wait(&barrier);
    barrier_arrive(&barrier); /* counts for nothing */
    barrier_clear(&barrier);
}

/* For event loops: a descriptor that becomes readable, and stays so for everybody. */
TEST(its_descriptor_is_readable_once_it_is_open)
{
    struct barrier barrier;
    struct pollfd polled;

    ck_assert_int_eq(barrier_init(&barrier, 2), 0);
    polled = (struct pollfd){.fd = barrier_fd(&barrier), .events = POLLIN};
    barrier_arrive(&barrier);
    ck_assert_int_eq(poll(&polled, 1, 0), 0);
    barrier_arrive(&barrier);
    ck_assert_int_eq(poll(&polled, 1, 0), 1);
    barrier_wait(&barrier);
    ck_assert_int_eq(poll(&polled, 1, 0), 1);
    barrier_clear(&barrier);
}

TEST(without_descriptors_there_is_no_barrier)
{
    struct rlimit none, before;
    struct barrier barrier;
    int code;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    code = barrier_init(&barrier, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(code, -EMFILE);
}
