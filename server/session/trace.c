/* SPDX-License-Identifier: MIT */
/*
 * Sessions as Chrome trace events: see trace.h.
 *
 * DESIGN. The file is one JSON array. Each write begins where the last one's closing bracket
 * stands, and ends with a new one, so the file holds a closed array at any moment, also after the server
 * was killed. A file that cannot seek, such as a pipe, gets its bracket at the end only.
 *
 * A row of the viewer is a thread to it; on one, spans must not overlap. So a worker's sessions are
 * complete events (X) on the worker's row, and what may overlap, waiting above all, are pairs of
 * asynchronous events (b, e), which the viewer stacks by their id.
 *
 * An error of the file is logged once. The descriptor stays open and each flush tries again, because a
 * disk may have room again later; what did not fit is counted as missing.
 */
#include "server/session/trace.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "common/translate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RECORDS = 8192,       /* that may wait to be written */
    RECORDS_AT_ONCE = 64, /* into one write */
    EVENTS_BYTES = 1024,  /* the most that one record becomes */
    ROWS_MAX = 8192,      /* more than a pool can have workers */
    LAST_WORDS_MS = 1000, /* how long trace_free() waits for a pipe's reader */
};

static const char closing[] = "\n]\n";

struct trace {
    /* set by trace_new(), then read-only */
    int fd;
    bool own_rows;
    bool seeks;
    int64_t started_ns;

    pthread_mutex_t lock;
    /* guarded by lock */
    struct trace_record *records; /* a ring */
    size_t first;
    size_t count;
    uint64_t dropped;

    /* the loop's */
    bool complained;
    off_t end;             /* of what is written, without the closing bracket */
    size_t text_size;      /* not written yet: of a pipe that took only a part */
    uint64_t text_records; /* how many records are in it */
    bool named[ROWS_MAX];  /* whose row has its name */
    char text[(RECORDS_AT_ONCE + 1) * EVENTS_BYTES + sizeof closing];
};

/* --- the text ------------------------------------------------------------------------------ */

static __attribute__((format(printf, 2, 3))) void add(struct trace *trace, const char *format, ...)
{
    size_t room = sizeof trace->text - trace->text_size;
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(trace->text + trace->text_size, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room)
        abort(); /* EVENTS_BYTES is enough for what add_record() makes of one */
    trace->text_size += (size_t)length;
}

static double microseconds(const struct trace *trace, int64_t ns)
{
    return (double)(ns - trace->started_ns) / 1000;
}

/* The name of a row, or of the whole picture. */
static void add_name(struct trace *trace, const char *what, unsigned row, const char *name)
{
    add(trace, ",\n{\"name\":\"%s\",\"ph\":\"M\",\"pid\":%d,\"tid\":%u,\"args\":{\"name\":\"%s\"}}",
        what, (int)getpid(), row, name);
}

/* The beginning or the end of a span that may overlap with others of its kind. */
static void add_edge(struct trace *trace, const char *name, char edge,
                     const struct trace_record *record, int64_t ns)
{
    add(trace,
        ",\n{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"%c\",\"id\":%" PRIu64
        ",\"pid\":%d,\"tid\":0,\"ts\":%.3f,\"args\":{\"session\":%" PRIu64 ",\"outcome\":\"%s\"}}",
        name, name, edge, record->number, (int)getpid(), microseconds(trace, ns), record->number,
        outcome_words[record->outcome]);
}

static void add_pair(struct trace *trace, const char *name, const struct trace_record *record,
                     int64_t from_ns, int64_t to_ns)
{
    add_edge(trace, name, 'b', record, from_ns);
    add_edge(trace, name, 'e', record, to_ns);
}

static void add_record(struct trace *trace, const struct trace_record *record)
{
    unsigned worker = record->worker % ROWS_MAX;
    char name[32];

    add_pair(trace, "waiting", record, record->accepted_ns,
             record->begun_ns != 0 ? record->begun_ns : record->ended_ns);
    if (record->begun_ns == 0)
        return;
    if (!trace->own_rows) {
        add_pair(trace, "serving", record, record->begun_ns, record->ended_ns);
        return;
    }
    if (!trace->named[worker]) {
        if (worker == WORKER_LOOP)
            snprintf(name, sizeof name, "the loop");
        else
            snprintf(name, sizeof name, "worker %u", worker);
        add_name(trace, "thread_name", worker + 1, name);
        trace->named[worker] = true;
    }
    add(trace,
        ",\n{\"name\":\"session %" PRIu64 "\",\"cat\":\"serving\",\"ph\":\"X\",\"pid\":%d,"
        "\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"session\":%" PRIu64 ",\"echoes\":%" PRIu64
        ",\"outcome\":\"%s\"}}",
        record->number, (int)getpid(), worker + 1, microseconds(trace, record->begun_ns),
        (double)(record->ended_ns - record->begun_ns) / 1000, record->number, record->echoes,
        outcome_words[record->outcome]);
}

/* --- the file ------------------------------------------------------------------------------ */

static void count_dropped(struct trace *trace, uint64_t records)
{
    MUST(pthread_mutex_lock(&trace->lock));
    trace->dropped += records;
    MUST(pthread_mutex_unlock(&trace->lock));
}

/* The text cannot be written. Leave the file as it was before, and say so once. */
static void give_up_text(struct trace *trace, int error)
{
    if (!trace->complained)
        log_warn("cannot write the trace: %s; the sessions that follow may be missing in it",
                 translate_error(error));
    trace->complained = true;
    count_dropped(trace, trace->text_records);
    trace->text_size = trace->text_records = 0;
    if (trace->seeks && (ftruncate(trace->fd, trace->end) != 0 ||
                         pwrite(trace->fd, closing, sizeof closing - 1, trace->end) < 0))
        return; /* it has been said already */
}

