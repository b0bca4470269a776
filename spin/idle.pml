/* SPDX-License-Identifier: MIT */
/*
 * ep_executor_wait_idle(): pool/executor.c with thread_is_settled(), against workers that end tasks:
 * worker_end_task(), worker_take_next() of pool/thread/worker.c. The place of a task with a future
 * becomes free before its outcome is published and its callbacks run, that of another afterwards.
 *
 * What is checked:
 *  - when the call returns, no task is held and every callback has returned (assertion in idler);
 *  - every thread that waits wakes up: one that sleeps at the end is an invalid end state.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef IDLERS
#define IDLERS 2
#endif
#ifndef TASKS
#define TASKS 3
#endif

#define NO_TASK    0
#define TASK_TAKEN 1
#define TASK_RUN   2
#define TASK_ENDED 3
byte stage[WORKERS];

byte waiting = TASKS; /* in the queue */
byte held = TASKS;    /* queue_held() */
bool drained[IDLERS]; /* the list: who is in it; all are woken at a time */
byte drained_count;
bool drained_woken[IDLERS];
byte ended;           /* for the checker only: tasks whose callbacks have returned */
hidden byte k;

/** waitlist_wake_all(), after a look at the count */
inline waitlist_wake_all()
{
    if
    :: drained_count > 0 -> d_step {
        for (k : 0 .. IDLERS - 1) {
            drained_woken[k] = drained_woken[k] || drained[k];
            drained[k] = false
        }
        k = 0;
        drained_count = 0
    }
    :: else
    fi
}

/** The end of it; the submitters that wait for room are in executor.inc. */
inline executor_place_freed()
{
    if
    :: held == 0 -> waitlist_wake_all()
    :: else
    fi
}

proctype worker(byte me)
{
    bool taken, future;

    do
    :: atomic { waiting > 0 -> waiting-- } /* queue_take() */
        do
        :: atomic {
                stage[me] = TASK_TAKEN;
                if
                :: future = true
                :: future = false
                fi
            }
            stage[me] = TASK_RUN;
            if
            :: future ->
                held--; /* queue_task_done() */
                executor_place_freed()
            :: else
            fi;
            ended++; /* task_end() */
            stage[me] = TASK_ENDED;
            if /* worker_take_next() */
            :: future -> atomic { taken = waiting > 0; waiting = waiting - taken }
            :: else -> atomic { held--; taken = waiting > 0; waiting = waiting - taken }
            fi;
#ifdef WRONG_SETTLED_FIRST
            if
            :: !taken -> waitlist_wake_all()
            :: else
            fi;
#endif
            stage[me] = (taken -> TASK_TAKEN : NO_TASK);
            if
            :: !future -> executor_place_freed()
            :: else
            fi;
#if !defined(WITHOUT_SETTLED) && !defined(WRONG_SETTLED_FIRST)
            if
            :: !taken -> waitlist_wake_all() /* executor_settled() */
            :: else
            fi;
#endif
            if
            :: taken -> taken = false
            :: else -> break
            fi
        od
    :: waiting == 0 -> break
    od
}

inline is_idle(idle)
{
    idle = held == 0;
#ifndef WRONG_PLACES_ONLY
    i = 0;
    do /* thread_is_settled() */
    :: i < WORKERS && idle -> idle = stage[i] == NO_TASK; i++
    :: else -> break
    od;
    i = 0
#endif
}

/** ep_executor_wait_idle(): waitlist_await() */
proctype idler(byte me)
{
    byte i;
    bool idle;

    do
    :: is_idle(idle);
        if
        :: idle -> break
        :: else
        fi;
        d_step { drained_woken[me] = false; drained[me] = true; drained_count++ }
#ifndef WITHOUT_RECHECK
        is_idle(idle);
#endif
        if
        :: idle -> d_step { /* waitlist_leave() */
                drained_count = drained_count - drained[me];
                drained[me] = false
            }
            break
        :: else -> drained_woken[me]
        fi
    od;
    assert(held == 0 && ended == TASKS)
}

init
{
    byte i;

    atomic {
        for (i : 0 .. WORKERS - 1) { run worker(i) }
        for (i : 0 .. IDLERS - 1) { run idler(i) }
        i = 0
    }
    timeout -> d_step {
        assert(held == 0 && waiting == 0 && ended == TASKS && drained_count == 0)
    }
}
