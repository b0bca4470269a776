/* SPDX-License-Identifier: MIT */
/*
 * The thread that ends tasks of a thread executor when their expires_ns has come.
 *
 * DESIGN
 *
 * The queue knows which waiting task expires first (queue-internal.h). A thread sleeps until then: it
 * is made with the first task that has an expires_ns, so that an executor without such tasks pays
 * nothing. A submission whose task expires before everything that the thread has seen wakes it.
 *
 * It ends after the last worker: by then no task waits, except for one that has expired and that it
 * ends first. The threads that wait for the end of the executor wait for this thread as well.
 */
#include "pool/thread/worker-internal.h"

#include "pool/cancel-internal.h"
#include "pool/self-internal.h"

#include <errno.h>
#include <stdio.h>

void expiry_wake(struct ep_executor *base)
{
    struct thread_executor *executor = (struct thread_executor *)base;

    atomic_fetch_add(&executor->expiry_changes, 1);
    futex_wake(&executor->expiry_changes, 1);
}

static bool no_worker_comes(struct thread_executor *executor)
{
    return atomic_load(&executor->alive) == 0 && queue_refusal(&executor->base.queue) != 0;
}

static void *expiry_main(void *argument)
{
    struct thread_executor *executor = argument;

    self_serve(&executor->base, false);
    for (;;) {
        uint32_t changes = atomic_load(&executor->expiry_changes);
        bool last = no_worker_comes(executor);
        int64_t next_ns = executor_expire(&executor->base);

        if (last && next_ns == NO_DEADLINE)
            break;
        futex_wait(&executor->expiry_changes, changes, next_ns);
    }
    atomic_store(&executor->expiry, EXPIRY_OVER);
    waitlist_wake_all(&executor->ended);
    return NULL;
}

static int expiry_start(struct thread_executor *executor)
{
    char name[EXECUTOR_NAME_SIZE + sizeof "-expiry"];

    if (executor_make_thread(&executor->expiry_thread, expiry_main, executor) != 0)
        return -ENOMEM;
    snprintf(name, sizeof name, "%s-expiry", executor->base.name);
    name[EXECUTOR_NAME_SIZE - 1] = '\0';
    pthread_setname_np(executor->expiry_thread, name);
    return 0;
}

int expiry_watch(struct ep_executor *base)
{
    struct thread_executor *executor = (struct thread_executor *)base;
    int rc = 0;

    if (atomic_load(&executor->expiry) != EXPIRY_NONE)
        return 0;
    lock_acquire(&executor->expiry_lock);
    if (atomic_load(&executor->expiry) == EXPIRY_NONE) {
        atomic_store(&executor->expiry,
                     EXPIRY_WATCHES); /* before the thread can say that it is over */
        rc = expiry_start(executor);
        if (rc != 0)
            atomic_store(&executor->expiry, EXPIRY_NONE);
    }
    lock_release(&executor->expiry_lock);
    if (rc != 0)
        waitlist_wake_all(&executor->ended);
    return rc;
}

void expiry_join_locked(struct thread_executor *executor)
{
    HOLD_CANCELLATION;

    if (atomic_load(&executor->expiry) != EXPIRY_OVER || executor->expiry_joined)
        return;
    lock_acquire(&executor->expiry_lock); /* so that expiry_thread is set */
    lock_release(&executor->expiry_lock);
    EP_ASSERT(pthread_join(executor->expiry_thread, NULL) == 0);
    executor->expiry_joined = true;
}
