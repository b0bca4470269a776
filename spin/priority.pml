/* SPDX-License-Identifier: MIT */
/*
 * Priorities: the lanes of pool/priority.c and pool/aside.c, as pool/queue.c and pool/queue-drop.c use
 * them, against submitters, workers and cancellers, and the release of the executor.
 *
 * Levels have the numbers 0, the highest, to 2; 1 is the normal one, whose tasks are in the ring. The
 * checker tries every level for each task. Sleeping and waking are left out: queue.pml has them.
 *
 * What is checked:
 *  - all levels share one bound (assertion in queue_push), and no thread sees more places freed than
 *    tasks accepted (assertion in queue_held);
 *  - tasks of one level begin in the order of submission, and no level that has a task is passed over
 *    more than PRIORITY_TURNS + 1 times in a row; otherwise the highest level is first (assertions in
 *    note_turn);
 *  - with DISCARDS, a submitter that finds no room drops no task of a higher level than its own;
 *  - each task begins once, or is cancelled, and its place is freed once (all_is_well);
 *  - the queue's reference to a future is dropped once, and no thread uses the executor after it was
 *    released.
 */
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef PER
#define PER 2
#endif
#ifndef LIMIT
#define LIMIT 3
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef PRIORITY_TURNS
#define PRIORITY_TURNS 2 /* fewer would leave no turn to the highest level */
#endif
#define TASKS (SUBMITTERS * PER)

#define EP_PRIORITIES      3
#define EP_PRIORITY_NORMAL 1

#define NOT_ACCEPTED 0
#define PENDING      1
#define RUNNING      2
#define CANCELLING   3
#define CANCELLED    4
#define FINISHED     5
byte state[TASKS];
byte level[TASKS];      /* future_priority() */
bool in_lane[TASKS];    /* queued.lane.link is set */
byte references[TASKS]; /* the queue's one, and one of each worker that waits for a canceller */

/* The tasks of each level, first in, first out: the ring, with its husks, and two lanes. */
byte entries[EP_PRIORITIES * TASKS];
byte length[EP_PRIORITIES];
#define FIRST(l) entries[(l) * TASKS]
#define WAITS(l) (length[l] > 0) /* level_waits() */

byte passed[EP_PRIORITIES];
byte normal_taken;        /* as it was at the last lanes_note() */
byte count;               /* aside.count */
byte tail, pushed_aside;
byte head, husks_swept, freed;
bool tail_locked, head_locked;
byte droppers;
byte submitters_left = SUBMITTERS, workers_left = WORKERS;
bool gone;

/* For the checker only. */
byte begun[TASKS];
byte order[TASKS], pushes;    /* the order of submission */
byte live;                    /* accepted, and neither done nor cancelled */
byte skipped[EP_PRIORITIES];  /* tasks of others that have begun in a row while this level had one */
bool pending[EP_PRIORITIES];
hidden byte k;

inline touch() { assert(!gone) }

inline ep_future_unref(t)
{
    d_step { assert(references[t] > 0); references[t]-- }
}

/** Take a task off the list of its level. */
inline lane_remove(t)
{
    k = 0;
    do
    :: entries[level[t] * TASKS + k] != t -> k++
    :: else -> break
    od;
    length[level[t]]--;
    do
    :: k < length[level[t]] -> entries[level[t] * TASKS + k] = entries[level[t] * TASKS + k + 1]; k++
    :: else -> break
    od;
    entries[level[t] * TASKS + k] = 0;
    k = 0
}

inline lane_append(t)
{
    entries[level[t] * TASKS + length[level[t]]] = t;
    length[level[t]]++
}

inline leave_lane(t, was_in_lane)
{
    was_in_lane = in_lane[t];
    if
    :: was_in_lane -> lane_remove(t); in_lane[t] = false; count--
    :: else
    fi
}

/** queue_advance_locked() */
inline queue_advance_locked(t)
{
    lane_remove(t);
    head++
}

inline lanes_choose(l)
{
    l = EP_PRIORITIES - 1;
    do
#ifdef WITHOUT_TURNS /* the highest level always */
    :: l > 0 -> l--
#else
    :: l > 0 && !(WAITS(l) && passed[l] >= PRIORITY_TURNS) -> l--
#endif
    :: else -> break
    od;
    do
    :: l < EP_PRIORITIES - 1 && !WAITS(l) -> l++
    :: else -> break
    od
}

inline lanes_note(l)
{
    for (k : 0 .. EP_PRIORITIES - 1) {
        if
#ifdef WRONG_ALONE_FORGETS /* without tasks in lanes it is as if a normal one had begun */
        :: !WAITS(0) && !WAITS(2) -> passed[k] = 0
#endif
        :: k == l || !WAITS(k) -> passed[k] = 0
        :: else -> passed[k]++
        fi
    }
    k = 0;
    normal_taken = head - husks_swept
}

