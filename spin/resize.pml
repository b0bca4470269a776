/* SPDX-License-Identifier: MIT */
/*
 * Resizing an executor of worker processes: process_resize() of pool/process/executor.c against the manager,
 * whose care is in pool/process/manager.c and death.c. Tasks are left out; a worker is its beginning and its end.
 *
 * The resizer resizes RESIZES times, to any number, and before each one anything may have happened to the machine:
 * workers begin, or their initialize fails, or they die in it. KILLS workers that were ready are killed, at any
 * time. What the manager waits for it gets in any order.
 *
 * What is checked:
 *  - without KILLS a resize that returns 0 has that many workers, and one that fails has left those that there were;
 *    with KILLS the first has tried each place that was given up, and the second has ended none; and none returns
 *    0 for an executor that was broken when it began (assertions in resizer());
 *  - what begins for a resize breaks nothing: without KILLS the executor is never broken (assertion in
 *    process_executor_break()); nor does what no resize wants any more (in place_died());
 *  - while nothing happens any more, each place has a worker or was given up; and there is a worker, or the
 *    executor is broken (in watcher). A resize that never returns is an invalid end state.
 */
#define PLACES 2
#ifndef RESIZES
#define RESIZES 3
#endif
#ifndef KILLS
#define KILLS 0
#endif
#define FAILURES_MAX 2

byte target = 1;
bool poked, broken;

/* The places. */
#define LIFE_NONE 0
#define LIFE_STARTING 1 /* or ordered */
#define LIFE_READY 2
#define LIFE_STOPPING 3
#define START_SETTLED 0
#define START_WANTED 1
#define START_UNDER_WAY 2
byte life[PLACES], start[PLACES], failures[PLACES];
bool start_rc[PLACES];    /* it failed */
bool given_up[PLACES];
bool was_ready[PLACES], was_stopped[PLACES];
bool may_order[PLACES];   /* retry_ns: the time comes */

/* The worker processes. */
bool is_ordered[PLACES], is_ready[PLACES], not_ready[PLACES], is_cut[PLACES], has_ended[PLACES];

/* For the checker only. */
#define WELL 0
#define FAILS 1 /* initialize reports a failure */
#define DIES 2  /* the process dies in it */
byte machine;
byte kills_left = KILLS;
bool resizer_left;
bool was_given_up[PLACES], was_tried[PLACES], was_ended[PLACES]; /* before this resize; since it began */
bool is_needless[PLACES]; /* a resize has returned that wants none here */

inline poke() { poked = true }

#define IS_WANTED(p) ((p) < target && !broken) /* place_is_wanted() */

/** A worker process: from the order on, to its end, and again. */
proctype worker(byte me)
{
end_none:
    atomic { is_ordered[me] -> is_ordered[me] = false }
    if
    :: machine == WELL -> is_ready[me] = true;
end_idle:
        if
        :: is_cut[me] || broken
        :: atomic { kills_left > 0 -> kills_left-- }
        fi
    :: machine == FAILS -> not_ready[me] = true
    :: machine == DIES
    fi;
    has_ended[me] = true;
    !has_ended[me]; /* it was waited for */
    goto end_none
}

inline place_settle(p, rc)
{
    if
    :: start[p] != START_SETTLED ->
        start_rc[p] = rc;
        start[p] = START_SETTLED
    :: else
    fi
}

/** Ask whether a resize awaits a worker here, and then whether one is wanted. */
inline look(p)
{
#ifdef WRONG_ASKS_FIRST /* whether one is wanted, and then whether a resize awaits one */
    wanted = IS_WANTED(p);
    awaited = start[p] != START_SETTLED
#else
    awaited = start[p] != START_SETTLED;
    wanted = IS_WANTED(p)
#endif
}

inline place_renew(p)
{
    atomic { given_up[p] = false; failures[p] = 0; may_order[p] = true; was_tried[p] = true }
}

inline process_executor_break()
{
    assert(KILLS > 0);
    broken = true
}

#define HOPE(to) (!given_up[0] || (1 < to && !given_up[1]))

/** `target` is read for each place, but a step between changes no answer: the resizer does not give up places. */
inline break_if_hopeless()
{
    if
    :: !broken && !HOPE(target) -> process_executor_break()
    :: else
    fi
}

inline place_give_up(p)
{
    given_up[p] = true;
#ifdef WRONG_LOOKS_AT_FAILURES /* for hope, and not in care() */
    if
    :: !mine -> break_if_hopeless()
    :: else
    fi;
#endif
    due = true
}

/** A process could not be forked, or died while it initialized. */
inline place_failed(p)
{
    failures[p]++;
    mine = start[p] != START_SETTLED;
    if
    :: mine -> place_give_up(p); place_settle(p, true)
    :: !mine && failures[p] < FAILURES_MAX -> may_order[p] = true; due = true
    :: else -> place_give_up(p)
    fi;
    mine = false
}

/** The end of a worker that had no order to end. */
inline place_died(p)
{
    if
    :: not_ready[p] ->
        atomic {
#ifdef WRONG_BREAKS_UNWANTED
            wanted = true;
#else
            wanted = IS_WANTED(p);
#endif
            assert(!wanted || !is_needless[p])
        }
        if
        :: wanted && start[p] == START_SETTLED -> process_executor_break()
        :: else
        fi;
        place_give_up(p);
        place_settle(p, true);
        wanted = false
    :: !not_ready[p] && !was_ready[p] -> place_failed(p)
    :: else -> may_order[p] = true /* on_death is EP_REPLACE */
    fi
}

