/* SPDX-License-Identifier: MIT */
/*
 * Time limits of tasks: a worker that has a task for longer than its limit_ns is killed.
 *
 * DESIGN
 *
 * A worker runs its tasks in order, so its first task without an outcome is the one that runs. Its time
 * counts from when it was sent or, if it was sent ahead, from when the outcome before it was received:
 * both are noted with the executor's lock, by the thread that has sent or received. The manager kills.
 *
 * Nothing is sent behind a task with a limit, and nothing to a worker for which the manager has decided
 * that. So a worker that is killed has begun no other task, also if the task ends in the same moment, and
 * no other task can be lost.
 */
#include "pool/process/place-internal.h"

#include "pool/clock-internal.h"

#include <signal.h>

bool place_ends_with_limit(const struct place *place)
{
    uint64_t tail = atomic_load(&place->tail);

    return atomic_load(&place->limit_tail) == tail && tail != atomic_load(&place->head);
}

bool place_note_limit_locked(struct place *place)
{
    uint64_t head = atomic_load(&place->head);

    if (atomic_load(&place->limit_tail) == 0 || place->limited == head + 1)
        return false;
    place->kill_ns = 0;
    place->limited = 0;
    /* A slot before `certain` is not written to. Its future may be gone, if its outcome has come. */
    if (head >= place->certain || slot_at(place, head)->limit_ns == 0)
        return false;
    place->kill_ns = deadline_after(slot_at(place, head)->limit_ns);
    place->limited = head + 1;
    return true;
}

void place_care_for_limit(struct place *place, int64_t now)
{
    struct process_executor *executor = place->executor;
    bool over = false;

    lock_acquire(&executor->lock);
    if (place->kill_ns != 0 && place->limited == atomic_load(&place->head) + 1) {
        over = place->kill_ns <= now;
        if (over) {
            place->overran = place->limited;
            place->kill_ns = 0;
        } else {
            due_at(executor, place->kill_ns);
        }
    }
    lock_release(&executor->lock);
    if (over)
        place_kill(place, SIGKILL);
}
