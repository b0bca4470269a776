/* SPDX-License-Identifier: MIT */
/*
 * Waiting within a task: pool/thread/nested.c with queue_claim() of pool/queue.c, against the workers
 * that take tasks from the queue, and cancellers.
 *
 * Each task waits for others. The checker tries every way to choose for which, as long as no task waits
 * for itself by way of others. All tasks are in the queue from the beginning, in the order of their
 * numbers.
 *
 * What is checked:
 *  - a worker that waits for a task runs no task but that one, and only if it has not begun: each task
 *    begins once, or is cancelled (assertions in begin, all_is_well);
 *  - tasks that wait for one another in no circle end, with one worker too: a worker that waits for
 *    ever is an invalid end state;
 *  - no task waits for one that lies below it on its stack, so no wait returns -EDEADLK;
 *  - each place is freed once, and each entry of a task that was claimed leaves the ring as a husk.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TASKS
#define TASKS 3
#endif
#ifndef CANCELS
#define CANCELS 0
#endif

#define PENDING    0
#define RUNNING    1
#define CANCELLING 2
#define CANCELLED  3
#define FINISHED   4
byte state[TASKS];
#define IS_RESOLVED(t) (state[t] == FINISHED || state[t] == CANCELLED)

byte waits[TASKS];     /* a bit for each task that it still has to wait for */
byte stack[WORKERS];   /* a bit for each task that lies on the worker's stack */

bool head_locked;
byte head, freed, claimed, cancelled, husks_swept;

/* For the checker only. */
byte begun[TASKS];
hidden byte k;

#define HAS_ENTRIES (head < TASKS)

/** Put a task that has been started upon the worker's stack. */
inline begin(t)
{
    d_step {
        begun[t]++;
        assert(begun[t] == 1 && state[t] == RUNNING);
        stack[me] = stack[me] | (1 << t);
        at[depth] = t;
        depth++
    }
}

/** queue_take_locked(), with head_lock held; releases it */
inline queue_take_locked(t, found)
{
    do
    :: atomic { !HAS_ENTRIES -> head_locked = false; found = false; break }
    :: atomic {
        HAS_ENTRIES && state[head] == PENDING -> /* future_start() */
        t = head;
        state[t] = RUNNING;
        head++;
        head_locked = false;
        found = true;
        break
    }
    :: atomic { HAS_ENTRIES && state[head] == CANCELLING -> t = head; head_locked = false }
        state[t] == CANCELLED; /* queue_await_canceller_locked() */
        atomic { !head_locked -> head_locked = true }
    :: atomic {
        HAS_ENTRIES && state[head] != PENDING && state[head] != CANCELLING ->
        head++; /* queue_pass_husk_locked() */
        husks_swept++
    }
    od
}

/** queue_claim() */
inline queue_claim(t, found)
{
#ifdef WRONG_CLAIM_IN_TWO_STEPS
    found = state[t] == PENDING;
    if
    :: found -> state[t] = RUNNING; claimed++
    :: else
    fi
#else
    atomic {
        !head_locked ->
        found = state[t] == PENDING; /* future_start() */
        if
        :: found -> state[t] = RUNNING; claimed++
        :: else
        fi
    }
#endif
}

/** thread_run_here(), and then sleep until the task is done: `t` has not begun when the worker looks. */
inline thread_run_here(t, found)
{
#ifdef WRONG_SLEEPS /* the worker leaves the task to another one */
    IS_RESOLVED(t);
#elif defined(WRONG_RUNS_ANY) /* the worker runs the next task of the queue meanwhile */
    atomic { !head_locked -> head_locked = true }
    queue_take_locked(t, found);
#else
    queue_claim(t, found);
#endif
    if
    :: found -> begin(t)
    :: else
    fi
}

/** End the topmost task: worker_end_task(), nested_end() */
inline task_end(t)
{
    freed++; /* queue_task_done() */
#ifdef WRONG_HUSK_FREES
    if
    :: head <= t -> freed++ /* as if its entry in the ring had a place of its own */
    :: else
    fi;
#endif
    atomic {
        depth--;
        stack[me] = stack[me] & ~(1 << t);
        state[t] = FINISHED
    }
}

proctype worker(byte me)
{
    byte at[TASKS]; /* its stack */
    byte depth, t, other;
    bool found;

    do
    :: depth == 0 ->
        atomic { !head_locked -> head_locked = true }
        queue_take_locked(t, found);
        if
        :: found -> begin(t)
        :: else -> break
        fi
    :: depth > 0 ->
        d_step {
            t = at[depth - 1];
            other = 0;
            do
            :: other < TASKS && (waits[t] & (1 << other)) == 0 -> other++
            :: else -> break
            od
        }
        if
        :: other == TASKS -> task_end(t)
        :: other < TASKS ->
            /* future_join_in(): the state is read once */
            if
            :: state[other] == PENDING -> t = other; thread_run_here(t, found)
            :: state[other] == RUNNING ->
                assert((stack[me] & (1 << other)) == 0); /* it would be -EDEADLK */
                IS_RESOLVED(other) /* future_wait() */
            :: state[other] == CANCELLING -> state[other] == CANCELLED
            :: IS_RESOLVED(other) -> d_step { t = at[depth - 1]; waits[t] = waits[t] & ~(1 << other) }
            fi
        fi;
        d_step { t = 0; other = 0; found = false }
    od
}

/** ep_future_cancel() on one pending task, or on none. */
proctype canceller()
{
    byte t;

    if
    :: atomic {
        t < TASKS -> /* the checker tries each one */
        do
        :: t + 1 < TASKS -> t++
        :: break
        od
    }
        if
        :: atomic { state[t] == PENDING -> state[t] = CANCELLING }
            atomic { freed++; cancelled++ } /* queue_task_cancelled() */
            state[t] = CANCELLED
        :: state[t] != PENDING
        fi
    :: skip
    fi
}

/** Choose for which tasks each one waits: only for some of a lower rank, so in no circle. */
inline choose_waits()
{
    for (i : 0 .. TASKS - 1) {
        if
        :: rank[i] = 0
        :: rank[i] = 1
        :: rank[i] = 2
        fi
    }
    for (i : 0 .. TASKS - 1) {
        for (j : 0 .. TASKS - 1) {
            if
            :: rank[j] < rank[i] -> waits[i] = waits[i] | (1 << j)
            :: true
            fi
        }
    }
}

init
{
    byte i, j;
    byte rank[TASKS];

    atomic {
        choose_waits();
        for (i : 0 .. TASKS - 1) { rank[i] = 0 }
        for (i : 0 .. WORKERS - 1) { run worker(i) }
#if CANCELS > 0
        for (i : 1 .. CANCELS) { run canceller() }
#endif
        i = 0;
        j = 0
    }
    /* When no process can move: each task is over, and its place and its entry are. */
    timeout -> d_step {
        assert(head == TASKS && freed == TASKS && !head_locked);
        assert(husks_swept == claimed + cancelled);
        for (k : 0 .. TASKS - 1) {
            assert(IS_RESOLVED(k) && begun[k] == (state[k] == FINISHED) && (waits[k] == 0 || state[k] == CANCELLED))
        }
        for (k : 0 .. WORKERS - 1) { assert(stack[k] == 0) }
        k = 0
    }
}
