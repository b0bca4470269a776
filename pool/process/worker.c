/* SPDX-License-Identifier: MIT */
/*
 * What a worker process does: receive tasks, run them, send their outcomes.
 *
 * DESIGN
 *
 * A worker has one thread and one socket. It blocks in both directions; the executor never does, so
 * the two cannot deadlock. One message brings one or several tasks, which run in order. The outcome
 * of a task is sent before the next one begins. So when a worker dies, the executor knows which
 * task it had begun, the first one without an outcome, and that those behind it have not begun.
 *
 * A running task is the same struct ep_task as on a thread, with a future local to the worker that
 * collects reply and failure. Each task gets a new one. A large reply does not go there: it is written
 * at once into the file from which the executor reads it (wire-internal.h has the rules), which saves a
 * copy.
 *
 * The end of the stream is the order to end: no more tasks come, and those sent have been done. A
 * worker ends by _exit(), because handlers registered with atexit() belong to the program. The
 * library keeps no random state and no other secret that two workers would share; what libraries of
 * the program keep was copied when the zygote was forked, and must be renewed in `initialize`.
 */
#include "pool/process/worker-internal.h"

#include "pool/future-internal.h"
#include "pool/process/wire-internal.h"
#include "pool/task-internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/** Times that a worker looks for its next task before it sleeps. */
#define LOOKS 8

/** The delay before a worker tries again to send doubles this many times, from 1 ms. */
#define RETRY_DOUBLES 6u

static struct {
    int socket;
    unsigned index;
    bool (*is_known)(uintptr_t fn);
    int reply_file;          /* the one that is kept for replies; -1: none was needed */
    bool reply_is_out;       /* the executor may not have read what is in it */
    int other_file;          /* for the reply of the task that runs alone; -1: none was needed */
    int *written_to;         /* the one of them with its reply; NULL: that is in the future */
    size_t written;          /* how many bytes that has */
    const void *kept_input;  /* the file that the executor keeps; NULL: it has sent none */
    struct ep_future future; /* of the task that runs */
    _Alignas(max_align_t) unsigned char inbox[WIRE_MESSAGE_MAX];
} self;

/**
 * Wait before something is tried again that failed and may pass. No event reports that it would
 * succeed now.
 * @param tries  failures before this one
 * @return       false if the executor is gone
 */
static bool wait_to_retry(unsigned tries)
{
    struct pollfd poll_socket = {.fd = self.socket, .events = 0};

    return poll(&poll_socket, 1, 1 << (tries < RETRY_DOUBLES ? tries : RETRY_DOUBLES)) == 0;
}

/** Send a note to the executor. If that fails the executor is gone, and the worker ends. */
static int send_note(struct wire_note *note, const char *words, const void *payload, int fd)
{
    struct iovec parts[3] = {
        {.iov_base = note, .iov_len = sizeof *note},
        {.iov_base = (void *)(uintptr_t)words, .iov_len = note->words},
        {.iov_base = (void *)(uintptr_t)payload,
         .iov_len = payload != NULL ? (size_t)note->size : 0},
    };
    unsigned tries = 0;
    int rc;

    do
        rc = wire_send(self.socket, parts, 3, &fd, fd >= 0, 0);
    while (wire_may_pass(rc) && wait_to_retry(tries++));
    return rc;
}

/** Write a reply into a file. If the worker's own tasks use up its descriptors, that is an error. */
static int write_reply(int *file, const void *payload, size_t size)
{
    unsigned tries = 0;
    int rc;

    do
        rc = wire_file_write(file, payload, size);
    while (rc != -EMFILE && wire_may_pass(rc) && wait_to_retry(tries++));
    return rc;
}

/** Choose a file for a large reply of the task that runs. NULL: the only one has an earlier reply. */
static int *choose_file(uint64_t size)
{
    if (!self.reply_is_out && size <= WIRE_KEPT_MAX && self.written_to != &self.reply_file)
        return &self.reply_file;
    return self.written_to != &self.other_file ? &self.other_file : NULL;
}

/** Send the reply of a task in a file. @return 0, or the error: nothing was sent then */
static int send_large(struct wire_note *note, const void *payload)
{
    int *file = self.written_to != NULL ? self.written_to : choose_file(note->size);
    int rc = self.written_to != NULL ? 0 : write_reply(file, payload, (size_t)note->size);

    if (rc != 0)
        return rc;
    note->flags |= WIRE_IN_FILE;
    self.reply_is_out = self.reply_is_out || file == &self.reply_file;
    return send_note(note, NULL, NULL, *file);
}

/** Report that a reply could not be sent. */
static int cannot_ship(uint64_t id, int rc)
{
    char words[WIRE_WORDS_MAX + 1];
    struct wire_note note = {.id = id, .kind = WIRE_REPLY, .verdict = EP_ESHIP, .code = -rc};

    snprintf(words, sizeof words, "the reply cannot leave the worker: %s", strerror(-rc));
    note.words = (uint32_t)strlen(words);
    return send_note(&note, words, NULL, -1);
}

