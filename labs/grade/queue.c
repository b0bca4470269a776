/* SPDX-License-Identifier: MIT */
/*
 * Lab 3: the student's queue.c, linked with this.
 *
 * DESIGN. Whether a thread waits is not guessed by time: faults.c counts who sleeps on a condition variable.
 * One that has used the CPU for half a second, and neither returned nor slept there, turns round and round.
 */
#include "queue.h"

#include "faults.h"
#include "grade.h"
#include "threads.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* The items are addresses in here, so that each can be recognised. */
static char marks[1 << 14];

static struct queue *make(size_t bound, char why[static WHY_MAX])
{
    struct queue *queue = queue_new(bound);

    if (queue == NULL)
        wrong(why, "queue_new(%zu) returned NULL", bound);
    return queue;
}

static bool is_in_order(char why[static WHY_MAX])
{
    struct queue *queue = make(8, why);

    /* Twice round, so that the last place is followed by the first. */
    for (int i = 0; queue != NULL && i < 16; i += 4) {
        for (int k = i; k < i + 4; k++)
            if (!queue_put(queue, &marks[k]))
                return wrong(why, "queue_put() returned false, and the queue was never closed");
        for (int k = i; k < i + 4; k++) {
            char *item = queue_take(queue);
            if (item != &marks[k])
                return wrong(why, "items went in as %d, %d, %d, %d, and instead of %d came %s%d", i,
                             i + 1, i + 2, i + 3, k, item == NULL ? "NULL, not " : "",
                             item == NULL ? k : (int)(item - marks));
        }
    }
    if (queue != NULL)
        queue_free(queue);
    return queue != NULL;
}

/* --- one thread that puts or takes --------------------------------------------------------- */

static void *put_one(void *argument)
{
    struct call *call = argument;

    call->ok = queue_put(call->object, call->item);
    atomic_store(&call->returned, true);
    return NULL;
}

static void *take_one(void *argument)
{
    struct call *call = argument;

    call->item = queue_take(call->object);
    atomic_store(&call->returned, true);
    return NULL;
}

static bool has_its_bound(char why[static WHY_MAX])
{
    struct queue *queue = make(3, why);
    struct call call;

    if (queue == NULL)
        return false;
    for (int i = 0; i < 3; i++) {
        call = (struct call){.object = queue, .item = &marks[i]};
        call_start(&call, put_one);
        if (call_await(&call, 1) != CALL_RETURNED)
            return wrong(why, "the bound is 3, and queue_put() waits with %d item%s in the queue",
                         i, i == 1 ? "" : "s");
        call_join(&call);
    }
    call = (struct call){.object = queue, .item = &marks[3]};
    call_start(&call, put_one);
    switch (call_await(&call, 1)) {
    case CALL_RETURNED: return wrong(why, "the bound is 3, and queue_put() took a fourth item");
    case CALL_SPINS:
        return wrong(why, "queue_put() of a full queue turns round and round instead of sleeping "
                          "on a condition variable");
    case CALL_SLEEPS: break;
    }
    if (queue_take(queue) != &marks[0])
        return wrong(why, "the oldest item is not the first to come out of a full queue");
    call_join(&call);
    queue_free(queue);
    return true;
}

static bool waits_for_an_item(char why[static WHY_MAX])
{
    struct queue *queue = make(3, why);
    struct call call = {.object = queue};

    if (queue == NULL)
        return false;
    call_start(&call, take_one);
    switch (call_await(&call, 1)) {
    case CALL_RETURNED: return wrong(why, "queue_take() of an empty queue returned at once");
    case CALL_SPINS:
        return wrong(why, "queue_take() of an empty queue turns round and round instead of "
                          "sleeping on a condition variable");
    case CALL_SLEEPS: break;
    }
    queue_put(queue, &marks[7]);
    call_join(&call);
    if (call.item != &marks[7])
        return wrong(why, "queue_take() waited for an item, and returned something else");
    queue_free(queue);
    return true;
}

/* POSIX lets a wait return without a signal. */
static bool looks_again(char why[static WHY_MAX])
{
    struct queue *queue = make(1, why);
    struct call take = {.object = queue}, put = {.object = queue, .item = &marks[2]};

    if (queue == NULL)
        return false;
    atomic_store(&lab_spurious, 3);
    call_start(&take, take_one);
    if (call_await(&take, 1) == CALL_RETURNED)
        return wrong(why, "queue_take() took from an empty queue after pthread_cond_wait() had "
                          "returned early: look at "
                          "the condition again, in a loop, not with if");
    queue_put(queue, &marks[1]);
    call_join(&take);
    queue_put(queue, &marks[1]);
    atomic_store(&lab_spurious, 3);
    call_start(&put, put_one);
    if (call_await(&put, 1) == CALL_RETURNED)
        return wrong(why, "queue_put() put into a full queue after pthread_cond_wait() had "
                          "returned early: look at the "
                          "condition again, in a loop, not with if");
    queue_take(queue);
    call_join(&put);
    queue_free(queue);
    return true;
}

/* --- many threads -------------------------------------------------------------------------- */

enum { CROWD = 4, ITEMS = 1500 };

static struct queue *crowded;
static atomic_int seen[CROWD * ITEMS];

static void *put_many(void *argument)
{
    long first = (long)argument * ITEMS;

    for (long i = first; i < first + ITEMS; i++)
        queue_put(crowded, &marks[i]);
    return NULL;
}

