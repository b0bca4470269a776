/* SPDX-License-Identifier: MIT */
/*
 * Groups: pool/group.c, with the futures and the worker that it needs.
 *
 * Processes: a submitter, which submits tasks into the group and then waits for them; workers, which run
 * them, successfully or not; and a canceller, which calls ep_group_cancel() at any time. With HELPS there
 * is no worker, except for one whose task waits for the group meanwhile, and runs its members. The submitter releases the group.
 *
 * What is checked:
 *  - the wait ends when no member is left, and not before; it does end: a process that waits for ever is
 *    an invalid end state;
 *  - once ep_group_cancel() has returned, no listed task begins, and one that is being submitted is
 *    cancelled as soon as it is listed (assertions in begin);
 *  - with ON_FAILURE, the first failure cancels the rest, and the group reports a failure;
 *  - each member is released once, and no thread uses the group after its last reference.
 */
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef MEMBERS
#define MEMBERS 2
#endif
#ifndef CANCELS
#define CANCELS 1
#endif

#define NOT_ACCEPTED 0
#define PENDING      1
#define RUNNING      2
#define CANCELLING   3
#define CANCELLED    4
#define FAILED       5
#define FINISHED     6
byte state[MEMBERS];
bool has_callback[MEMBERS]; /* member_done() is its done callback */
#define IS_DONE(m) (state[m] >= CANCELLED)

/* struct member */
byte members[MEMBERS];      /* 0: not made; 1: there; 2: released */
bool is_done[MEMBERS], listed[MEMBERS];
bool kept[MEMBERS];         /* member.future is set */

/* struct ep_group */
byte references = 1;
byte left, news, sleepers;
bool lock, cancelled, first_failed;

/* For the checker only. */
bool is_cancelled;          /* ep_group_cancel() has returned */
bool submitted[MEMBERS];    /* ep_group_submit() has returned */
byte submitting = 1;
bool waited, freed;
hidden byte k;

inline touch() { assert(references > 0) }

inline member_free(m)
{
    d_step { assert(members[m] == 1); members[m] = 2 }
}

/** group_wake(): look for sleepers, change the word, and wake them */
inline group_wake()
{
    if
    :: atomic { sleepers > 0 -> touch() }
        atomic { touch(); news++ } /* a sleeper sees that it has changed */
    :: atomic { sleepers == 0 -> touch() }
    fi
}

/** group_count_down() */
inline group_count_down(last)
{
#ifdef WRONG_UNREF_FIRST
    references--;
#endif
    atomic { touch(); left--; last = left == 0 }
#ifndef WITHOUT_WAKE
    if
    :: last -> group_wake(); last = false
    :: else
    fi;
#endif
#ifndef WRONG_UNREF_FIRST
    atomic { touch(); references-- } /* group_unref() */
#endif
}

/** ep_group_cancel(), up to the callbacks of what it took: those bits of `taken` */
inline take_pending(taken)
{
    atomic { !lock -> touch(); lock = true }
    d_step {
        cancelled = true;
        for (k : 0 .. MEMBERS - 1) {
            if
            :: listed[k] && state[k] == PENDING -> /* future_begin_cancel() */
                state[k] = CANCELLING;
                listed[k] = false;
                taken = taken | (1 << k)
            :: else
            fi
        }
        k = 0
    }
    atomic { touch(); lock = false }
}

/** member_done(), apart from the cancelling of the others */
inline member_done(m, last)
{
    atomic { !lock -> touch(); lock = true }
    d_step {
        listed[m] = false; /* member_unlist_locked() */
        last = kept[m];
        is_done[m] = true
    }
    atomic { touch(); lock = false }
    if
    :: last -> member_free(m); last = false
    :: else /* its submitter releases it */
    fi;
    group_count_down(last)
}

/** future_leave_queue(), future_end_unrun() for each: in this order no callback runs before all are over */
inline end_cancel(taken, m, last)
{
    d_step {
        for (k : 0 .. MEMBERS - 1) {
            if
            :: (taken & (1 << k)) != 0 -> state[k] = CANCELLED
            :: else
            fi
        }
        k = 0
    }
    m = 0;
    do
    :: m < MEMBERS && (taken & (1 << m)) != 0 ->
        member_done(m, last);
        m++
    :: m < MEMBERS && (taken & (1 << m)) == 0 -> m++
    :: m == MEMBERS -> break
    od;
    atomic { taken = 0; m = 0 }
}

inline ep_group_cancel(taken, m, last)
{
    take_pending(taken);
    end_cancel(taken, m, last);
    is_cancelled = true
}

/** A worker starts the task: future_start(). */
inline begin(m)
{
    d_step {
        assert(state[m] == PENDING);
        state[m] = RUNNING;
        assert(!(is_cancelled && submitted[m]));
        k = 0
    }
}

/** Run it, publish how it has ended, and call back. */
inline run_task(m, failed, taken, n, last)
{
    if
    :: failed = false
    :: failed = true
    fi;
    atomic { state[m] = (failed -> FAILED : FINISHED); last = has_callback[m] } /* future_finish() */
    if
    :: last -> /* member_done() */
        last = false;
        if
        :: failed -> /* note_end() */
            first_failed = true;
#if defined(ON_FAILURE) && !defined(WITHOUT_CANCEL_ON_FAILURE)
            ep_group_cancel(taken, n, last)
#endif
        :: else
        fi;
        member_done(m, last)
    :: else
    fi;
    failed = false
}

