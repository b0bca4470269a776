/* SPDX-License-Identifier: MIT */
/*
 * Writing to standard output without ever waiting for it: see printer.h.
 *
 * DESIGN. The ring holds records, a header and raw bytes, and wraps at any byte. Escaping is left
 * to the writer, so that a worker holds the lock for one copy and no longer. The writer polls
 * before it writes, and writes at most PIPE_BUF bytes at a time, which a pipe that polls writable
 * takes without blocking; making the descriptor non-blocking instead would do that to everybody
 * who shares it, the shell for one. It polls a second descriptor too, by which printer_free()
 * reaches it while the reader of the pipe is asleep.
 *
 * Where other processes print too (processes), what poll() says may be over before the write: another
 * has written meanwhile. So there, standard output is opened once more, where that can be done (a
 * pipe, a terminal), as a descriptor of our own that does not block, before the first process is
 * forked.
 */
#include "server/output/printer.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "server/output/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const print_words[] = {"none", "line", "full", NULL};

enum {
    LINE_BYTES = 64,         /* how much of a message --print line shows */
    RING_BYTES = 256 * 1024, /* at least */
    LAST_WORDS_MS = 1000,    /* how long printer_free() waits for a reader */
    OWN_LINE_BYTES = 512,    /* the longest line of our own */
};

/* What stands before the bytes in the ring. */
struct record {
    uint64_t session; /* 0: a line of our own, printed as it is */
    size_t size;      /* bytes that follow */
    size_t total;     /* bytes the message had */
};

/* What the processes have in common. */
struct child_counts {
    _Atomic uint64_t dropped; /* messages, since the start */
};

struct printer {
    /* set by printer_new(), then read-only */
    enum print_mode mode;
    size_t ring_bytes;
    int stop_fd; /* readable once the writer is to end; -1 in PRINT_NONE */
    pthread_t writer;
    bool started;                  /* there is a writer */
    bool in_child;                 /* this is another process; each has its own copy of this */
    struct child_counts *children; /* NULL: none print */

    pthread_mutex_t lock;
    pthread_cond_t filled; /* one waiter: the writer */
    /* guarded by lock */
    unsigned char *ring;
    size_t head; /* where the next record is put */
    size_t used;
    uint64_t dropped; /* messages, since the start */
    bool stopping;

    /* the writer's own */
    unsigned char *message; /* a copy of the record's bytes */
    uint64_t dropped_told;
    int64_t give_up_ns; /* 0: not stopping yet */
};

/* --- the ring ------------------------------------------------------------------------------ */

static void ring_put_locked(struct printer *printer, const void *bytes, size_t size)
{
    size_t first = printer->ring_bytes - printer->head;

    if (first > size)
        first = size;
    memcpy(printer->ring + printer->head, bytes, first);
    memcpy(printer->ring, (const unsigned char *)bytes + first, size - first);
    printer->head = (printer->head + size) % printer->ring_bytes;
    printer->used += size;
}

static void ring_get_locked(struct printer *printer, void *bytes, size_t size)
{
    size_t tail = (printer->head + printer->ring_bytes - printer->used) % printer->ring_bytes;
    size_t first = printer->ring_bytes - tail;

    if (first > size)
        first = size;
    memcpy(bytes, printer->ring + tail, first);
    memcpy((unsigned char *)bytes + first, printer->ring, size - first);
    printer->used -= size;
}

/* Leave a record for the writer, or count it as dropped. */
static void enqueue(struct printer *printer, uint64_t session, const void *bytes, size_t size,
                    size_t total)
{
    struct record record = {.session = session, .size = size, .total = total};

    MUST(pthread_mutex_lock(&printer->lock));
    if (sizeof record + size <= printer->ring_bytes - printer->used) {
        ring_put_locked(printer, &record, sizeof record);
        ring_put_locked(printer, bytes, size);
        MUST(pthread_cond_signal(&printer->filled));
    } else {
        printer->dropped++;
    }
    MUST(pthread_mutex_unlock(&printer->lock));
}

/* --- the writer ---------------------------------------------------------------------------- */

/* Wait until standard output takes something. @return false: the time is up, give it up */
static bool wait_writable(struct printer *printer)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
                                {.fd = printer->stop_fd, .events = POLLIN}};
        bool stopping = printer->give_up_ns != 0;
        int timeout = -1;

        if (stopping) {
            int64_t left_ns = printer->give_up_ns - clock_now_ns();
            timeout = left_ns <= 0 ? 0 : (int)(left_ns / 1000000) + 1;
        }
        int ready = poll(fds, stopping ? 1 : 2, timeout);
        if (fds[0].revents != 0 && ready > 0)
            return true;
        if (ready == 0)
            return false;
        if (ready > 0 && fds[1].revents != 0) /* printer_free() has come: a second is left */
            printer->give_up_ns = clock_now_ns() + LAST_WORDS_MS * INT64_C(1000000);
    }
}