/** For the checker: the task begins in its turn. */
inline note_turn(t)
{
    for (k : 0 .. EP_PRIORITIES - 1) { pending[k] = false }
    for (k : 0 .. TASKS - 1) {
        if
        :: state[k] == PENDING -> pending[level[k]] = true; assert(level[k] != level[t] || order[k] > order[t])
        :: else
        fi
    }
#if CANCELS == 0 && !defined(DISCARDS) /* a level whose tasks do not run may have its turn earlier */
    assert(level[t] == 0 || !pending[0] || skipped[level[t]] >= PRIORITY_TURNS);
#endif
    for (k : 0 .. EP_PRIORITIES - 1) {
        if
        :: k != level[t] && pending[k] -> skipped[k]++; assert(skipped[k] <= PRIORITY_TURNS + 1)
        :: else -> skipped[k] = 0
        fi;
        pending[k] = false
    }
    k = 0
}

/** Take the task, which has been started. */
inline take(t, by_priority)
{
    if
    :: level[t] == EP_PRIORITY_NORMAL -> queue_advance_locked(t)
    :: else -> lane_remove(t); in_lane[t] = false; count--
    fi;
    if
    :: by_priority -> lanes_note(level[t])
    :: else /* the lanes are empty: nothing is noted */
    fi;
    note_turn(t)
}

/** queue_take_locked(), with head_lock held; releases it */
inline queue_take_locked(t, found)
{
    do
    :: atomic { !WAITS(EP_PRIORITY_NORMAL) && count == 0 -> head_locked = false; found = false; break }
    :: atomic {
            WAITS(EP_PRIORITY_NORMAL) || count > 0 ->
            by_priority = count > 0;
            l = EP_PRIORITY_NORMAL;
            if
            :: by_priority -> d_step { /* queue_take_by_priority_locked() */
                if
#ifndef WITHOUT_NORMAL_TAKEN
                :: normal_taken != head - husks_swept -> passed[EP_PRIORITY_NORMAL] = 0
#endif
                :: else
                fi;
                lanes_choose(l);
                k = 0
            }
            :: else
            fi;
            t = FIRST(l)
        }
        if
        :: d_step { state[t] == PENDING -> state[t] = RUNNING; take(t, by_priority); head_locked = false; found = true }
            break
        :: d_step { state[t] == CANCELLING -> references[t]++; head_locked = false } /* queue_await_canceller_locked() */
#ifndef WITHOUT_AWAIT_CANCELLED
            state[t] == CANCELLED;
#endif
            atomic { !head_locked -> touch(); head_locked = true }
            ep_future_unref(t)
#ifdef WITHOUT_AWAIT_CANCELLED
            ;
            d_step {
                if
                :: in_lane[t] -> leave_lane(t, found); references[t]--
                :: WAITS(l) && FIRST(l) == t -> queue_advance_locked(t); husks_swept++; references[t]--
                :: else
                fi
            }
#endif
        :: d_step { /* queue_pass_husk_locked(): a task that is cancelled has left its lane */
                state[t] == CANCELLED -> assert(level[t] == EP_PRIORITY_NORMAL);
                queue_advance_locked(t);
                husks_swept++
            }
            ep_future_unref(t)
        fi
    od;
    atomic { l = 0; by_priority = false }
}

/** Look at the places, as every thread may: queue_held() */
inline queue_held(seen)
{
    seen = freed;
    atomic { assert(seen <= tail + pushed_aside); seen = 0 }
}

proctype worker()
{
    byte t, l, seen;
    bool found, by_priority;

    do
    :: atomic { WAITS(EP_PRIORITY_NORMAL) || count > 0 -> touch() } /* queue_has_entries() */
        atomic { !head_locked -> touch(); head_locked = true }
        queue_take_locked(t, found);
        if
        :: found ->
            d_step { begun[t]++; assert(begun[t] == 1) }
            d_step { touch(); freed++; live-- } /* queue_task_done() */
            queue_held(seen); /* executor_place_freed() */
            state[t] = FINISHED;
            ep_future_unref(t)
        :: else
        fi;
        atomic { t = 0; found = false }
    :: atomic { submitters_left == 0 && !WAITS(EP_PRIORITY_NORMAL) && count == 0 -> touch(); break }
    od;
    workers_left--
}

/** Count a task as accepted. */
inline accept(t)
{
    lane_append(t);
    state[t] = PENDING;
    references[t]++;
    pushes++;
    order[t] = pushes;
    live++;
    assert(live <= LIMIT)
}