/* To a file: over the last bracket, with a new one. */
static void write_at_end(struct trace *trace)
{
    size_t size = trace->text_size + sizeof closing - 1;
    size_t done = 0;

    memcpy(trace->text + trace->text_size, closing, sizeof closing - 1);
    while (done < size) {
        ssize_t written =
            pwrite(trace->fd, trace->text + done, size - done, trace->end + (off_t)done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            give_up_text(trace, written == 0 ? ENOSPC : errno);
            return;
        }
        done += (size_t)written;
    }
    trace->end += (off_t)trace->text_size;
    trace->text_size = trace->text_records = 0;
}

/* To a pipe: as much as it takes. */
static void write_on(struct trace *trace)
{
    ssize_t written = write(trace->fd, trace->text, trace->text_size);

    if (written < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (written < 0) {
        give_up_text(trace, errno);
        return;
    }
    trace->text_size -= (size_t)written;
    memmove(trace->text, trace->text + written, trace->text_size);
    if (trace->text_size == 0)
        trace->text_records = 0;
}

static void write_text(struct trace *trace)
{
    if (trace->text_size > 0 && trace->seeks)
        write_at_end(trace);
    else if (trace->text_size > 0)
        write_on(trace);
}

/* Make text of some records, if there are any and the last text is gone. @return whether it did */
static bool take_records(struct trace *trace)
{
    struct trace_record taken[RECORDS_AT_ONCE];
    size_t count = 0;

    if (trace->text_size > 0)
        return false;
    MUST(pthread_mutex_lock(&trace->lock));
    while (count < RECORDS_AT_ONCE && trace->count > 0) {
        taken[count++] = trace->records[trace->first];
        trace->first = (trace->first + 1) % RECORDS;
        trace->count--;
    }
    MUST(pthread_mutex_unlock(&trace->lock));
    for (size_t i = 0; i < count; i++)
        add_record(trace, &taken[i]);
    trace->text_records = count;
    return count > 0;
}

void trace_flush(struct trace *trace)
{
    write_text(trace);
    while (take_records(trace))
        write_text(trace);
}

/* --- the sessions -------------------------------------------------------------------------- */

bool trace_note(struct trace *trace, const struct trace_record *record)
{
    bool much;

    MUST(pthread_mutex_lock(&trace->lock));
    if (trace->count == RECORDS)
        trace->dropped++;
    else
        trace->records[(trace->first + trace->count++) % RECORDS] = *record;
    much = trace->count == RECORDS / 4 || trace->count == RECORDS / 2;
    MUST(pthread_mutex_unlock(&trace->lock));
    return much;
}

uint64_t trace_dropped(struct trace *trace)
{
    uint64_t dropped;

    MUST(pthread_mutex_lock(&trace->lock));
    dropped = trace->dropped;
    MUST(pthread_mutex_unlock(&trace->lock));
    return dropped;
}

/* --- life ---------------------------------------------------------------------------------- */

static void release(struct trace *trace)
{
    pthread_mutex_destroy(&trace->lock);
    free(trace->records);
    free(trace);
}

int trace_new(const char *path, const char *process, bool own_rows, struct trace **result)
{
    struct trace *trace = calloc(1, sizeof *trace);
    int error;

    if (trace == NULL)
        return -ENOMEM;
    MUST(pthread_mutex_init(&trace->lock, NULL));
    trace->own_rows = own_rows;
    trace->started_ns = clock_now_ns();
    trace->records = malloc(RECORDS * sizeof *trace->records);
    /* Of a file O_NONBLOCK means nothing; a pipe without a reader is an error, not a wait. */
    trace->fd =
        trace->records == NULL
            ? -1
            : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
    if (trace->fd < 0) {
        error = trace->records == NULL ? ENOMEM : errno;
        release(trace);
        return -error;
    }
    trace->seeks = lseek(trace->fd, 0, SEEK_CUR) == 0;
    add(trace, "[");
    add_name(trace, "process_name", 0, process);
    memmove(trace->text + 1, trace->text + 2, --trace->text_size); /* no comma before the first */
    add_name(trace, "thread_name", 0, "queue");
    write_text(trace);
    *result = trace;
    return 0;
}

/* A pipe gets its last bracket, if its reader takes all in a second. */
static void finish_pipe(struct trace *trace)
{
    int64_t until_ns = clock_now_ns() + LAST_WORDS_MS * INT64_C(1000000);
    bool closed = false;

    while (!closed || trace->text_size > 0) {
        struct pollfd ready = {.fd = trace->fd, .events = POLLOUT};
        int64_t left_ms = (until_ns - clock_now_ns()) / 1000000;

        if (trace->text_size == 0 && !take_records(trace) && !closed) {
            add(trace, "%s", closing);
            closed = true;
        }
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
            break;
        write_text(trace);
    }
}

uint64_t trace_free(struct trace *trace)
{
    uint64_t dropped;

    if (trace == NULL)
        return 0;
    trace_flush(trace);
    if (!trace->seeks)
        finish_pipe(trace);
    dropped = trace_dropped(trace) + trace->text_records + trace->count;
    if (close(trace->fd) != 0 && !trace->complained)
        log_warn("cannot write the trace: %s", translate_error(errno));
    release(trace);
    return dropped;
}
