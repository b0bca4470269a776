/* SPDX-License-Identifier: MIT */
/*
 * The end of an executor: ep_executor_shutdown() and ep_executor_free() of pool/executor.c, with
 * joining in pool/thread/executor.c, against submitters, some of them waiting for room, workers
 * parked or busy, and cancellers.
 *
 * What is checked:
 *  - shutdown ends. Here no worker may sleep for ever: a process that has not ended when none can
 *    move is an invalid end state. With -DLIVENESS also that there is no livelock;
 *  - when EP_WAIT returns, every accepted task is done or cancelled (assertion in closer);
 *  - nothing is accepted after close (assertion in queue_push);
 *  - submitters that wait for room wake up and get EP_ESHUTDOWN, and a refused task is not queued
 *    (assertion in submitter);
 *  - a thread that waits for the last worker wakes up; workers are joined once, and no thread uses the
 *    executor after it was released.
 *
 * As the header demands, the executor is freed when no other call on it is under way. Cancelling a
 * future is not a call on the executor, and may happen at any time.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef PER
#define PER 1
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
#ifndef CLOSERS
#define CLOSERS 1
#endif

#include "executor.inc"

bool life_mutex, joined;
byte joins;               /* for the checker only */
byte closers_left = CLOSERS;

#define IS_OVER(t) (state[t] == NOT_ACCEPTED || IS_RESOLVED(t))

/** drop_oldest() of executor.c, with queue_drop_oldest(); `some`: whether there was one */
inline queue_drop_oldest(t, some)
{
    atomic { touch(); droppers++ }
    atomic { !head_locked -> touch(); head_locked = true }
    if
    :: atomic { !HAS_ENTRIES -> head_locked = false; some = false }
    :: atomic { HAS_ENTRIES -> t = HEAD_TASK; queue_advance_locked(); head_locked = false; some = true }
        if
        :: atomic { state[t] == PENDING -> state[t] = CANCELLING; live-- } /* future_begin_cancel() */
            atomic { touch(); freed++ }
            state[t] = CANCELLED /* future_publish_cancelled() */
        :: state[t] != PENDING ->
#ifndef WITHOUT_AWAIT_IN_DROP
            state[t] == CANCELLED /* future_await_cancelled() */
#else
            skip
#endif
        fi;
        t = 0
    fi;
    atomic { touch(); droppers-- }
}

inline wake_waiting()
{
#ifndef WITHOUT_WAKE_IDLE_ON_CLOSE
    do
    :: wake_idle_worker(other, some);
        if
        :: some
#ifdef WRONG_WAKE_ONE_ON_CLOSE
            -> break
#endif
        :: else -> break
        fi
    od;
#endif
#ifndef WITHOUT_WAKE_ROOM_ON_CLOSE
    do
    :: LIST_POP(room, room_count, other, some);
        if
        :: some -> room_woken[other] = true; other = 0
        :: else -> break
        fi
    od;
#endif
    some = false
}

/** ep_executor_shutdown() with EP_WAIT, with or without EP_CANCEL; the first closer then frees. */
proctype closer(byte me)
{
    byte t, other;
    bool some;

    /* close_and_drop() */
    if
    :: skip ->
        atomic { touch(); refusal = true }
        do
        :: queue_drop_oldest(t, some);
            if
            :: some
            :: else -> break
            fi
        od
    :: skip
    fi;
    /* executor_close() */
#ifdef WRONG_WAKE_BEFORE_CLOSE
    wake_waiting();
    refusal = true;
#else
    atomic { touch(); refusal = true }
    wake_waiting();
#endif
    /* join() of executor.c, thread_join(): first the last worker is waited for, in `ended`. The look
     * before joining the list is left out: it is one of those at the second look. */
    atomic { touch(); ended_woken[me] = false; LIST_LAST(ended, ended_count, me) }
#ifndef WITHOUT_ENDED_RECHECK
    if
    :: alive == 0 -> /* all_have_left() */
        LIST_LEAVE(ended, ended_count, me, some)
        if
        :: some
        :: !some -> ended_woken[me]
        fi
    :: else ->
#endif
        atomic { ended_woken[me] -> assert(alive == 0) }
#ifndef WITHOUT_ENDED_RECHECK
    fi;
#endif
    atomic { some = false; ended_woken[me] = false }
    /* The threads may still be in worker_gone(): they are joined before the memory goes. */
#ifndef WITHOUT_LIFE_MUTEX
    atomic { !life_mutex -> touch(); life_mutex = true }
#endif
    if
    :: !joined ->
        atomic { joins++; assert(joins == 1) } /* a thread is joined once */
#ifndef WITHOUT_JOIN
        workers_left == 0;
#endif
        joined = true
    :: joined
    fi;
    life_mutex = false;
#ifndef WITHOUT_AWAIT_DROPPERS
    droppers == 0;
#endif
    d_step {
        touch();
        for (k : 0 .. TASKS - 1) { assert(IS_OVER(k)) }
        k = 0;
        assert(!HAS_ENTRIES && alive == 0);
        closers_left--
    }
    if
    :: me == 0 ->
        closers_left == 0 && submitters_left == 0;
        gone = true
    :: else
    fi
}

init
{
    byte i;

    atomic {
        for (i : 0 .. WORKERS - 1) { run worker(i) }
        for (i : 0 .. SUBMITTERS - 1) { run submitter(i, false) }
        for (i : 0 .. CLOSERS - 1) { run closer(i) }
#if CANCELS > 0
        for (i : 1 .. CANCELS) { run canceller() }
#endif
        i = 0
    }
#ifndef LIVENESS
    timeout -> d_step {
        assert(gone && workers_left == 0 && submitters_left == 0 && closers_left == 0);
        assert(searching == 0 && idle_count == 0 && room_count == 0 && ended_count == 0);
        assert(live == 0 && freed == tail && head == tail);
        for (k : 0 .. TASKS - 1) {
            assert(IS_OVER(k));
            assert(begun[k] == (state[k] == FINISHED))
        }
        k = 0
    }
#endif
}

#ifdef LIVENESS
ltl ends { <> gone }
#endif
