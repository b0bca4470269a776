/* SPDX-License-Identifier: MIT */
/*
 * Lab 6: the student's futures.c and queue.c, linked with this.
 *
 * DESIGN. A call of the student's pool is held at a gate, so that its future is not done for as long as the trial
 * wants. faults.c counts the threads that wait, as in lab 3.
 */
#include "futures.h"

#include "faults.h"
#include "grade.h"
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS = 3, BOUND = 4, MANY = 500 };

static char marks[MANY];

/* Calls of hold() that have begun, and that may end. */
static atomic_int begun;
static sem_t gate;

static void *same(void *argument)
{
    return argument;
}

static void *hold(void *argument)
{
    atomic_fetch_add(&begun, 1);
    sem_wait(&gate);
    return argument;
}

static struct pool *make(unsigned workers, char why[static WHY_MAX])
{
    struct pool *pool = pool_new(workers, BOUND);

    sem_init(&gate, 0, 0);
    if (pool == NULL)
        wrong(why, "pool_new(%u, %d) returned NULL", workers, BOUND);
    return pool;
}

static struct future *submit(struct pool *pool, void *(*function)(void *), void *argument,
                             char why[static WHY_MAX])
{
    struct future *future = pool_submit(pool, function, argument);

    if (future == NULL)
        wrong(why, "pool_submit() returned NULL");
    return future;
}

static bool returns_results(char why[static WHY_MAX])
{
    struct pool *pool = make(WORKERS, why);

    for (int i = 0; pool != NULL && i < MANY; i++) {
        struct future *future = submit(pool, same, &marks[i], why);
        if (future == NULL)
            return false;
        for (int k = 0; k < 2; k++)
            if (future_result(future) != &marks[i])
                return wrong(why, "%s future_result() is not what the function returned",
                             k == 0 ? "what comes from" : "asked again, what comes from");
        if (!future_is_done(future))
            return wrong(why, "future_result() has returned, and future_is_done() says false");
        future_free(future);
    }
    return pool != NULL;
}

/* --- waiting ------------------------------------------------------------------------------- */

static void *ask(void *argument)
{
    struct call *call = argument;

    call->item = future_result(call->object);
    atomic_store(&call->returned, true);
    return NULL;
}

static bool all_waiters_wake(char why[static WHY_MAX])
{
    struct pool *pool = make(1, why);
    struct future *future = pool != NULL ? submit(pool, hold, &marks[9], why) : NULL;
    struct call calls[3];

    if (future == NULL)
        return false;
    while (atomic_load(&begun) == 0)
        sched_yield();
    if (future_is_done(future))
        return wrong(why, "the function still runs, and future_is_done() says true");
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct call){.object = future};
        call_start(&calls[i], ask);
        switch (call_await(&calls[i], i + 1)) {
        case CALL_RETURNED:
            return wrong(why, "the function still runs, and future_result() has returned");
        case CALL_SPINS:
            return wrong(why, "future_result() turns round and round instead of sleeping on a "
                              "condition variable");
        case CALL_SLEEPS: break;
        }
    }
    sem_post(&gate);
    for (int i = 0; i < 3; i++) {
        call_join(&calls[i]);
        if (calls[i].item != &marks[9])
            return wrong(why, "three threads wait for a result, and one gets something else");
    }
    return true;
}

static bool looks_again(char why[static WHY_MAX])
{
    struct pool *pool = make(1, why);
    struct future *future = pool != NULL ? submit(pool, hold, &marks[5], why) : NULL;
    struct call call = {.object = future};

    if (future == NULL)
        return false;
    while (atomic_load(&begun) == 0)
        sched_yield();
    atomic_store(&lab_spurious, 3);
    call_start(&call, ask);
    if (call_await(&call, 1) == CALL_RETURNED)
        return wrong(why, "future_result() returned before the function had, since "
                          "pthread_cond_wait() returned early: look "
                          "at the condition again, in a loop, not with if");
    sem_post(&gate);
    call_join(&call);
    return call.item == &marks[5] ||
           wrong(why, "what comes from future_result() is not what the function returned");
}

/* --- the pool ------------------------------------------------------------------------------ */

static bool is_parallel(char why[static WHY_MAX])
{
    struct pool *pool = make(WORKERS, why);
    struct future *futures[WORKERS];

    for (int i = 0; i < WORKERS; i++)
        if (pool == NULL || (futures[i] = submit(pool, hold, &marks[i], why)) == NULL)
            return false;
    while (atomic_load(&begun) < WORKERS)
        sched_yield();
    for (int i = 0; i < WORKERS; i++)
        sem_post(&gate);
    for (int i = 0; i < WORKERS; i++)
        if (future_result(futures[i]) != &marks[i])
            return wrong(why, "with three calls at once a future has the result of another call");
    return true;
}

static struct pool *nested_pool;

