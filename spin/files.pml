/* SPDX-License-Identifier: MIT */
/*
 * The files that are kept for large payloads: pool/process/wire-internal.h has the rules, send.c, worker.c
 * and receive.c the code. Every payload here is large.
 *
 * Processes: senders, which have the right to send to the worker in turn; the worker; and receivers, which
 * have the right to receive in turn (rights.pml has how the rights are given out). With prefetch: up to
 * CREDITS tasks are with the worker.
 *
 * What is checked:
 *  - an input is the task's own from the beginning of the task to its end (assertions in worker);
 *  - a reply is the task's own from the beginning of its reading to the end (assertions in receiver);
 *  - all tasks are done.
 */
#ifndef CREDITS
#define CREDITS 2
#endif
#ifndef TASKS
#define TASKS 4
#endif

/* struct place */
bool sending, receiving;
byte head, tail;
byte file;       /* the task whose input was written last */
byte file_used;

/* the worker's */
byte reply_file; /* the task whose reply was written last */
bool reply_is_out;

chan tasks = [CREDITS] of { byte, bool, bool }; /* id, WIRE_ALL_TAKEN, WIRE_KEPT */
chan notes = [CREDITS] of { byte, bool };       /* id, whether the reply is in reply_file */

/** place_fill(), and send_special() */
proctype sender()
{
    bool all_taken, keep;
    byte id;

    do
    :: atomic { !sending && tail < TASKS && tail - head < CREDITS -> sending = true }
        id = tail + 1;
        all_taken = (head == tail); /* !place_is_busy() */
        tail = id;
#ifdef WITHOUT_FILE_USED
        keep = true;
#else
        keep = (head >= file_used);
#endif
        if
        :: keep -> file = id
        :: !keep /* another file */
        fi;
        tasks ! id, all_taken, keep;
        if
        :: keep -> file_used = id
        :: !keep
        fi;
        sending = false
    :: tail == TASKS -> break
    od
}

proctype worker()
{
    bool all_taken, kept, keep;
    byte id;

end_worker:
    do
    :: tasks ? id, all_taken, kept ->
        assert(!kept || file == id); /* the function begins to read */
#ifndef WITHOUT_REPLY_IS_OUT
        if
        :: all_taken -> reply_is_out = false
        :: !all_taken
        fi;
#endif
        keep = !reply_is_out; /* choose_file() */
        if
        :: keep -> reply_file = id
        :: !keep /* another file */
        fi;
        assert(!kept || file == id); /* it returns */
#ifndef WITHOUT_REPLY_IS_OUT
        reply_is_out = reply_is_out || keep;
#endif
        notes ! id, keep
    od
}

/** take_outcome() */
proctype receiver()
{
    bool keep;
    byte id;

end_receiver:
    do
    :: atomic { !receiving && nempty(notes) -> receiving = true }
        notes ? id, keep;
#ifdef WRONG_HEAD_FIRST
        head++;
#endif
        assert(!keep || reply_file == id); /* keep_reply() begins to read */
        assert(!keep || reply_file == id); /* and ends */
#ifndef WRONG_HEAD_FIRST
        head++;
#endif
        receiving = false
    od
}

init
{
    atomic { run sender(); run sender(); run worker(); run receiver(); run receiver() }
    timeout -> assert(head == TASKS && tail == TASKS)
}