/** place_end_seen() and place_try_bury(), when all that it has sent was read */
inline place_bury(p)
{
    atomic { has_ended[p] && !is_ready[p] -> life[p] = LIFE_NONE; is_cut[p] = false; has_ended[p] = false }
    if
    :: was_stopped[p] || broken -> may_order[p] = true
    :: else -> place_died(p)
    fi;
    not_ready[p] = false;
    due = true
}

inline place_is_ready(p)
{
    atomic { is_ready[p] -> is_ready[p] = false; was_ready[p] = true; failures[p] = 0 }
    if
    :: life[p] == LIFE_STARTING ->
        life[p] = LIFE_READY;
        look(p);
        if
#ifdef WRONG_SETTLES_UNWANTED
        :: awaited -> place_settle(p, false)
#else
        :: awaited && wanted -> place_settle(p, false)
#endif
        :: else
        fi;
        awaited = false;
        wanted = false
    :: else /* it was ordered to end */
    fi
}

/** Order a worker to end. */
inline place_stop(p)
{
    atomic { life[p] = LIFE_STOPPING; was_stopped[p] = true; is_cut[p] = true; was_ended[p] = true }
}

inline place_order(p)
{
    atomic {
        may_order[p] = false; was_ready[p] = false; was_stopped[p] = false;
        life[p] = LIFE_STARTING; is_ordered[p] = true
    }
}

inline place_care(p)
{
    look(p);
    if
    :: life[p] == LIFE_NONE ->
        if
        :: start[p] == START_WANTED ->
            start[p] = START_UNDER_WAY;
            place_renew(p)
        :: else
        fi;
        if
        :: broken -> place_settle(p, true) /* is_ending() */
        :: !broken && wanted && may_order[p] -> place_order(p)
        :: else
        fi
    :: life[p] == LIFE_STARTING && !wanted -> place_stop(p)
    :: life[p] == LIFE_READY ->
        if
        :: wanted && awaited -> place_settle(p, false)
        :: !wanted -> place_stop(p)
        :: else
        fi
    :: else
    fi;
    awaited = false;
    wanted = false
}

inline care()
{
    at = 0;
    do
    :: at < PLACES -> place_care(at); at++
    :: else -> break
    od;
    at = 0;
#ifndef WRONG_LOOKS_AT_FAILURES
    break_if_hopeless()
#endif
}

/** manager_main() */
proctype manager()
{
    byte at;
    bool due = true, awaited, wanted, mine;

    do
    :: due -> due = false; care()
    :: else ->
end:    if
        :: atomic { poked -> poked = false; due = true }
        :: place_is_ready(0)
        :: place_is_ready(1)
        :: place_bury(0)
        :: place_bury(1)
        fi
    od
}

inline want_workers_locked()
{
    do
    :: i < workers ->
        if
#ifdef WRONG_LEAVES_GIVEN_UP
        :: i >= before -> start[i] = START_WANTED
#else
        :: i >= before || given_up[i] -> start[i] = START_WANTED
#endif
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

#define SETTLED(i) (i >= target || start[i] == START_SETTLED) /* are_settled() */
#define FAILED(i) (i < workers && start_rc[i])                /* await_workers() */
#define IS_READY(i) (i >= workers || life[i] == LIFE_READY)
#define WAS_LEFT(i) (i >= before || life[i] == LIFE_READY)
#define MISSED(i) (i < workers && was_given_up[i] && !was_tried[i])
#define LOST(i) (i < before && was_ended[i])

/** process_resize(), again and again */
proctype resizer()
{
    byte n, i, before, workers;
    bool failed, was_broken;

    start[0] == START_SETTLED; /* the constructor */
    do
    :: n < RESIZES ->
        if
        :: machine = WELL
        :: machine = FAILS
        :: machine = DIES
        fi;
        if
        :: workers = 1
        :: workers = 2
        fi;
        atomic {
            before = target;
            was_broken = broken;
            for (i : 0 .. PLACES - 1) {
                was_given_up[i] = given_up[i];
                was_tried[i] = false;
                was_ended[i] = false;
                is_needless[i] = is_needless[i] && i >= workers
            }
            i = 0
        }
#ifndef WITHOUT_LOOK_AT_BROKEN
        failed = broken; /* queue_refusal() */
#endif
        if
        :: !failed ->
#ifdef WRONG_TARGET_FIRST
            target = workers;
            want_workers_locked();
#else
            want_workers_locked();
            if
#ifdef WRONG_SHRINKS_FIRST
            :: true -> target = workers
#else
            :: workers > before -> target = workers
            :: else
#endif
            fi;
#endif
            poke();
            SETTLED(0) && SETTLED(1);
            failed = FAILED(0) || FAILED(1);
        :: else
        fi;
        assert(failed || !was_broken);
        assert(KILLS > 0 || failed || (IS_READY(0) && IS_READY(1)));
        assert(KILLS > 0 || !failed || (WAS_LEFT(0) && WAS_LEFT(1)));
        assert(failed || broken || !(MISSED(0) || MISSED(1)));
        assert(!failed || broken || !(LOST(0) || LOST(1)));
        if
        :: failed -> target = before
        :: else -> atomic { target = workers; is_needless[1] = workers == 1 }
        fi;
        poke();
        atomic { failed = false; was_broken = false; workers = 0; before = 0 }
        n++
    :: else -> break
    od;
    resizer_left = true
}

#define IS_THERE(i) (i >= target || life[i] == LIFE_READY || given_up[i])

proctype watcher()
{
    timeout;
    assert(resizer_left);
    assert(broken || (IS_THERE(0) && IS_THERE(1)));
    assert(broken || HOPE(target))
}

init
{
    byte i;

    atomic {
        start[0] = START_WANTED;
        for (i : 0 .. PLACES - 1) { run worker(i) }
        run resizer();
        run manager();
        run watcher();
        i = 0
    }
}