/** queue_push(); `found`: it was accepted */
inline queue_push(t, found)
{
    atomic { !tail_locked -> touch(); tail_locked = true }
    if
    :: tail + pushed_aside - freed < LIMIT ->
        if
        :: level[t] == EP_PRIORITY_NORMAL -> d_step { accept(t); tail++ }
        :: else ->
#ifndef WRONG_COUNTED_LAST
            pushed_aside++;
#endif
            atomic { !head_locked -> d_step { accept(t); in_lane[t] = true; count++ } } /* aside_enter() */
#ifdef WRONG_COUNTED_LAST
            pushed_aside++;
#endif
        fi;
        found = true
    :: else
    fi;
    tail_locked = false
}

#ifdef DISCARDS
/** queue_drop_oldest(), as drop_oldest() calls it */
inline queue_drop_oldest(highest, t, found)
{
    atomic { touch(); droppers++ }
    atomic {
        !head_locked ->
        d_step { /* queue_take_oldest() */
            t = 0;
            l = EP_PRIORITIES - 1;
            do
            :: l > 0 && !WAITS(l) -> l-- /* lanes_lowest() */
            :: else -> break
            od;
#ifdef WRONG_DROPS_ABOVE
            found = WAITS(l);
#else
            found = WAITS(l) && l >= highest;
#endif
            if
            :: found ->
                t = FIRST(l);
                assert(state[t] != PENDING || level[t] >= highest);
                if
                :: l == EP_PRIORITY_NORMAL -> queue_advance_locked(t); husks_swept++
                :: else -> lane_remove(t); in_lane[t] = false; count--
                fi;
                order[t] = 255 /* it is in no order any more */
            :: else
            fi;
            l = 0
        }
    }
    if
    :: found ->
        if
        :: atomic { state[t] == PENDING -> state[t] = CANCELLING } /* future_begin_cancel() */
            d_step { touch(); freed++; live-- }
            state[t] = CANCELLED /* future_publish_cancelled() */
        :: state[t] == CANCELLING -> state[t] == CANCELLED /* future_await_cancelled() */
        :: state[t] == CANCELLED
        fi;
        ep_future_unref(t)
    :: else
    fi;
    atomic { touch(); droppers--; t = 0 }
}
#endif

proctype submitter(byte me)
{
    byte n, t, l;
    bool found, some;

    do
    :: n < PER ->
        atomic {
            if
            :: level[me * PER + n] = 0
            :: level[me * PER + n] = EP_PRIORITY_NORMAL
            :: level[me * PER + n] = 2
            fi
        }
        do
        :: queue_push(me * PER + n, found);
            if
            :: found -> break
            :: else ->
#ifdef DISCARDS
                queue_drop_oldest(level[me * PER + n], t, some);
                if
                :: some
                :: else -> break /* -EAGAIN */
                fi
#else
                tail + pushed_aside - freed < LIMIT /* await_room() */
#endif
            fi
        od;
        atomic { found = false; some = false; n++ }
    :: else -> break
    od;
    submitters_left--
}

/** ep_future_cancel() on one pending task, or on none. */
proctype canceller()
{
    byte t;
    bool was_in_lane;

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
            atomic { touch(); droppers++ } /* executor_task_cancelled() */
            atomic { !head_locked -> touch(); d_step { leave_lane(t, was_in_lane) } } /* queue_task_cancelled() */
#ifdef WRONG_UNREF_ANYWAY /* the entry in the ring keeps its reference */
            was_in_lane = true;
#endif
            if
            :: was_in_lane -> ep_future_unref(t)
            :: else
            fi;
            d_step { touch(); freed++; live-- }
            state[t] = CANCELLED;
            atomic { touch(); droppers-- } /* executor_place_left() */
        :: submitters_left == 0
        fi
    :: skip
    fi
}

/** The release of the executor: the workers are joined, and then droppers awaited. */
proctype owner()
{
    workers_left == 0;
#ifndef WITHOUT_AWAIT_DROPPERS
    droppers == 0;
#endif
    gone = true
}

/** When no process can move: no task is left, and no reference. */
inline all_is_well()
{
    d_step {
        assert(gone && submitters_left == 0 && droppers == 0 && !head_locked && !tail_locked);
        assert(count == 0 && head == tail && freed == tail + pushed_aside && live == 0);
        for (k : 0 .. TASKS - 1) {
            assert(references[k] == 0 && !in_lane[k]);
            assert(state[k] == FINISHED || state[k] == CANCELLED || state[k] == NOT_ACCEPTED);
            assert(begun[k] == (state[k] == FINISHED))
        }
        k = 0
    }
}

init
{
    byte i;

    atomic {
        for (i : 1 .. WORKERS) { run worker() }
        for (i : 0 .. SUBMITTERS - 1) { run submitter(i) }
#if CANCELS > 0
        for (i : 1 .. CANCELS) { run canceller() }
#endif
        run owner();
        i = 0
    }
    timeout -> all_is_well()
}
