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
 * this one sees the task.
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
    if (!is_elastic(executor) || atomic_load(&executor->size) <= executor->least)
        return NO_DEADLINE;
    return deadline_after(executor->base.options.idle_timeout_ns);
}

/** Change the number of workers by one, if it is below, or above, a bound. */
static bool size_up(struct thread_executor *executor, uint32_t most)
{
    uint32_t size = atomic_load(&executor->size);

    while (size < most)
        if (atomic_compare_exchange_weak(&executor->size, &size, size + 1))
            return true;
    return false;
}

static bool size_down(struct thread_executor *executor, uint32_t least)
{
    uint32_t size = atomic_load(&executor->size);

    while (size > least)
        if (atomic_compare_exchange_weak(&executor->size, &size, size - 1))
            return true;
    return false;
}

bool elastic_retire(struct thread_executor *executor)
{
    if (!size_down(executor, executor->least))
        return false;
    /* If a task has come meanwhile, stay, unless the most workers are there without this one. */
    return !queue_offers(&executor->base.queue) ||
           !size_up(executor, queue_takers(&executor->base.queue));
}
