/* SPDX-License-Identifier: MIT */
/*
 * Elastic worker processes: pool/process/elastic.c and the care of pool/process/manager.c, against
 * submitters and the sending of tasks in pool/process/send.c.
 *
 * Tasks are alike here, so the queue is a number. A receiver stands for whichever thread reads outcomes;
 * rights.pml has what several of them do. What holds the executor's lock is one step.
 *
 * What is checked:
 *  - no task is lost: none is sent to a worker that was ordered to end (assertion in place_feed()), and with
 *    PAIRS each two tasks wait for one another, so each needs a worker although there is one at the
 *    beginning; a process that waits for ever is an invalid end state;
 *  - while nothing happens any more, the least workers are awake, and no more (in watcher).
 *
 * There is no resize: resize.pml has that of other executors.
 */
#ifndef LEAST
#define LEAST 1
#endif
#ifndef MOST
#define MOST 2
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef PER
#define PER 1
#endif
#define TASKS (SUBMITTERS * PER)

byte waiting;             /* entries of the queue */
byte target = MOST;
byte dormant_count;       /* executor.dormant */
byte idle_count;
bool poked;

/* The places. */
#define LIFE_NONE 0
#define LIFE_STARTING 1 /* or ordered */
#define LIFE_READY 2
#define LIFE_STOPPING 3
byte life[MOST];
bool dormant[MOST];
bool sending[MOST], listed[MOST];
bool busy[MOST];          /* place_is_busy() */
bool may_order[MOST];     /* retry_ns: a worker may be ordered */

/* The worker processes, and what travels. */
bool has_input[MOST], has_outcome[MOST], is_ready[MOST], is_cut[MOST], has_ended[MOST];

/* For the checker only. */
byte begun, done;
byte submitters_left = SUBMITTERS;

#define OFFERS (waiting > 0) /* work_is_offered() */

inline poke() { poked = true }

inline place_unlist_locked(p)
{
    idle_count = idle_count - listed[p];
    listed[p] = false
}

/** The caller has the right to send: place_fill(), place_send(), and what follows with the lock. */
inline place_feed(p, taken)
{
    do
    :: if
        :: atomic { life[p] == LIFE_READY && p < target && OFFERS -> waiting--; taken = true; busy[p] = true }
        :: else
        fi;
        if
        :: taken ->
            taken = false;
            assert(life[p] == LIFE_READY && !is_cut[p]);
            has_input[p] = true
        :: else
        fi;
        atomic {
            sending[p] = false;
            if
            :: busy[p] -> break
            :: !busy[p] && (life[p] != LIFE_READY || p >= target) -> poke(); break /* no credit */
            :: else
            fi;
            listed[p] = true;
            idle_count++
        }
        if
        :: atomic { OFFERS && listed[p] -> place_unlist_locked(p); sending[p] = true }
        :: else -> break
        fi
    od
}

inline place_offer(p, taken, mine)
{
    atomic {
        mine = !sending[p] && !listed[p] && life[p] == LIFE_READY && !busy[p] && p < target;
        if
        :: mine -> listed[p] = true; idle_count++
        :: else
        fi
    }
    if
    :: mine ->
        mine = false;
        if
        :: atomic { OFFERS && listed[p] -> place_unlist_locked(p); sending[p] = true }
            place_feed(p, taken)
        :: else
        fi
    :: else
    fi
}

/** dispatch(): the first place of the idle list */
inline dispatch(p, taken)
{
    do
    :: atomic { idle_count > 0 && OFFERS ->
            if
            :: listed[0] -> p = 0
#if MOST > 1
            :: listed[1] -> p = 1
#endif
#if MOST > 2
            :: listed[2] -> p = 2
#endif
            fi;
            place_unlist_locked(p);
            sending[p] = true
        }
        place_feed(p, taken)
    :: else -> break
    od;
    p = 0
}

/** ep_submit(): queue_push(), then process_arrived() */
proctype submitter()
{
    byte n, p;
    bool taken;

    do
    :: n < PER ->
#ifndef WRONG_LOOKS_FIRST
        waiting++;
#endif
        if
        :: idle_count > 0 -> dispatch(p, taken)
        :: else
        fi;
        if
#ifndef WITHOUT_POKE_FOR_DORMANT
        :: dormant_count > 0 -> /* and queue_offers() */
            if
            :: OFFERS -> poke()
            :: else
            fi
#endif
        :: else
        fi;
#ifdef WRONG_LOOKS_FIRST /* it looks for workers first and queues second */
        waiting++;
#endif
        n++
    :: else -> break
    od;
    submitters_left--
}

/** A worker process: from the order on, to its end, and again. */
proctype worker(byte me)
{
    byte number;

end_none:
    life[me] == LIFE_STARTING;
    is_ready[me] = true;
end_idle:
    do
    :: atomic { has_input[me] -> has_input[me] = false; begun++; number = begun }
#ifdef PAIRS
        begun >= number + number % 2;
#endif
        atomic { done++; number = 0; has_outcome[me] = true }
    :: is_cut[me] && !has_input[me] -> break /* the end of its stream */
    od;
    has_ended[me] = true;
    !has_ended[me]; /* it was waited for */
    goto end_none
}

/** A thread that receives: take_outcome(), then place_offer() */
proctype receiver(byte me)
{
    bool taken, mine;

end:
    do
    :: atomic { has_outcome[me] -> has_outcome[me] = false; busy[me] = false }
        place_offer(me, taken, mine)
    od
}

