/* SPDX-License-Identifier: MIT */
/**
 * @file loop.h
 * One event loop of the load, with a thread and a part of the sessions. loops.c has all of them.
 */
#ifndef CLIENT_LOAD_LOOP_H
#define CLIENT_LOAD_LOOP_H

#include "client/load/runner.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

/* One session and what it waits for. Used by its loop's thread only. */
struct link {
    struct loop *loop;
    int64_t deadline_ns;
    unsigned need;
    bool arrived;      /* at the barrier */
    bool is_reading;   /* readable is in the base */
    int fd;            /* of the events; -1: they are not assigned */
    struct link *next; /* the one that could be read after this one, the last time */
    /* an exchange touches both, the session at its beginning: so they are neighbours */
    struct event readable;
    struct session session;
    struct event writable;
    struct event moment;
};

struct loop {
    struct loops *loops;
    pthread_t thread;
    bool started;
    struct event_base *base;
    struct event *opened; /* the barrier */
    struct event *stop;
    struct event *sweep;
    struct session_buffers *buffers; /* one for each target; they differ in their batches */
    struct link *links;              /* of all loops; this one has every T-th, from its number on */
    struct link *last;               /* that could be read */
    unsigned number;
    unsigned running; /* links that are not over for good */
    int64_t cpu_ns;   /* of the thread, at its end */
};

struct loops {
    struct runner runner;
    struct load *load;
    bool idle;
    unsigned sessions;
    struct link *links;
    struct pending *pending;
    unsigned char *memory;
    struct session_buffers *buffers; /* of each loop, one for each target */
    struct measure_batch *batches;   /* likewise */
    int stop_fd;                     /* eventfd */
    atomic_flag warned;              /* of a session that could not be watched: once is enough */
    unsigned count;
    struct loop loops[];
};

/**
 * Make the base of a loop and its events.
 *
 * @param memory  for a reply of `room` bytes, and SESSION_SMALL more
 * @return        false: memory or descriptors are missing; loop_clear() releases what was made
 */
bool loop_init(struct loops *loops, unsigned number, unsigned char *memory, size_t room);
void loop_clear(struct loop *loop);

/** Give a loop one of its sessions, which has that number. */
void loop_add(struct loop *loop, struct link *link, unsigned number, struct pending *pending);

/** The loop's thread: run its sessions. */
void *loop_run(void *loop);

/** Give up the sessions of a loop that has no thread. */
void loop_give_up(struct loop *loop);

#endif /* CLIENT_LOAD_LOOP_H */