/** Send the outcome of a task. */
static int send_outcome(uint64_t id)
{
    struct ep_future *future = &self.future;
    struct wire_note note = {.id = id, .kind = WIRE_REPLY, .verdict = future->verdict};
    const void *reply = future_reply(future, &note.size);
    int rc;

    if (self.written_to != NULL)
        note.size = self.written;
    if (future->verdict != 0)
        note.code = future->code;
    if (future->has_message)
        note.words = (uint32_t)strlen(future->message);
    if ((future->has_reply || self.written_to != NULL) && future->verdict == 0)
        note.flags = WIRE_HAS_REPLY;
    else
        note.size = 0;
    rc = -EMSGSIZE;
    if (note.size <= WIRE_INLINE_MAX)
        rc = send_note(&note, note.words > 0 ? future->message : NULL, note.size > 0 ? reply : NULL,
                       -1);
    if (rc == -EMSGSIZE && note.words == 0 && note.size > 0)
        rc = send_large(&note, reply); /* too large, or the socket's buffer is small */
    return rc == 0 || rc == -EPIPE ? rc : cannot_ship(id, rc);
}

static bool worker_refuses(struct ep_task *task, ep_task_fn fn)
{
    if (self.is_known((uintptr_t)fn))
        return false;
    task->failed = true;
    future_set_error(task->future, EP_EUNKNOWN, 0,
                     "the function was not part of the program when the zygote was forked");
    return true;
}

/** Look for the end of the stream: in a task it means that the executor terminates or is gone. */
static bool worker_is_stopping(void)
{
    struct pollfd poll_socket = {.fd = self.socket, .events = POLLRDHUP};

    return poll(&poll_socket, 1, 0) > 0 && (poll_socket.revents & (POLLRDHUP | POLLHUP)) != 0;
}

/**
 * Keep a reply, a large one in a file at once, which saves a copy. An earlier reply is there until this one is,
 * in the future or in the other file.
 */
static int worker_reply(const struct ep_task *task, const void *data, size_t size)
{
    bool own = task->future == &self.future; /* not that of a task within the one that runs */
    int *file = own && size > WIRE_INLINE_MAX ? choose_file(size) : NULL;
    int rc;

    if (file != NULL && wire_file_write(file, data, size) == 0) {
        self.written_to = file;
        self.written = size;
        return 0;
    }
    rc = future_set_reply(task->future, data, size);
    if (rc == 0 && own)
        self.written_to = NULL;
    return rc;
}

static const struct task_process process = {
    .is_stopping = worker_is_stopping,
    .refuses = worker_refuses,
    .reply = worker_reply,
};

/** Run one task, of which all parts have arrived. */
static int run(const struct wire_task *header, const void *input, struct task_fds *fds)
{
    struct ep_task task = {.input = input,
                           .size = (size_t)header->size,
                           .process = &process,
                           .future = &self.future,
                           .worker = self.index};
    int rc;

    future_init_local(&self.future);
    self.future.fds = fds;
    self.future.has_fds = fds != NULL;
    self.written_to = NULL;
    task.no_reply = (header->flags & WIRE_WANTS_REPLY) == 0;
    if (!worker_refuses(&task, (ep_task_fn)(uintptr_t)header->fn) &&
        (rc = ((ep_task_fn)(uintptr_t)header->fn)(&task)) != 0 && !task.failed)
        ep_task_fail(&task, rc, NULL);
    fflush(stdout); /* what a task prints is visible when it is done */
    rc = send_outcome(header->id);
    future_clear_local(&self.future);
    if (self.other_file >= 0)
        close(self.other_file);
    self.other_file = -1;
    return rc;
}

/** Make the descriptors of a message those of its task. @return NULL if it has none */
static struct task_fds *keep_fds(struct task_fds *room, const struct wire_task *header,
                                 struct wire_message *message)
{
    if (header->fd_count == 0)
        return NULL;
    room->count = header->fd_count;
    room->on_heap = false;
    memcpy(room->fds, message->fds, header->fd_count * sizeof(int));
    message->fd_count = 0; /* another task of the message cannot have them too */
    return room;
}

/**
 * Map the input in a file. That of the file which the executor keeps stays mapped, in its whole length,
 * of which only what was written may be used.
 */
