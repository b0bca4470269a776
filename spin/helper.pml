/* SPDX-License-Identifier: MIT */
/*
 * Threads that receive for a process executor while they wait: future_help() of pool/future.c with
 * process_help(), claim_for() and release_receiving() of pool/process/receive.c, against the manager
 * and ep_executor_free().
 *
 * One worker has the tasks, in order. Processes: the worker, which sends outcomes; waiters, one for each
 * task, which may give up at a deadline; the manager; and the owner, which frees the executor.
 *
 * What is checked:
 *  - one thread receives at a time, and each outcome is published once;
 *  - every waiter without a deadline gets its result, and the owner ends: a process that cannot move at
 *    the end is an invalid end state;
 *  - no thread uses the executor after it was released. That is what HAS_HELPER is for: a waiter is no
 *    caller of the executor, which may be freed as soon as the last task is done.
 */
#ifndef TASKS
#define TASKS 2
#endif

/* The state word of each future; future.pml has the rest of it. */
#define RUNNING  0
#define FINISHED 1
byte word[TASKS];
bool has_helper[TASKS]; /* STATE_HAS_HELPER, in the same word */

bool lock;      /* process_executor.lock */
bool receiving; /* the right to receive from the worker */
bool armed = true;
byte inbox, head; /* outcomes sent; outcomes taken */
byte freed, helpers;
bool over, gone;

/* For the checker only. */
byte receivers;

inline touch() { assert(!gone) }

/** Take one outcome: take_outcome(), task_over(), future_publish() */
inline take_outcome(j, old)
{
    atomic { touch(); assert(receivers == 1); j = head; head++ }
    atomic { touch(); freed++ } /* queue_task_done() */
    atomic {
        assert(word[j] == RUNNING);
        word[j] = FINISHED;
        old = has_helper[j]
    }
#ifndef WITHOUT_HELPER_STAYS
    if
    :: old -> atomic { touch(); helpers++ } /* process_helper_stays() */
    :: else
    fi;
#endif
    atomic { j = 0; old = false; touch() } /* executor_place_freed() */
}

inline release_receiving()
{
    atomic { !lock -> touch(); lock = true }
    atomic {
        receiving = false;
        receivers--;
#ifndef WITHOUT_REARM
        if
        :: head < TASKS -> armed = true
        :: else
        fi;
#endif
        lock = false
    }
}

/** ep_future_result() on a future that is not done */
proctype waiter(byte me; bool may_give_up)
{
    byte j;
    bool old, has, helps;

    /* future_help(): leave the note, if the future is RUNNING and has none */
#ifndef WRONG_NOTE_AFTER_CLAIM
    atomic {
        helps = word[me] == RUNNING && !has_helper[me];
        has_helper[me] = has_helper[me] || helps
    }
#else
    helps = word[me] == RUNNING;
#endif
    if
    :: !helps -> goto sleep
    :: helps
    fi;
    /* process_help(): claim_for() */
    atomic { !lock -> touch(); lock = true }
    atomic {
        has = !receiving && head <= me;
        if
        :: has -> receiving = true; armed = false; receivers++
        :: else
        fi;
        lock = false
    }
#ifdef WRONG_NOTE_AFTER_CLAIM
    atomic { has_helper[me] = word[me] == RUNNING; helps = has_helper[me] }
#endif
    if
    :: has ->
        do
        :: word[me] == FINISHED -> break
        :: word[me] == RUNNING && inbox > head -> take_outcome(j, old)
        :: word[me] == RUNNING && may_give_up -> break
        od;
#ifdef WRONG_LEAVES_FIRST
        if
        :: word[me] == FINISHED -> atomic { touch(); helpers-- }
        :: else
        fi;
#endif
        release_receiving();
        touch() /* place_offer() */
    :: !has
    fi;
    /* future_help(): take the note away, or leave */
    if
    :: atomic { word[me] == RUNNING -> has_helper[me] = false }
#ifdef WRONG_LEAVES_FIRST
    :: word[me] == FINISHED && has
    :: word[me] == FINISHED && !has && helps -> atomic { touch(); helpers-- }
#else
    :: word[me] == FINISHED && helps -> atomic { touch(); helpers-- } /* process_helper_leaves() */
    :: word[me] == FINISHED && !helps
#endif
    fi;
sleep:
    if
    :: word[me] == FINISHED
    :: may_give_up
    fi
}

/** The worker: sends the outcomes in order. */
proctype worker()
{
    do
    :: inbox < TASKS -> inbox++
    :: else -> break
    od
}

/** manager_main(): receives if no other thread does, and ends with the last task. */
proctype manager()
{
    byte j;
    bool old, claimed;

    do
    :: armed && inbox > head ->
        atomic { !lock -> lock = true } /* claim_receiving() */
        atomic {
            claimed = !receiving;
            receiving = true;
            receivers = receivers + claimed;
            lock = false
        }
        if
        :: claimed ->
            if
            :: inbox > head -> take_outcome(j, old)
            :: else
            fi;
            release_receiving()
        :: !claimed -> !receiving || !armed
        fi;
        claimed = false
    :: atomic { freed == TASKS && !receiving -> break } /* place_try_bury() */
    od;
    over = true
}

/** ep_executor_free(): process_join(), await_helpers() */
proctype owner()
{
    over;
#ifndef WITHOUT_AWAIT_HELPERS
    helpers == 0;
#endif
    gone = true
}

init
{
    byte i;

    atomic {
        for (i : 0 .. TASKS - 1) { run waiter(i, i > 0) }
        run worker();
        run manager();
        run owner();
        i = 0
    }
    timeout -> d_step {
        assert(gone && helpers == 0 && freed == TASKS && head == TASKS && receivers == 0);
        assert(word[0] == FINISHED)
    }
}
