/* SPDX-License-Identifier: MIT */
/*
 * Admission and parking: pool/queue.c with the parking of pool/thread/worker.c.
 *
 * What is checked:
 *  - an accepted task is taken exactly once, or cancelled (assertions in run_task, all_is_well);
 *  - never more than LIMIT tasks are held (assertion in queue_push);
 *  - no wake-up is lost: when no process can move, no submitter sleeps (it would be an invalid end
 *    state), and no worker sleeps while there is a task (all_is_well). With -DPAIRS a task waits
 *    for the other one, which also finds a worker that sleeps while *another* worker is busy;
 *  - with -DLIVENESS, under weak fairness, everything ends (no livelock).
 *
 * Variants, beside the sizes: LOOPS=n  the last n submitters are event loops;
 * TIMED  the first submitter has a deadline; CANCELS=n  n threads cancel a task; GROWS=n  a resize
 * raises the limit by n; HOLDS  tasks end only when all submitters are through; PAUSES  a thread
 * pauses and resumes.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef PER
#define PER 2
#endif
#ifndef LIMIT
#define LIMIT 2
#endif
#ifndef SEARCHERS
#define SEARCHERS 1
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef TIMED
#define TIMED 0
#endif
#define WORKERS_MAY_SLEEP

#include "executor.inc"

#ifdef LOOPS
#define FIRST_LOOP (SUBMITTERS - LOOPS)
#else
#define FIRST_LOOP SUBMITTERS
#endif

/** When no process can move: no task is left, and no worker counts as searching. */
inline all_is_well()
{
    d_step {
        assert(submitters_left == 0);
        assert(head == tail && freed == tail && live == 0);
        assert(searching == 0 && idle_count == WORKERS && room_count == 0);
        for (k : 0 .. TASKS - 1) {
            assert(IS_RESOLVED(k) || (TIMED && state[k] == NOT_ACCEPTED));
            assert(begun[k] == (state[k] == FINISHED))
        }
        k = 0
    }
}

init
{
    byte i;

    atomic {
        for (i : 0 .. WORKERS - 1) { run worker(i) }
        for (i : 0 .. SUBMITTERS - 1) {
            if
            :: i < FIRST_LOOP -> run submitter(i, TIMED && i == 0)
            :: else -> run loop(i)
            fi
        }
#if CANCELS > 0
        for (i : 1 .. CANCELS) { run canceller() }
#endif
#if GROWS > 0
        run resizer();
#endif
#ifdef PAUSES
        run pauser();
#endif
        i = 0
    }
#ifndef LIVENESS
    timeout -> all_is_well()
#endif
}

#ifdef LIVENESS
ltl ends { <> (submitters_left == 0 && live == 0 && head == tail) }
#endif