proctype worker()
{
    byte m, taken, n;
    bool failed, last;

    do
    :: d_step { /* queue_take() of any of them */
            state[0] == PENDING -> m = 0
        }
        if
        :: atomic { state[m] == PENDING -> begin(m) } run_task(m, failed, taken, n, last)
        :: state[m] != PENDING
        fi
#if MEMBERS > 1
    :: d_step {
            state[1] == PENDING -> m = 1
        }
        if
        :: atomic { state[m] == PENDING -> begin(m) } run_task(m, failed, taken, n, last)
        :: state[m] != PENDING
        fi
#endif
    :: submitting == 0 && state[0] != PENDING && state[MEMBERS - 1] != PENDING -> break
    od
}

/** ep_group_submit() */
inline ep_group_submit(m, late, last)
{
    atomic { !lock -> touch(); lock = true }
    atomic { late = cancelled; lock = false }
    if
    :: late -> late = false /* EP_ECANCELLED */
    :: else ->
        atomic { touch(); references++; left++; members[m] = 1 } /* member_new() */
        state[m] = PENDING; /* ep_submit_with() */
        /* ep_future_add_done_callback() calls at once if the future is done */
        atomic { late = IS_DONE(m); has_callback[m] = !late }
        if
        :: late ->
            if /* note_end() */
            :: state[m] == FAILED -> first_failed = true;
#ifdef ON_FAILURE
                ep_group_cancel(taken, n, last)
#endif
            :: else
            fi;
            member_done(m, last)
        :: else
        fi;
        /* member_keep() */
        atomic { !lock -> touch(); lock = true }
        d_step {
            late = cancelled && !is_done[m];
            last = is_done[m];
            if
            :: !is_done[m] -> kept[m] = true; listed[m] = true
            :: else
            fi
        }
        atomic { touch(); lock = false }
        if
        :: last -> member_free(m); last = false
        :: else
        fi;
#ifndef WITHOUT_CANCEL_WHEN_LATE
        if
        :: late -> /* ep_future_cancel() */
            if
            :: atomic { state[m] == PENDING -> state[m] = CANCELLING }
                state[m] = CANCELLED;
                member_done(m, last)
            :: state[m] == CANCELLING -> IS_DONE(m)
            :: else /* -EBUSY, -EALREADY */
            fi
        :: else
        fi;
#endif
#ifndef WITHOUT_WAKE_ON_SUBMIT
        group_wake();
#endif
        late = false
    fi;
    submitted[m] = true
}

/** ep_group_wait() without a timeout */
inline ep_group_wait()
{
#ifndef WRONG_COUNTED_LAST
    atomic { touch(); sleepers++ }
#endif
    do
    ::
#ifndef WRONG_READS_NEWS_LAST
        seen = news;
#endif
#ifdef HELPS
        do /* run_members(): find_own_part() under the lock, and then the claim */
        :: atomic { !lock -> lock = true }
            d_step {
                m = MEMBERS;
                for (k : 0 .. MEMBERS - 1) {
                    if
                    :: listed[k] && state[k] == PENDING && m == MEMBERS -> m = k
                    :: else
                    fi
                }
                k = 0;
                lock = false
            }
            if
            :: m == MEMBERS -> break
            :: m < MEMBERS ->
                if
                :: atomic { state[m] == PENDING -> begin(m) } run_task(m, failed, taken, n, last)
                :: state[m] != PENDING
                fi
            fi
        od;
        m = 0;
#endif
        if
        :: left == 0 -> break
        :: else ->
#ifdef WRONG_READS_NEWS_LAST
            seen = news;
#endif
#ifdef WRONG_COUNTED_LAST /* counts as a sleeper when it goes to sleep */
            sleepers++;
#endif
            news != seen /* futex_wait() */
        fi
    od;
    atomic { touch(); sleepers--; seen = 0 }
    d_step {
        waited = true;
#ifndef HELPS /* otherwise more have been submitted meanwhile */
        for (k : 0 .. MEMBERS - 1) { assert(!submitted[k] || state[k] == NOT_ACCEPTED || IS_DONE(k)) }
        k = 0;
#endif
    }
}

/** The user's thread: submits all, waits, and releases the group. */
proctype user()
{
    byte m, n, taken, seen;
    bool late, last, failed;

    for (m : 0 .. MEMBERS - 1) {
        ep_group_submit(m, late, last)
    }
    m = 0;
    submitting = 0;
#ifdef HELPS
    waited;
#else
    ep_group_wait();
#endif
    assert(!first_failed || state[0] == FAILED || state[MEMBERS - 1] == FAILED);
#ifdef ON_FAILURE /* the group is cancelled, or each member had begun by then */
    assert(!first_failed || cancelled);
#endif
    freed = true;
    ep_group_cancel(taken, m, last); /* ep_group_free() */
    atomic { touch(); references-- }
}

#ifdef HELPS
/** A task that waits for the group. */
proctype waiter()
{
    byte m, n, taken, seen;
    bool last, failed;

    ep_group_wait()
}
#endif

proctype canceller()
{
    byte m, taken;
    bool last;

    if
    :: atomic { !freed -> touch(); references++ } /* the user must not release the group meanwhile */
        ep_group_cancel(taken, m, last);
        atomic { touch(); references-- }
    :: true
    fi
}

init
{
    byte i;

    atomic {
        run user();
#ifdef HELPS
        run waiter();
#else
        for (i : 1 .. WORKERS) { run worker() }
#endif
#if CANCELS > 0
        for (i : 1 .. CANCELS) { run canceller() }
#endif
        i = 0
    }
    timeout -> d_step {
        assert(references == 0 && left == 0 && sleepers == 0 && !lock);
        for (k : 0 .. MEMBERS - 1) {
            assert(!listed[k] && (members[k] == 2 || state[k] == NOT_ACCEPTED));
            assert(state[k] == NOT_ACCEPTED || IS_DONE(k))
        }
        k = 0
    }
}
