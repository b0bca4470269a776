/* SPDX-License-Identifier: MIT */
/*
 * The right to send to a worker process, and the right to receive from it: pool/process/send.c with the
 * idle list, and the receivers of pool/process/receive.c.
 *
 * Processes: submitters, which send themselves if a worker is idle; workers; and receivers, the manager
 * and threads that wait, any of which may take an outcome and then sends the next task. Without prefetch:
 * a worker has one task at a time.
 *
 * What is checked:
 *  - one thread sends to a worker at a time, and one receives from it (assertions);
 *  - a worker has at most one task; each task is done once;
 *  - no task waits beside an idle worker: at the end all are done, and all workers are listed.
 */
#ifndef PLACES
#define PLACES 2
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef TASKS
#define TASKS 3
#endif

byte waiting;   /* tasks in the queue: queue.pml has its inside */
byte submitted, finished;
bool lock;      /* process_executor.lock */
byte idle[PLACES + 1];
byte idle_count;

/* struct place */
bool sending[PLACES], receiving[PLACES], listed[PLACES];
byte load[PLACES];              /* place_load() */
byte tasks[PLACES], notes[PLACES]; /* messages in the socket, each way */

#define WORK_IS_OFFERED (waiting > 0)

/** place_list_locked() and place_unlist_locked() */
inline place_list_locked(p)
{
    d_step { assert(!listed[p]); idle[idle_count] = p; idle_count++; listed[p] = true }
}

inline place_unlist_locked(p)
{
    d_step {
        byte at = 0;

        assert(listed[p]);
        do
        :: idle[at] != p -> at++
        :: else -> break
        od;
        idle_count--;
        do
        :: at < idle_count -> idle[at] = idle[at + 1]; at++
        :: else -> idle[at] = 0; break
        od;
        at = 0;
        listed[p] = false
    }
}

/** With the lock held, and the worker without a task: list it, and look for work after that. */
inline place_finds_work_locked(p, again)
{
#ifdef WRONG_LOOK_FIRST
    again = WORK_IS_OFFERED;
    if
    :: !again -> place_list_locked(p)
    :: again
    fi;
#else
    place_list_locked(p);
#ifdef WITHOUT_LOOK_AFTER_LISTING
    again = false;
#else
    again = WORK_IS_OFFERED;
#endif
    if
    :: again -> place_unlist_locked(p)
    :: !again
    fi;
#endif
    if
    :: again -> sending[p] = true
    :: !again
    fi
}

/** place_feed() with place_fill() and place_send(), of a thread with the right to send */
inline place_feed(p, taken, again)
{
    do
    :: atomic { /* take_task() */
            taken = waiting > 0;
            waiting = waiting - taken
        }
        if
        :: taken ->
            assert(sending[p] && load[p] == 0);
            load[p]++;
            tasks[p]++
        :: else
        fi;
        atomic { !lock -> lock = true }
        sending[p] = false;
        again = false;
        if
        :: load[p] > 0 /* a receiver continues */
        :: else -> place_finds_work_locked(p, again)
        fi;
        lock = false;
        if
        :: !again -> break
        :: again
        fi
    od;
    taken = false
}

/** place_offer() */
inline place_offer(p, taken, again)
{
    atomic { !lock -> lock = true }
    again = false;
    if
    :: sending[p] || listed[p] || load[p] > 0
    :: else -> place_finds_work_locked(p, again)
    fi;
    lock = false;
    if
    :: again -> place_feed(p, taken, again)
    :: !again
    fi
}

/** dispatch() */
inline dispatch(p, taken, again)
{
    do
    :: idle_count > 0 && WORK_IS_OFFERED ->
        atomic { !lock -> lock = true }
        if
        :: idle_count > 0 ->
            p = idle[idle_count - 1];
#ifndef WRONG_STAYS_LISTED
            place_unlist_locked(p);
#endif
            assert(!sending[p]);
            sending[p] = true;
            lock = false;
            place_feed(p, taken, again);
            p = 0
        :: else -> lock = false; break
        fi
    :: else -> break
    od
}

/** ep_submit(): queue_push(), process_arrived() */
proctype submitter()
{
    byte p;
    bool taken, again, looks;

    do
    :: atomic { submitted < TASKS -> submitted++ }
#ifdef WRONG_COUNT_FIRST
        looks = idle_count > 0;
        waiting++;
#else
        waiting++;
        looks = idle_count > 0;
#endif
        if
        :: looks -> dispatch(p, taken, again)
        :: !looks
        fi;
        looks = false
    :: else -> break
    od
}

proctype worker(byte me)
{
end_worker:
    do
    :: atomic { tasks[me] > 0 -> tasks[me]--; assert(tasks[me] == 0) }
        notes[me]++
    od
}

inline receive(p, taken, again, claimed)
{
    atomic { !lock -> lock = true } /* claim_receiving() */
    atomic {
#ifdef WITHOUT_RECEIVING
        claimed = true;
#else
        claimed = !receiving[p];
#endif
        receiving[p] = true;
        lock = false
    }
    if
    :: claimed ->
        if
        :: atomic { notes[p] > 0 -> assert(notes[p] == 1) }
            notes[p] = 0; /* wire_receive() */
            load[p]--;    /* take_outcome() */
            finished++
        :: else
        fi;
        assert(receiving[p]);
        atomic { !lock -> lock = true } /* release_receiving() */
        atomic { receiving[p] = false; lock = false }
#ifndef WITHOUT_OFFER
        place_offer(p, taken, again)
#endif
    :: !claimed -> !receiving[p]
    fi;
    atomic { claimed = false; p = 0 }
}

/** receive(), or process_help() */
proctype receiver()
{
    byte p;
    bool taken, again, claimed;

end_receiver:
    do
    :: atomic {
            notes[0] > 0 -> p = 0
        }
        receive(p, taken, again, claimed)
#if PLACES > 1
    :: atomic {
            notes[1] > 0 -> p = 1
        }
        receive(p, taken, again, claimed)
#endif
    od
}

init
{
    byte i;

    atomic {
        for (i : 0 .. PLACES - 1) { idle[i] = i; listed[i] = true; run worker(i) }
        idle_count = PLACES;
        for (i : 1 .. SUBMITTERS) { run submitter() }
        for (i : 1 .. RECEIVERS) { run receiver() }
        i = 0
    }
    timeout -> d_step {
        assert(submitted == TASKS && finished == TASKS && waiting == 0);
        assert(idle_count == PLACES)
    }
}
