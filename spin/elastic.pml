/* SPDX-License-Identifier: MIT */
/*
 * Elastic workers: pool/thread/elastic.c and pool/thread/grower.c, against submitters, the waking and
 * parking of pool/thread/worker.c, and the end of the executor.
 *
 * Tasks are alike here, so the queue is a number; a notifier wakes any of the idle workers. Each place
 * of the table has a process, which waits until the grower makes a worker for it.
 *
 * What is checked:
 *  - no task is left beside a worker that retires: with PAIRS each two tasks wait for one another, so
 *    each needs a worker, although there may be one at the beginning; a process that waits for ever is an
 *    invalid end state;
 *  - there are never more than MOST workers nor fewer than LEAST (assertions in size_up and size_down),
 *    and when nothing is left to do there are LEAST (in closer);
 *  - the executor ends, and no thread uses it after it was released. The grower may make a worker at the
 *    last moment, which is then joined as the others are.
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
#ifndef SEARCHERS
#define SEARCHERS 1
#endif
#define TASKS (SUBMITTERS * PER)

/* The queue. */
byte waiting; /* entries */
bool refusal;

/* The executor. */
byte size = LEAST;
byte searching;
bool idle[MOST], idle_woken[MOST];
byte idle_count;
bool asked, grower_ends;
byte alive = LEAST;
bool gone;

/* A place of the table: empty, with a worker, or with one that can be joined. */
#define EMPTY 0
#define LIVES 1
#define ENDED 2 /* worker.has_ended */
byte workers[MOST];

/* For the checker only. */
byte begun, done;
byte submitters_left = SUBMITTERS;
byte threads;         /* of workers, not joined */
bool grower_left;
bool over;            /* all threads are joined */

#define OFFERS (waiting > 0) /* queue_offers() */

inline touch() { assert(!gone) }

/** wake_idle_worker(); `some`: whether there was one */
inline wake_idle_worker(other, some)
{
    atomic {
        touch();
        some = idle_count > 0;
        if
        :: idle[0] -> other = 0
#if MOST > 1
        :: idle[1] -> other = 1
#endif
#if MOST > 2
        :: idle[2] -> other = 2
#endif
        :: idle_count == 0
        fi;
        if
        :: some -> idle[other] = false; idle_count--
        :: else
        fi
    }
    if
    :: some -> searching++; idle_woken[other] = true; other = 0
    :: else
    fi
}

inline elastic_poke() { atomic { touch(); asked = true } }

/** elastic_ask(): `size` first, then the queue */
inline elastic_ask()
{
    if
    :: size < MOST ->
        if
        :: OFFERS -> elastic_poke()
        :: else
        fi
    :: else
    fi
}

inline task_arrived(other, some)
{
    if
    :: atomic { searching == 0 -> touch() }
        wake_idle_worker(other, some);
        if
        :: some
#ifndef WITHOUT_ASKING
        :: !some -> elastic_ask()
#else
        :: !some
#endif
        fi
    :: atomic { searching != 0 -> touch() }
    fi;
    some = false
}

/** In C with life_mutex, which makes fewer orders possible; `some`: whether it was above, or below */
inline size_down(some)
{
    atomic {
        touch();
        some = size > LEAST;
        if
        :: some -> size--
        :: else
        fi
    }
}

inline size_up(some)
{
    atomic {
        touch();
        some = size < MOST;
        if
        :: some -> size++
        :: else
        fi
    }
}

/** A worker that was idle too long: elastic_retire() */
inline elastic_retire(retired, some)
{
    size_down(retired);
    if
    :: retired && OFFERS ->
        size_up(some);
        if
        :: some -> retired = false
        :: else
        fi
    :: else
    fi
}

/** worker_park(); `counted`: a notifier has chosen this worker */
inline worker_park(me, counted, retired, some)
{
    atomic { touch(); idle_woken[me] = false; idle[me] = true; idle_count++ }
    if
    :: OFFERS || refusal ->
        atomic { /* waitlist_leave() */
            counted = !idle[me];
            idle_count = idle_count - idle[me];
            idle[me] = false
        }
        if
        :: counted -> idle_woken[me]
        :: else
        fi
    :: !(OFFERS || refusal) ->
        some = size > LEAST; /* elastic_deadline() */
        if
        :: idle_woken[me] -> counted = true
        :: some && !idle_woken[me] -> /* the time is over */
            atomic {
                counted = !idle[me];
                idle_count = idle_count - idle[me];
                idle[me] = false
            }
            if
            :: counted -> idle_woken[me]
            :: else -> elastic_retire(retired, some)
            fi
        fi
    fi;
    atomic { some = false; idle_woken[me] = false }
}