static int map_input(const struct wire_task *header, int fd, const void **input)
{
    bool kept = header->flags & WIRE_KEPT;
    int rc = wire_file_check(fd, (size_t)header->size);
    void *map;

    if (rc != 0 || (kept && header->size > WIRE_KEPT_MAX))
        return -EPROTO;
    *input = self.kept_input;
    if (kept && self.kept_input != NULL)
        return 0;
    map = mmap(NULL, kept ? WIRE_KEPT_MAX : (size_t)header->size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    *input = map;
    if (kept)
        self.kept_input = map;
    return 0;
}

/** Run a task whose input or descriptors came beside the message. */
static int take_special(const struct wire_task *header, const void *input,
                        struct wire_message *message)
{
    unsigned in_file = header->flags & WIRE_IN_FILE ? 1 : 0;
    struct wire_note note = {.id = header->id, .kind = WIRE_NACK, .code = EMFILE};
    _Alignas(
        struct task_fds) unsigned char room[sizeof(struct task_fds) + EP_FDS_MAX * sizeof(int)];
    int rc;

    if (message->fds_lost || message->fd_count != header->fd_count + in_file) {
        wire_close_fds(message, 0);
        return send_note(&note, NULL, NULL, -1);
    }
    if (in_file) {
        rc = map_input(header, message->fds[header->fd_count], &input);
        wire_close_fds(message, header->fd_count);
        if (rc != 0) {
            wire_close_fds(message, 0);
            note.code = -rc;
            return send_note(&note, NULL, NULL, -1);
        }
    }
    note.kind = WIRE_GOT_FDS;
    rc = header->fd_count > 0 ? send_note(&note, NULL, NULL, -1) : 0;
    if (rc == 0)
        rc = run(header, input, keep_fds((struct task_fds *)(void *)room, header, message));
    if (in_file && input != self.kept_input)
        munmap((void *)(uintptr_t)input, (size_t)header->size);
    return rc;
}

/** Run the tasks of one message. */
static int take_message(struct wire_message *message)
{
    size_t at = 0;
    int rc = 0;

    while (rc == 0 && message->size - at >= sizeof(struct wire_task)) {
        struct wire_task header;
        const void *input;
        size_t inside;

        memcpy(&header, self.inbox + at, sizeof header);
        at += sizeof header;
        inside = header.flags & WIRE_IN_FILE ? 0 : (size_t)header.size;
        if (inside > message->size - at || header.fd_count > EP_FDS_MAX) {
            rc = -EPROTO;
            break;
        }
        input = inside > 0 ? self.inbox + at : NULL;
        at += inside + wire_padding(inside);
        if (at > message->size)
            at = message->size;
        if (header.flags & WIRE_ALL_TAKEN)
            self.reply_is_out = false;
        if (message->fd_count > 0 || message->fds_lost || header.fd_count > 0 ||
            (header.flags & WIRE_IN_FILE))
            rc = take_special(&header, input, message);
        else
            rc = run(&header, input, NULL);
    }
    wire_close_fds(message, 0); /* those that no task has asked for */
    return rc;
}

/**
 * Receive the next message. Before a worker sleeps it looks for a message a few times and yields
 * its CPU in between, some microseconds in all. If the executor runs on the same CPU, it sends its
 * next task meanwhile and need not wake the worker.
 */
static int await_message(struct wire_message *message)
{
    for (int looks = 0; looks < LOOKS; looks++) {
        int rc = wire_receive(self.socket, self.inbox, sizeof self.inbox, MSG_DONTWAIT, message);

        if (rc != -EAGAIN)
            return rc;
        sched_yield();
    }
    return wire_receive(self.socket, self.inbox, sizeof self.inbox, 0, message);
}

/** End a worker whose task calls pthread_exit(), also if the task has made other threads. */
static void end_process(void *unused)
{
    (void)unused;
    _exit(1);
}

void worker_process(int socket, const struct worker_plan *plan, bool (*is_known)(uintptr_t fn))
{
    struct wire_note note = {.kind = WIRE_READY};
    struct wire_message message;
    int rc;

    self.socket = socket;
    self.index = plan->index;
    self.is_known = is_known;
    /* In a worker of a worker these are still the outer one's. */
    if (self.kept_input != NULL)
        munmap((void *)(uintptr_t)self.kept_input, WIRE_KEPT_MAX);
    self.kept_input = NULL;
    self.reply_is_out = false;
    self.reply_file = self.other_file = -1;
    pthread_cleanup_push(end_process, NULL);
    prctl(PR_SET_NAME, plan->name);
    rc = plan->initialize != NULL ? plan->initialize(plan->context, plan->index) : 0;
    fflush(stdout);
    if (rc != 0) {
        note.kind = WIRE_NOT_READY;
        note.code = rc;
        send_note(&note, NULL, NULL, -1);
        _exit(1);
    }
    rc = send_note(&note, NULL, NULL, -1);
    while (rc == 0) {
        rc = await_message(&message);
        if (rc == 0)
            rc = take_message(&message);
    }
    if (plan->finalize != NULL)
        plan->finalize(plan->context, plan->index);
    fflush(stdout);
    _exit(rc == -EPIPE ? 0 : 1);
    pthread_cleanup_pop(0);
}