static void *submit_another(void *argument)
{
    struct future *future = pool_submit(nested_pool, same, argument);

    if (future == NULL)
        return NULL;
    void *result = future_result(future);
    future_free(future);
    return result;
}

static bool runs_unlocked(char why[static WHY_MAX])
{
    struct future *future;

    nested_pool = make(2, why);
    future = nested_pool != NULL ? submit(nested_pool, submit_another, &marks[3], why) : NULL;
    if (future == NULL)
        return false;
    return future_result(future) == &marks[3] ||
           wrong(why, "a function that submits another call gets a wrong result");
}

static bool can_be_given_up(char why[static WHY_MAX])
{
    struct pool *pool = make(1, why);
    struct future *held = pool != NULL ? submit(pool, hold, NULL, why) : NULL, *waits;

    if (held == NULL || (waits = submit(pool, same, NULL, why)) == NULL)
        return false;
    while (atomic_load(&begun) == 0)
        sched_yield();
    future_free(held);
    future_free(waits);
    held = waits = NULL;
    sem_post(&gate);
    pool_free(pool);
    pool = NULL;
    return !leaks() || wrong(why, "memory was allocated and never freed");
}

static void *free_pool(void *argument)
{
    struct call *call = argument;

    atomic_store(&call->tid, gettid());
    pool_free(call->object);
    atomic_store(&call->returned, true);
    return NULL;
}

/* The first call goes on until pool_free() waits. If that has returned before, it cannot have been made. */
static bool ends_in_order(char why[static WHY_MAX])
{
    struct pool *pool = make(1, why);
    struct call call = {.object = pool};
    struct future *futures[BOUND];

    for (int i = 0; i < BOUND; i++)
        if (pool == NULL ||
            (futures[i] = submit(pool, i == 0 ? hold : same, &marks[i], why)) == NULL)
            return false;
    while (atomic_load(&begun) == 0)
        sched_yield();
    call_start(&call, free_pool);
    if (call_await_sleep(&call))
        sem_post(&gate);
    call_join(&call);
    for (int i = 0; i < BOUND; i++) {
        if (!future_is_done(futures[i]))
            return wrong(
                why, "pool_free() has returned, and a call that was submitted before was not made");
        if (future_result(futures[i]) != &marks[i])
            return wrong(why, "after pool_free() a future has lost its result");
        future_free(futures[i]);
    }
    return true;
}

/* Run by the program that was built with -fsanitize=thread. */
static bool crowd(char why[static WHY_MAX])
{
    struct pool *pool = make(WORKERS, why);
    struct future *futures[MANY];

    if (pool == NULL)
        return false;
    for (int i = 0; i < MANY; i++) {
        futures[i] = submit(pool, same, &marks[i], why);
        if (futures[i] == NULL)
            return false;
        if (i % 3 == 0)
            future_free(futures[i]);
    }
    for (int i = 0; i < MANY; i++)
        if (i % 3 != 0) {
            if (future_result(futures[i]) != &marks[i])
                return wrong(why, "a future has the result of another call");
            future_free(futures[i]);
        }
    pool_free(pool);
    return true;
}

static bool has_no_race(char why[static WHY_MAX])
{
    return run_twin("crowd", why);
}

static const struct requirement requirements[] = {
    {"result", "future_result() returns what the function returned, as often as it is asked", 3,
     "examples/03-results.c", returns_results,
     "future_result() waits although the function has returned", false},
    {"waiters", "all who wait for a result sleep until it is there, and then get it", 3,
     "pthread_cond_broadcast(3)", all_waiters_wake,
     "three threads wait for a result, and not all are woken: pthread_cond_signal() wakes one",
     false},
    {"again", "a wait that returns early changes nothing", 2, "pthread_cond_wait(3)", looks_again,
     "a thread that was woken too early is not woken when its time has come", false},
    {"parallel", "three workers make three calls at once", 2, "lessons/04-the-pool", is_parallel,
     "three workers do not make three calls at once", false},
    {"nested", "a function may submit a call", 3, "examples/21-nested.c", runs_unlocked,
     "a function that submits a call waits for ever: hold no lock while a function runs", false},
    {"give-up", "a future may be given up at any time, and nothing leaks", 4, "examples/10-done.c",
     can_be_given_up, "a future that was given up keeps pool_free() waiting", false},
    {"end", "pool_free() makes all calls first, and futures outlive it", 3, "lessons/12-stopping",
     ends_in_order,
     "pool_free() does not return: do all workers see that there is no more to come?", false},
    {"crowd", "of 500 calls each has its own result", 2, "examples/04-map.c", crowd,
     "with 500 calls a thread sleeps for ever: a wake-up was lost", false},
    {"race", "no memory is used by two threads without a lock", 3, "labs/3-queue/README.md",
     has_no_race, NULL, true},
};

static const struct lab lab = {"futures", requirements, sizeof requirements / sizeof *requirements};

int main(int count, char **arguments)
{
    if (count > 1)
        return twin(&lab, arguments[1]);
    return grade(6, &lab);
}
