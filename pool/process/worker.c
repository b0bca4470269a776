/* SPDX-License-Identifier: MIT */
/*
 * What a worker process does: receive tasks, run them, send back what came of them.
 *
 * DESIGN
 *
 * A worker has one thread and one socket. It blocks in both directions; the executor never does, so
 * the two cannot wait for one another. Tasks come one or several in a message, and are run in
 * order. What came of a task is sent before the next one begins: when a worker dies the executor
 * then knows which task it was about, the first one without a reply, and that those behind it
 * have not begun.
 *
 * A running task is the same struct ep_task as in a thread, with a future of the worker's own that
 * collects reply and failure. Nobody else ever sees that future; it is made anew for each task.
 *
 * The end of the stream is the order to leave: no more tasks come, what was sent has been done.
 * A worker leaves by _exit(), since handlers registered with atexit() belong to the program. The
 * library keeps no random state and no other secret that two workers would share; what libraries
 * of the program keep was copied when the zygote was forked, and is theirs to make anew in
 * `initialize`.
 */
#include "pool/process/worker-internal.h"

#include "pool/future-internal.h"
#include "pool/process/wire-internal.h"
#include "pool/task-internal.h"

#include <errno.h>
#include <poll.h>
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

static struct {
    int socket;
    unsigned index;
    bool (*is_known)(uintptr_t fn);
    _Alignas(max_align_t) unsigned char inbox[WIRE_MESSAGE_MAX];
} self;

/** Say something to the executor. It is gone where that fails, and then so are we. */
static int say(struct wire_note *note, const char *words, const void *payload, int fd)
{
    struct iovec parts[3] = {
        {.iov_base = note, .iov_len = sizeof *note},
        {.iov_base = (void *)(uintptr_t)words, .iov_len = note->words},
        {.iov_base = (void *)(uintptr_t)payload, .iov_len = payload != NULL ? note->size : 0},
    };

    return wire_send(self.socket, parts, 3, &fd, fd >= 0, 0);
}

/** Send the reply of a task by memfd. @return 0, or why not: nothing was sent then */
static int say_large(struct wire_note *note, const void *payload)
{
    int fd = wire_memfd_new(payload, note->size);
    int rc;

    if (fd < 0)
        return fd;
    note->flags |= WIRE_IN_MEMFD;
    rc = say(note, NULL, NULL, fd);
    close(fd);
    return rc;
}

static int cannot_ship(uint64_t id, int rc)
{
    char words[WIRE_WORDS_MAX + 1];
    struct wire_note note = {.id = id, .kind = WIRE_REPLY, .verdict = EP_ESHIP, .code = -rc};

    snprintf(words, sizeof words, "the reply cannot leave the worker: %s", strerror(-rc));
    note.words = (uint32_t)strlen(words);
    return say(&note, words, NULL, -1);
}

