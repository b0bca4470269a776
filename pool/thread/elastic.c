/* SPDX-License-Identifier: MIT */
/*
 * The number of workers of an elastic executor: when it grows and shrinks.
 *
 * DESIGN
 *
 * A thread that has made a task available, and finds neither an idle nor a searching worker, asks the
 * grower for one more (elastic_ask). A new worker that takes a task while others wait asks in turn. So
 * a burst gets as many workers as it needs, up to the most, and no submitter makes a thread or waits
 * for `initialize`.
 *
 * A worker that was idle for the timeout gives itself up, unless only the least are left. No task is
 * missed: the submitter pushes first and reads `size` second, the worker lowers `size` first and looks
 * at the queue second, all with sequential consistency. So the submitter asks for another worker, or
 * this one sees the task. It holds life_mutex meanwhile, so that a resize knows which workers stay.
 */
#include "pool/thread/worker-internal.h"

#include "pool/clock-internal.h"

void elastic_poke(struct thread_executor *executor)
{
    if (atomic_exchange(&executor->asked, 1) == 0)
        futex_wake(&executor->asked, 1);
}

void elastic_ask(struct thread_executor *executor)
{
    if (atomic_load(&executor->size) < queue_takers(&executor->base.queue) &&
        queue_offers(&executor->base.queue))
        elastic_poke(executor);
}

int64_t elastic_deadline(const struct thread_executor *executor)
{
    if (!executor->is_elastic || atomic_load(&executor->size) <= executor->least)
        return NO_DEADLINE;
    return deadline_after(executor->base.options.idle_timeout_ns);
}

void elastic_retire(struct worker *worker)
{
    struct thread_executor *executor = worker->executor;
    struct queue *queue = &executor->base.queue;

    EP_ASSERT(pthread_mutex_lock(&executor->life_mutex) == 0);
    if (worker->index < queue_takers(queue) &&
        atomic_load(&executor->size) > atomic_load(&executor->least)) {
        atomic_fetch_sub(&executor->size, 1);
        /* If a task has come meanwhile, stay, unless the most workers are there without this one. */
        worker->leaving =
            !queue_offers(queue) || atomic_load(&executor->size) >= queue_takers(queue);
        if (!worker->leaving)
            atomic_fetch_add(&executor->size, 1);
    }
    EP_ASSERT(pthread_mutex_unlock(&executor->life_mutex) == 0);
}