/* @return false: standard output took not all of it */
static bool write_out(struct printer *printer, const char *text, size_t size)
{
    while (size > 0) {
        if (!wait_writable(printer))
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

/* How the line of a message begins. @return its length */
static size_t begin_line(char text[static PIPE_BUF], uint64_t session, size_t total)
{
    return (size_t)snprintf(text, PIPE_BUF, "session %" PRIu64 ", %zu bytes: ", session, total);
}

/* How it ends; three bytes and one more must have been left. @return how much that is */
static size_t end_line(char *text, bool whole)
{
    memcpy(text, whole ? "\n" : "...\n", whole ? 1 : 4);
    return whole ? 1 : 4;
}

/* One message as one line: who, how long, and the bytes, escaped. */
static bool write_message(struct printer *printer, const struct record *record)
{
    char text[PIPE_BUF];
    size_t done = 0;
    size_t length = begin_line(text, record->session, record->total);

    while (done < record->size) {
        size_t used;
        length += escape_bytes(text + length, sizeof text - length - 4, printer->message + done,
                               record->size - done, &used);
        done += used;
        if (done < record->size) {
            if (!write_out(printer, text, length))
                return false;
            length = 0;
        }
    }
    length += end_line(text + length, record->total == record->size);
    return write_out(printer, text, length);
}

/* All that were dropped, by whomever. */
static uint64_t dropped_locked(const struct printer *printer)
{
    return printer->dropped +
           (printer->children != NULL ? atomic_load(&printer->children->dropped) : 0);
}

/* Say how many were dropped since this was last said, as soon as there is a reader again. */
static void tell_dropped(struct printer *printer, uint64_t dropped)
{
    char text[96];

    if (dropped == printer->dropped_told)
        return;
    int length = snprintf(text, sizeof text,
                          "(%" PRIu64 " messages not printed: standard output is too slow)\n",
                          dropped - printer->dropped_told);
    if (write_out(printer, text, (size_t)length))
        printer->dropped_told = dropped;
}

static void *writer_main(void *argument)
{
    struct printer *printer = argument;

    MUST(pthread_mutex_lock(&printer->lock));
    for (;;) {
        struct record record;

        while (printer->used == 0 && !printer->stopping)
            MUST(pthread_cond_wait(&printer->filled, &printer->lock));
        if (printer->used == 0)
            break;
        ring_get_locked(printer, &record, sizeof record);
        ring_get_locked(printer, printer->message, record.size);
        uint64_t dropped = dropped_locked(printer);
        MUST(pthread_mutex_unlock(&printer->lock));

        tell_dropped(printer, dropped);
        bool whole = record.session == 0
                         ? write_out(printer, (const char *)printer->message, record.size)
                         : write_message(printer, &record);

        MUST(pthread_mutex_lock(&printer->lock));
        printer->dropped += !whole;
    }
    MUST(pthread_mutex_unlock(&printer->lock));
    return NULL;
}

/* --- in another process -------------------------------------------------------------------- */

/* See printer_enter_child(). */
static void write_at_once(struct printer *printer, uint64_t session, const void *bytes, size_t size,
                          size_t total)
{
    char text[PIPE_BUF];
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    size_t length = begin_line(text, session, total);
    ssize_t written = -1;
    size_t used;

    length += escape_bytes(text + length, sizeof text - length - 4, bytes, size, &used);
    length += end_line(text + length, used == total);
    if (poll(&out, 1, 0) == 1)
        written = write(STDOUT_FILENO, text, length);
    if (written != (ssize_t)length)
        atomic_fetch_add(&printer->children->dropped, 1);
}

/*
 * A description of standard output that is this server's alone, so that making it non-blocking does
 * not do that to everybody who shares the old one. A file never blocks, and a socket cannot be
 * opened; there, and where it is not allowed, poll() has to do.
 */
static void reopen_output(void)
{
    struct stat status;
    int fd;

    if (fstat(STDOUT_FILENO, &status) != 0 ||
        (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)))
        return;
    fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return;
    dup2(fd, STDOUT_FILENO);
    close(fd);
}

static int share(struct printer *printer)
{
    void *memory = mmap(NULL, sizeof *printer->children, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    printer->children = memory;
    reopen_output();
    return 0;
}

/* --- life ---------------------------------------------------------------------------------- */

/* What the writer needs. */
static int make_ring(struct printer *printer, size_t message_bytes)
{
    printer->ring_bytes = RING_BYTES;
    if (printer->ring_bytes < 4 * (message_bytes + sizeof(struct record)))
        printer->ring_bytes = 4 * (message_bytes + sizeof(struct record));
    printer->ring = malloc(printer->ring_bytes);
    printer->message = malloc(message_bytes > OWN_LINE_BYTES ? message_bytes : OWN_LINE_BYTES);
    if (printer->ring == NULL || printer->message == NULL)
        return -ENOMEM;
    printer->stop_fd = eventfd(0, EFD_CLOEXEC);
    return printer->stop_fd >= 0 ? 0 : -errno;
}

static void release(struct printer *printer)
{
    if (printer->stop_fd >= 0)
        close(printer->stop_fd);
    pthread_cond_destroy(&printer->filled);
    pthread_mutex_destroy(&printer->lock);
    if (printer->children != NULL)
        munmap(printer->children, sizeof *printer->children);
    free(printer->ring);
    free(printer->message);
    free(printer);
}

int printer_new(enum print_mode mode, size_t message_bytes, bool processes, struct printer **result)
{
    struct printer *printer = calloc(1, sizeof *printer);
    int rc = 0;

    if (printer == NULL)
        return -ENOMEM;
    printer->mode = mode;
    printer->stop_fd = -1;
    MUST(pthread_mutex_init(&printer->lock, NULL));
    MUST(pthread_cond_init(&printer->filled, NULL));
    if (mode != PRINT_NONE)
        rc = make_ring(printer, message_bytes);
    if (mode != PRINT_NONE && processes && rc == 0)
        rc = share(printer);
    if (rc == 0)
        *result = printer;
    else
        release(printer);
    return rc;
}

/* Signals are for the loop's thread, so the writer starts with all of them blocked. */
int printer_start(struct printer *printer)
{
    sigset_t all;
    sigset_t before;

    if (printer->mode == PRINT_NONE)
        return 0;
    sigfillset(&all);
    MUST(pthread_sigmask(SIG_SETMASK, &all, &before));
    int rc = -pthread_create(&printer->writer, NULL, writer_main, printer);
    MUST(pthread_sigmask(SIG_SETMASK, &before, NULL));
    printer->started = rc == 0;
    if (printer->started)
        pthread_setname_np(printer->writer, "printer");
    return rc;
}

void printer_enter_child(struct printer *printer)
{
    printer->in_child = true;
}

uint64_t printer_free(struct printer *printer)
{
    uint64_t dropped;

    if (printer == NULL)
        return 0;
    if (printer->started) {
        MUST(pthread_mutex_lock(&printer->lock));
        printer->stopping = true;
        MUST(pthread_cond_signal(&printer->filled));
        MUST(pthread_mutex_unlock(&printer->lock));
        if (eventfd_write(printer->stop_fd, 1) != 0)
            abort(); /* a fresh counter takes a 1 */
        MUST(pthread_join(printer->writer, NULL));
    }
    dropped = dropped_locked(printer); /* nobody else is there any more */
    release(printer);
    return dropped;
}

uint64_t printer_dropped(struct printer *printer)
{
    uint64_t dropped;

    MUST(pthread_mutex_lock(&printer->lock));
    dropped = printer->dropped;
    MUST(pthread_mutex_unlock(&printer->lock));
    return dropped;
}

void printer_message(struct printer *printer, uint64_t session, const void *bytes, size_t size)
{
    size_t shown = size;

    if (printer->mode == PRINT_LINE && shown > LINE_BYTES)
        shown = LINE_BYTES;
    if (printer->in_child)
        write_at_once(printer, session, bytes, shown, size);
    else
        enqueue(printer, session, bytes, shown, size);
}

void printer_line(struct printer *printer, const char *format, ...)
{
    char text[OWN_LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    int wanted = vsnprintf(text, sizeof text - 1, format, arguments);
    va_end(arguments);
    size_t length = wanted < 0 ? 0 : (size_t)wanted;
    if (length > sizeof text - 2)
        length = sizeof text - 2;
    text[length++] = '\n';

    if (printer->mode != PRINT_NONE) {
        enqueue(printer, 0, text, length, length);
        return;
    }
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(&out, 1, 0) != 1 || write(STDOUT_FILENO, text, length) < 0)
        log_verbose("standard output does not take: %.*s", (int)length - 1, text);
}
