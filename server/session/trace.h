/* SPDX-License-Identifier: MIT */
/**
 * @file trace.h
 * --trace FILE: the life of every session, in the format that Perfetto and chrome://tracing open.
 *
 * The picture has a row for the queue, on which each session waits from its arrival to its start,
 * and a row for each worker with the sessions it served, from start to end. Where a worker has
 * several sessions at once, or a thread is made for each, the sessions stand on rows of their own.
 *
 * A session is recorded when it ends, in a bounded buffer; the loop writes it out. If that is too slow, or
 * the disk is full, sessions are missing in the picture and counted; none is slowed down. The file is
 * valid JSON after every write, however the server ends.
 */
#ifndef SERVER_SESSION_TRACE_H
#define SERVER_SESSION_TRACE_H

#include "server/session/accounting.h"

#include <stdbool.h>
#include <stdint.h>

/** What is recorded of a session. */
struct trace_record {
    uint64_t number;
    int64_t accepted_ns;
    int64_t begun_ns; /**< 0: it was never served */
    int64_t ended_ns;
    uint64_t echoes;
    unsigned worker; /**< that served it, at its end */
    enum outcome outcome;
};

struct trace;

/**
 * Make the file, or empty it.
 *
 * @param process   what the picture is called
 * @param own_rows  each worker serves one session at a time, from beginning to end
 * @return          0 and *trace, or a negated errno value
 *
 * Threads: loop only, like the other functions except trace_note() and trace_dropped().
 */
int trace_new(const char *path, const char *process, bool own_rows, struct trace **trace);

/** Write out the rest, within a second, and release. NULL is fine. @return sessions missing */
uint64_t trace_free(struct trace *trace);

/**
 * Record a session that has ended. Never waits for the file.
 *
 * @return true: the buffer fills up, wake the loop to call trace_flush()
 *
 * Threads: any.
 */
bool trace_note(struct trace *trace, const struct trace_record *record);

/** Write out what has been recorded, as far as the file takes it at once. */
void trace_flush(struct trace *trace);

/** Count the sessions that are missing so far. Threads: any. */
uint64_t trace_dropped(struct trace *trace);

#endif /* SERVER_SESSION_TRACE_H */