/** Ask whether a place below target is awake, and count those: count_places(). None is given up here */
#if MOST > 2
#define AWAKE(to) ((0 < to && !dormant[0]) + (1 < to && !dormant[1]) + (2 < to && !dormant[2]))
#define STARTING(to) ((0 < to && !dormant[0] && life[0] != LIFE_READY) + (1 < to && !dormant[1] && life[1] != LIFE_READY) + (2 < to && !dormant[2] && life[2] != LIFE_READY))
#else
#define AWAKE(to) ((0 < to && !dormant[0]) + (1 < to && !dormant[1]))
#define STARTING(to) ((0 < to && !dormant[0] && life[0] != LIFE_READY) + (1 < to && !dormant[1] && life[1] != LIFE_READY))
#endif
#ifdef WRONG_KEEPS_NONE /* the least is forgotten */
#define LEAST_OF(to) 0
#else
#define LEAST_OF(to) (LEAST < to -> LEAST : to)
#endif

/** Of these variables only the manager changes `dormant`; `target` is read once. */
inline elastic_grow()
{
    to = target;
    d_step {
        for (i : 0 .. MOST - 1) {
            if
            :: i >= to && life[i] == LIFE_NONE -> dormant[i] = true
            :: else
            fi
        }
        awake = AWAKE(to);
        coming = STARTING(to);
        i = 0
    }
    dormant_count = to - awake; /* before the look at the queue */
    if
    :: awake < to ->
#ifdef WRONG_COUNTS_IDLE_FIRST
        coming = coming + idle_count;
        queued = waiting;
#else
        queued = waiting; /* queue_stats(); a worker that is idle after that will look at the queue */
        coming = coming + idle_count;
#endif
        do
        :: i < to ->
            if
            :: dormant[i] && (awake < LEAST_OF(to) || coming < queued) ->
                atomic { dormant[i] = false; dormant_count--; may_order[i] = true }
                awake++;
                coming++
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0
    :: else
    fi;
    atomic { to = 0; awake = 0; coming = 0; queued = 0 }
}

/** Order a worker without a task to end: place_stop() */
inline place_stop(p)
{
    atomic {
        if
        :: life[p] != LIFE_STOPPING && !sending[p] && !busy[p] ->
            place_unlist_locked(p);
            life[p] = LIFE_STOPPING;
            is_cut[p] = true
        :: else
        fi
    }
}

/** A worker that is listed may have been idle too long at any time: elastic_shrink() */
inline elastic_shrink(p)
{
    to = target;
    if
    :: AWAKE(to) > LEAST_OF(to) && listed[p] ->
        place_stop(p);
        if
        :: life[p] == LIFE_STOPPING ->
            dormant[p] = true;
            dormant_count++ /* a submitter that came before found none; care follows the end */
        :: else
        fi
    :: else
    fi;
    to = 0
}

inline place_care(p)
{
    if
    :: life[p] == LIFE_STARTING && (p >= target || dormant[p]) -> place_stop(p)
    :: life[p] == LIFE_NONE && may_order[p] && p < target && !dormant[p] ->
        atomic { may_order[p] = false; life[p] = LIFE_STARTING } /* place_order() */
    :: life[p] == LIFE_READY ->
        may_order[p] = false;
        if
        :: p >= target || dormant[p] -> place_stop(p)
        :: else -> place_offer(p, taken, mine)
        fi;
        elastic_shrink(p)
    :: else
    fi
}

/** care() */
inline care()
{
    elastic_grow();
    at = 0;
    do
    :: at < MOST -> place_care(at); at++
    :: else -> break
    od;
    at = 0;
    dispatch(at, taken)
}

/** place_is_ready(), and receive() offers it a task */
inline place_is_ready(p)
{
    atomic {
        is_ready[p] -> is_ready[p] = false;
        if
        :: life[p] == LIFE_STARTING -> life[p] = LIFE_READY
        :: else /* it was ordered to end */
        fi
    }
    place_offer(p, taken, mine)
}

/** place_end_seen() and place_try_bury(), when all that it has sent was read */
inline place_bury(p)
{
    atomic {
        has_ended[p] && !is_ready[p] && !has_outcome[p] && !sending[p] ->
        assert(life[p] == LIFE_STOPPING && !busy[p] && !has_input[p] && !listed[p]);
        has_ended[p] = false;
        is_cut[p] = false;
        life[p] = LIFE_NONE;
        may_order[p] = true
    }
#ifndef WITHOUT_CARE_AT_END
    due = true
#endif
}

/** The time at which one has been idle too long, for which elastic_shrink() made care due. */
#define TIME_IS_OVER(p) (listed[p] && AWAKE(target) > LEAST_OF(target))

/** manager_main() */
proctype manager()
{
    byte i, at, to, awake, coming, queued;
    bool due = true, taken, mine;

    do
    :: due -> due = false; care()
    :: else ->
end:    if
        :: atomic { poked -> poked = false; due = true }
        :: TIME_IS_OVER(0) || TIME_IS_OVER(1) -> due = true
        :: place_is_ready(0)
        :: place_is_ready(1)
        :: place_bury(0)
        :: place_bury(1)
#if MOST > 2
        :: TIME_IS_OVER(2) -> due = true
        :: place_is_ready(2)
        :: place_bury(2)
#endif
        fi
    od
}

proctype watcher()
{
    timeout;
    assert(submitters_left == 0 && done == TASKS && waiting == 0);
    assert(AWAKE(MOST) == LEAST && idle_count == LEAST && dormant_count == MOST - LEAST)
}

init
{
    byte i;

    atomic {
        for (i : 0 .. MOST - 1) {
            dormant[i] = i >= LEAST;
            may_order[i] = i < LEAST;
            run worker(i);
            run receiver(i)
        }
        for (i : 1 .. SUBMITTERS) { run submitter() }
        run manager();
        run watcher();
        i = 0
    }
}