static void *take_many(void *argument)
{
    char *item;

    (void)argument;
    while ((item = queue_take(crowded)) != NULL)
        if (item >= marks && item < marks + CROWD * ITEMS)
            atomic_fetch_add(&seen[item - marks], 1);
    return NULL;
}

static bool serves_a_crowd(char why[static WHY_MAX])
{
    pthread_t putters[CROWD], takers[CROWD];

    crowded = make(1, why);
    if (crowded == NULL)
        return false;
    for (long i = 0; i < CROWD; i++) {
        start(&takers[i], take_many, NULL);
        start(&putters[i], put_many, (void *)i);
    }
    for (int i = 0; i < CROWD; i++)
        pthread_join(putters[i], NULL);
    queue_close(crowded);
    for (int i = 0; i < CROWD; i++)
        pthread_join(takers[i], NULL);
    for (int i = 0; i < CROWD * ITEMS; i++)
        if (seen[i] != 1)
            return wrong(why, "four threads put %d items and four took them: item %d came out %s",
                         CROWD * ITEMS, i, seen[i] == 0 ? "never" : "more than once");
    queue_free(crowded);
    return true;
}

static bool close_wakes_all(char why[static WHY_MAX])
{
    struct queue *queue = make(1, why), *full = make(1, why);
    struct call takes[3], puts[3];

    if (queue == NULL || full == NULL)
        return false;
    queue_put(full, &marks[0]);
    for (int i = 0; i < 3; i++) {
        takes[i] = (struct call){.object = queue};
        puts[i] = (struct call){.object = full, .item = &marks[1]};
        call_start(&takes[i], take_one);
        call_start(&puts[i], put_one);
    }
    if (call_await(&takes[0], 6) != CALL_SLEEPS)
        return wrong(why, "three threads that take from an empty queue and three that put into a "
                          "full one do not all wait");
    queue_close(queue);
    for (int i = 0; i < 3; i++) {
        call_join(&takes[i]);
        if (takes[i].item != NULL)
            return wrong(why, "queue_take() of a closed, empty queue returned an item");
    }
    queue_close(full);
    for (int i = 0; i < 3; i++) {
        call_join(&puts[i]);
        if (puts[i].ok)
            return wrong(why, "queue_put() into a closed queue returned true");
    }
    return true;
}

static bool keeps_what_is_left(char why[static WHY_MAX])
{
    struct queue *queue = make(4, why);

    if (queue == NULL)
        return false;
    for (int i = 0; i < 3; i++)
        queue_put(queue, &marks[i]);
    queue_close(queue);
    if (queue_put(queue, &marks[3]))
        return wrong(why, "queue_put() into a closed queue returned true");
    for (int i = 0; i < 3; i++)
        if (queue_take(queue) != &marks[i])
            return wrong(why,
                         "three items were in the queue when it was closed, and queue_take() gave "
                         "%d of them",
                         i);
    if (queue_take(queue) != NULL)
        return wrong(why, "queue_take() of a closed, empty queue returned an item");
    queue_free(queue);
    return true;
}

/* Several, since a pointer that is left in a register hides one of them. */
static bool frees_its_memory(char why[static WHY_MAX])
{
    for (int i = 0; i < 16; i++) {
        struct queue *queue = make(4, why);
        if (queue == NULL)
            return false;
        queue_put(queue, &marks[0]);
        queue_free(queue);
    }
    return !leaks() || wrong(why, "memory was allocated and never freed");
}

/* Run by the program that was built with -fsanitize=thread. */
static bool has_no_race(char why[static WHY_MAX])
{
    return run_twin("crowd", why);
}

static const struct requirement requirements[] = {
    {"order", "items come out in the order in which they went in", 2, "labs/3-queue/README.md",
     is_in_order, "queue_put() or queue_take() waits although there is room and there are items",
     false},
    {"bound", "a full queue takes no more, and queue_put() sleeps until there is room", 3,
     "pthread_cond_wait(3)", has_its_bound,
     "queue_put() waited for room, and was not woken when an item was taken", false},
    {"empty", "queue_take() sleeps until there is an item", 3, "pthread_cond_wait(3)",
     waits_for_an_item, "queue_take() waited for an item, and was not woken when one was put",
     false},
    {"again", "a wait that returns early changes nothing", 3, "lessons/05-the-fifth-client",
     looks_again, "a thread that was woken too early is not woken when its time has come", false},
    {"crowd", "of eight threads none sleeps for ever, and each item comes out once", 3,
     "lessons/04-the-pool", serves_a_crowd,
     "threads sleep although there is an item or room: a wake-up was lost. Change the condition "
     "and "
     "signal while you hold the lock, and wake the right ones",
     false},
    {"close", "queue_close() wakes everybody", 3, "pthread_cond_broadcast(3)", close_wakes_all,
     "queue_close() leaves threads asleep: pthread_cond_signal() wakes one, and "
     "pthread_cond_broadcast() all",
     false},
    {"rest", "what is in a closed queue can still be taken", 2, "lessons/12-stopping",
     keeps_what_is_left, "queue_take() of a closed queue waits", false},
    {"free", "queue_free() frees everything", 2, "labs/3-queue/README.md", frees_its_memory, NULL,
     false},
    {"race", "no memory is used by two threads without a lock", 3, "lessons/02-thread-per-client",
     has_no_race, NULL, true},
};

static const struct lab lab = {"a bounded queue", requirements,
                               sizeof requirements / sizeof *requirements};

int main(int count, char **arguments)
{
    if (count > 1)
        return twin(&lab, arguments[1]);
    return grade(3, &lab);
}
