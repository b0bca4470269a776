/* SPDX-License-Identifier: MIT */
/*
 * The ring and its thread: see writer.h.
 *
 * DESIGN. The ring holds records, a header and raw bytes, and wraps at any byte. The writer escapes, so
 * that a worker holds the lock for one copy only. The writer polls before it writes, and writes at most
 * PIPE_BUF bytes at a time, which a pipe that polls writable takes without blocking; a non-blocking
 * descriptor would be non-blocking for every process that shares it, the shell for one. It polls a
 * second descriptor too, by which writer_free() reaches it while the reader of the pipe is asleep.
 */
#include "server/output/writer.h"

#include "common/clock.h"
#include "common/must.h"
#include "common/signal-mask.h"
#include "server/output/escape.h"
#include "server/output/line.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    RING_BYTES = 256 * 1024, /* at least */
    LAST_WORDS_MS = 1000,    /* how long writer_free() waits for a reader */
};

/* What stands before the bytes in the ring. */
struct record {
    uint64_t session; /* 0: printed as it is */
    size_t size;      /* bytes that follow */
    size_t total;     /* bytes the message had */
};

struct writer {
    /* set by writer_new(), then read-only */
    size_t ring_bytes;
    int stop_fd; /* readable once the thread must end */
    _Atomic uint64_t *also_dropped;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t filled; /* one waiter: the thread */
    /* guarded by lock */
    unsigned char *ring;
    size_t head; /* where the next record is put */
    size_t used;
    uint64_t dropped; /* messages, since the start */
    bool stopping;

    /* the thread's */
    unsigned char *message; /* a copy of the record's bytes */
    uint64_t dropped_reported;
    int64_t give_up_ns; /* 0: not stopping yet */
};

/* --- the ring ------------------------------------------------------------------------------ */

static void ring_put_locked(struct writer *writer, const void *bytes, size_t size)
{
    size_t first = writer->ring_bytes - writer->head;

    if (first > size)
        first = size;
    memcpy(writer->ring + writer->head, bytes, first);
    memcpy(writer->ring, (const unsigned char *)bytes + first, size - first);
    writer->head = (writer->head + size) % writer->ring_bytes;
    writer->used += size;
}

static void ring_get_locked(struct writer *writer, void *bytes, size_t size)
{
    size_t tail = (writer->head + writer->ring_bytes - writer->used) % writer->ring_bytes;
    size_t first = writer->ring_bytes - tail;

    if (first > size)
        first = size;
    memcpy(bytes, writer->ring + tail, first);
    memcpy((unsigned char *)bytes + first, writer->ring, size - first);
    writer->used -= size;
}

void writer_put(struct writer *writer, uint64_t session, const void *bytes, size_t size,
                size_t total)
{
    struct record record = {.session = session, .size = size, .total = total};

    MUST(pthread_mutex_lock(&writer->lock));
    if (sizeof record + size <= writer->ring_bytes - writer->used) {
        ring_put_locked(writer, &record, sizeof record);
        ring_put_locked(writer, bytes, size);
        MUST(pthread_cond_signal(&writer->filled));
    } else {
        writer->dropped++;
    }
    MUST(pthread_mutex_unlock(&writer->lock));
}

/* --- the thread ---------------------------------------------------------------------------- */

/* Wait until standard output takes something. @return false: the time is up, give up */
static bool wait_writable(struct writer *writer)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
                                {.fd = writer->stop_fd, .events = POLLIN}};
        bool stopping = writer->give_up_ns != 0;
        int timeout = -1;

        if (stopping) {
            int64_t left_ns = writer->give_up_ns - clock_now_ns();
            timeout = left_ns <= 0 ? 0 : (int)(left_ns / 1000000) + 1;
        }
        int ready = poll(fds, stopping ? 1 : 2, timeout);
        if (fds[0].revents != 0 && ready > 0)
            return true;
        if (ready == 0)
            return false;
        if (ready > 0 && fds[1].revents != 0) /* writer_free() was called: a second is left */
            writer->give_up_ns = clock_now_ns() + LAST_WORDS_MS * INT64_C(1000000);
    }
}