/** Tell what came of a task. */
static int send_outcome(uint64_t id, struct ep_future *future)
{
    struct wire_note note = {.id = id, .kind = WIRE_REPLY, .verdict = future->verdict};
    const void *reply = future_reply(future, &note.size);
    int rc;

    if (future->verdict != 0)
        note.code = future->code;
    if (future->has_message)
        note.words = (uint32_t)strlen(future->message);
    if (future->has_reply && future->verdict == 0)
        note.flags = WIRE_HAS_REPLY;
    else
        note.size = 0;
    rc = -EMSGSIZE;
    if (note.size <= WIRE_INLINE_MAX)
        rc = say(&note, note.words > 0 ? future->message : NULL, note.size > 0 ? reply : NULL, -1);
    if (rc == -EMSGSIZE && note.words == 0 && note.size > 0)
        rc = say_large(&note, reply); /* too large, or the socket's buffer is a small one */
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

/** While a task is under way its executor ends the stream only where it terminates or ends itself. */
static bool worker_is_stopping(void)
{
    struct pollfd poll_socket = {.fd = self.socket, .events = POLLRDHUP};

    return poll(&poll_socket, 1, 0) > 0 && (poll_socket.revents & (POLLRDHUP | POLLHUP)) != 0;
}

static const struct task_process process = {
    .is_stopping = worker_is_stopping,
    .refuses = worker_refuses,
};

/** Run one task whose parts are all at hand. */
static int run(const struct wire_task *header, const void *input, struct task_fds *fds)
{
    struct ep_future future;
    struct ep_task task = {
        .input = input, .size = header->size, .process = &process, .worker = self.index};
    int rc;

    future_init_local(&future);
    future.fds = fds;
    future.has_fds = fds != NULL;
    task.future = &future;
    task.no_reply = (header->flags & WIRE_WANTS_REPLY) == 0;
    if (!worker_refuses(&task, (ep_task_fn)(uintptr_t)header->fn) &&
        (rc = ((ep_task_fn)(uintptr_t)header->fn)(&task)) != 0 && !task.failed)
        ep_task_fail(&task, rc, NULL);
    fflush(stdout); /* what a task prints is seen when it is done */
    rc = send_outcome(header->id, &future);
    future_clear_local(&future);
    return rc;
}

/** Keep the descriptors of a task. @return NULL where it has none */
static struct task_fds *keep_fds(struct task_fds *room, const struct wire_task *header,
                                 const struct wire_message *message)
{
    if (header->fd_count == 0)
        return NULL;
    room->count = header->fd_count;
    room->on_heap = false;
    memcpy(room->fds, message->fds, header->fd_count * sizeof(int));
    return room;
}

/** A task whose input or descriptors came beside the message. */
static int take_special(const struct wire_task *header, const void *input,
                        struct wire_message *message)
{
    unsigned in_memfd = header->flags & WIRE_IN_MEMFD ? 1 : 0;
    struct wire_note note = {.id = header->id, .kind = WIRE_NACK, .code = EMFILE};
    _Alignas(
        struct task_fds) unsigned char room[sizeof(struct task_fds) + EP_FDS_MAX * sizeof(int)];
    void *map = NULL;
    int rc;

    if (message->fds_lost || message->fd_count != header->fd_count + in_memfd) {
        wire_close_fds(message, 0);
        return say(&note, NULL, NULL, -1);
    }
    if (in_memfd) {
        rc = wire_memfd_map(message->fds[header->fd_count], header->size, &map);
        wire_close_fds(message, header->fd_count);
        if (rc != 0) {
            wire_close_fds(message, 0);
            note.code = -rc;
            return say(&note, NULL, NULL, -1);
        }
    }
    note.kind = WIRE_GOT_FDS;
    rc = header->fd_count > 0 ? say(&note, NULL, NULL, -1) : 0;
    if (rc == 0)
        rc = run(header, map != NULL ? map : input,
                 keep_fds((struct task_fds *)(void *)room, header, message));
    if (map != NULL)
        munmap(map, header->size);
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
        inside = header.flags & WIRE_IN_MEMFD ? 0 : header.size;
        if (inside > message->size - at || header.fd_count > EP_FDS_MAX)
            return -EPROTO;
        input = inside > 0 ? self.inbox + at : NULL;
        at += inside + wire_padding(inside);
        if (at > message->size)
            at = message->size;
        if (message->fd_count > 0 || message->fds_lost || header.fd_count > 0 ||
            (header.flags & WIRE_IN_MEMFD))
            rc = take_special(&header, input, message);
        else
            rc = run(&header, input, NULL);
    }
    return rc;
}

/**
 * Receive the next message. Before it sleeps a worker looks for it a few times and gives its CPU away
 * in between, together some microseconds: where the executor runs on the same CPU, its next task is
 * then there already, and it need not wake us.
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

void worker_process(int socket, const struct worker_plan *plan, bool (*is_known)(uintptr_t fn))
{
    struct wire_note note = {.kind = WIRE_READY};
    struct wire_message message;
    int rc;

    self.socket = socket;
    self.index = plan->index;
    self.is_known = is_known;
    prctl(PR_SET_NAME, plan->name);
    rc = plan->initialize != NULL ? plan->initialize(plan->context, plan->index) : 0;
    fflush(stdout);
    if (rc != 0) {
        note.kind = WIRE_NOT_READY;
        note.code = rc;
        say(&note, NULL, NULL, -1);
        _exit(1);
    }
    rc = say(&note, NULL, NULL, -1);
    while (rc == 0) {
        rc = await_message(&message);
        if (rc == 0)
            rc = take_message(&message);
    }
    if (plan->finalize != NULL)
        plan->finalize(plan->context, plan->index);
    fflush(stdout);
    _exit(rc == -EPIPE ? 0 : 1);
}