/** The task's function. With PAIRS the first and the second meet, the third and the fourth, ... */
inline run_task()
{
    atomic { begun++; number = begun }
#ifdef PAIRS
    begun >= number + number % 2;
#endif
    atomic { done++; number = 0 }
}

proctype worker(byte me)
{
    byte other, number;
    bool counted, found, retired, some;

live:
    do
    :: over -> goto end
    :: workers[me] == LIVES -> break
    od;
    do
    :: /* worker_await_task() */
        atomic {
            touch();
            counted = searching < SEARCHERS;
            searching = searching + counted
        }
        do
        :: atomic { found = waiting > 0; waiting = waiting - found } /* queue_take() */
            if
            :: counted -> atomic { searching--; counted = false }
            :: else
            fi;
            if
            :: found -> break
            :: !found && refusal && !OFFERS -> goto leave
            :: else ->
                worker_park(me, counted, retired, some);
                if
                :: retired -> goto leave
                :: else
                fi
            fi
        od;
#ifndef WITHOUT_HANDOVER
        if
        :: OFFERS -> task_arrived(other, some)
        :: else
        fi;
#endif
        do /* worker_serve(): it takes another one */
        :: run_task();
            atomic { found = waiting > 0; waiting = waiting - found }
            if
            :: found
            :: else -> break
            fi
        od
    od;
leave:
    if /* worker_hand_over() */
    :: OFFERS -> task_arrived(other, some)
    :: else
    fi;
    atomic { retired = false; found = false }
    atomic { touch(); workers[me] = ENDED } /* worker_gone() */
    atomic { touch(); alive-- }
#ifndef WITHOUT_POKE_AT_END
    elastic_poke();
#endif
    threads--; /* the thread ends */
    goto live;
end:
    skip
}

/** grower_main() */
proctype grower()
{
    byte i, at;

    do
    :: atomic { asked -> asked = false }
        if
        :: grower_ends -> break
        :: else
        fi;
#ifdef WRONG_FORGETS /* it looks first and takes the request away second */
        asked = true;
#endif
        d_step { /* join_ended_locked(): what a thread still does that has reported its end is awaited there */
            i = 0;
            at = MOST;
            do
            :: i < MOST ->
                if
                :: workers[i] == ENDED -> workers[i] = EMPTY
                :: else
                fi;
                i++
            :: else -> break
            od;
            do /* empty_place_locked() */
            :: i > 0 ->
                i--;
                if
                :: workers[i] == EMPTY -> at = i
                :: else
                fi
            :: else -> break
            od
        }
        /* grow_locked() */
        if
        :: at < MOST && size < MOST && OFFERS ->
            if
            :: idle_count == 0 ->
                if
                :: searching == 0 ->
                    atomic { size++; assert(size <= MOST) }
                    atomic { /* worker_start_locked() */
                        assert(workers[at] == EMPTY);
                        alive++;
                        threads++;
                        workers[at] = LIVES
                    }
                :: else
                fi
            :: else
            fi
        :: else
        fi;
#ifdef WRONG_FORGETS
        asked = false;
#endif
        at = 0
    od;
    grower_left = true
}

proctype submitter()
{
    byte n, other;
    bool some;

    do
    :: n < PER ->
#ifdef WRONG_ASKS_FIRST /* wakes first, and queues second */
        task_arrived(other, some);
        atomic { touch(); waiting++ }
#else
        atomic { touch(); waiting++ } /* queue_push() */
        task_arrived(other, some);
#endif
        n++
    :: else -> break
    od;
    submitters_left--
}

/** ep_executor_shutdown() with EP_WAIT, when all tasks are done and all that is idle too long is gone. */
proctype closer()
{
    byte other;
    bool some;

    submitters_left == 0 && done == TASKS;
#ifdef QUIET
    timeout;
    assert(size == LEAST && threads == LEAST && alive == LEAST && searching == 0);
#endif
    refusal = true;
    do
    :: wake_idle_worker(other, some);
        if
        :: some
        :: else -> break
        fi
    od;
    some = false;
    alive == 0; /* thread_join() */
    grower_ends = true; /* grower_stop() */
    elastic_poke();
    grower_left;
    threads == 0;
    gone = true;
    over = true
}

init
{
    byte i;

    atomic {
        for (i : 0 .. MOST - 1) {
            workers[i] = (i < LEAST -> LIVES : EMPTY);
            run worker(i)
        }
        threads = LEAST;
        for (i : 1 .. SUBMITTERS) { run submitter() }
        run grower();
        run closer();
        i = 0
    }
}