/* Write to standard output. @return false: it did not take everything */
static bool write_out(struct writer *writer, const char *text, size_t size)
{
    while (size > 0) {
        if (!wait_writable(writer))
            return false;
        ssize_t written =
            write(STDOUT_FILENO, text, size < (size_t)PIPE_BUF ? size : (size_t)PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (written > 0) {
            text += written;
            size -= (size_t)written;
        }
    }
    return true;
}

/* Write a message as one line. */
static bool write_message(struct writer *writer, const struct record *record)
{
    char text[PIPE_BUF];
    size_t done = 0;
    size_t length = line_begin(text, record->session, record->total);

    while (done < record->size) {
        size_t used;
        length += escape_bytes(text + length, sizeof text - length - LINE_END_MAX,
                               writer->message + done, record->size - done, &used);
        done += used;
        if (done < record->size) {
            if (!write_out(writer, text, length))
                return false;
            length = 0;
        }
    }
    length += line_end(text + length, record->total == record->size);
    return write_out(writer, text, length);
}

static uint64_t dropped_locked(const struct writer *writer)
{
    return writer->dropped + (writer->also_dropped != NULL ? atomic_load(writer->also_dropped) : 0);
}

/* Report how many were dropped since the last report, as soon as there is a reader again. */
static void report_dropped(struct writer *writer, uint64_t dropped)
{
    char text[96];

    if (dropped == writer->dropped_reported)
        return;
    int length = snprintf(text, sizeof text,
                          "(%" PRIu64 " messages not printed: standard output is too slow)\n",
                          dropped - writer->dropped_reported);
    if (write_out(writer, text, (size_t)length))
        writer->dropped_reported = dropped;
}

static void *writer_main(void *argument)
{
    struct writer *writer = argument;

    MUST(pthread_mutex_lock(&writer->lock));
    for (;;) {
        struct record record;

        while (writer->used == 0 && !writer->stopping)
            MUST(pthread_cond_wait(&writer->filled, &writer->lock));
        if (writer->used == 0)
            break;
        ring_get_locked(writer, &record, sizeof record);
        ring_get_locked(writer, writer->message, record.size);
        uint64_t dropped = dropped_locked(writer);
        MUST(pthread_mutex_unlock(&writer->lock));

        report_dropped(writer, dropped);
        bool whole = record.session == 0
                         ? write_out(writer, (const char *)writer->message, record.size)
                         : write_message(writer, &record);

        MUST(pthread_mutex_lock(&writer->lock));
        writer->dropped += !whole;
    }
    MUST(pthread_mutex_unlock(&writer->lock));
    return NULL;
}

/* --- life ---------------------------------------------------------------------------------- */

static void release(struct writer *writer)
{
    if (writer->stop_fd >= 0)
        close(writer->stop_fd);
    pthread_cond_destroy(&writer->filled);
    pthread_mutex_destroy(&writer->lock);
    free(writer->ring);
    free(writer->message);
    free(writer);
}

int writer_new(size_t message_bytes, _Atomic uint64_t *also_dropped, struct writer **result)
{
    struct writer *writer = calloc(1, sizeof *writer);
    size_t four = 4 * (message_bytes + sizeof(struct record));
    int rc;

    if (writer == NULL)
        return -ENOMEM;
    MUST(pthread_mutex_init(&writer->lock, NULL));
    MUST(pthread_cond_init(&writer->filled, NULL));
    writer->also_dropped = also_dropped;
    writer->ring_bytes = four > RING_BYTES ? four : RING_BYTES;
    writer->ring = malloc(writer->ring_bytes);
    writer->message = malloc(message_bytes);
    writer->stop_fd = eventfd(0, EFD_CLOEXEC);
    rc = writer->stop_fd < 0 ? -errno : 0;
    if (writer->ring == NULL || writer->message == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        *result = writer;
    else
        release(writer);
    return rc;
}

int writer_start(struct writer *writer)
{
    sigset_t before = signal_mask_all();
    int rc = -pthread_create(&writer->thread, NULL, writer_main, writer);

    signal_mask_restore(&before);
    writer->started = rc == 0;
    if (writer->started)
        pthread_setname_np(writer->thread, "printer");
    return rc;
}

uint64_t writer_free(struct writer *writer)
{
    uint64_t dropped;

    if (writer->started) {
        MUST(pthread_mutex_lock(&writer->lock));
        writer->stopping = true;
        MUST(pthread_cond_signal(&writer->filled));
        MUST(pthread_mutex_unlock(&writer->lock));
        if (eventfd_write(writer->stop_fd, 1) != 0)
            abort(); /* a fresh counter takes a 1 */
        MUST(pthread_join(writer->thread, NULL));
    }
    dropped = dropped_locked(writer); /* no other thread is left */
    release(writer);
    return dropped;
}

uint64_t writer_dropped(struct writer *writer)
{
    uint64_t dropped;

    MUST(pthread_mutex_lock(&writer->lock));
    dropped = dropped_locked(writer);
    MUST(pthread_mutex_unlock(&writer->lock));
    return dropped;
}
