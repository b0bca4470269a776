/* SPDX-License-Identifier: MIT */
/*
 * From executor to worker: a worker whose executor is the fuzzer. It takes each message and runs the
 * tasks in it. Whatever comes, it reads no byte that is not there, and closes every descriptor that
 * its tasks have not taken.
 *
 * The functions of tasks are addresses, which no seed can know: 0 to 3 stand for the four below.
 */
#include "config.h"

/* For its functions that are static, and its state. Nothing links the library's own object then. */
#include "pool/process/worker.c" // NOLINT(bugprone-suspicious-include)

#include "tests/fuzz/messages.h"

#include <pthread.h>
#include <sys/socket.h>

static int sum(struct ep_task *task)
{
    size_t size;
    const unsigned char *bytes = ep_task_input(task, &size);
    unsigned total = 0;

    for (size_t i = 0; i < size; i++)
        total += bytes[i];
    return ep_task_reply(task, &total, sizeof total);
}

static int take_fds(struct ep_task *task)
{
    int first = ep_task_take_fd(task, 0);

    EP_ASSERT(ep_task_fd(task, EP_FDS_MAX) == -1);
    EP_ASSERT(first < 0 || close(first) == 0);
    return first >= 0 ? 0 : ep_task_failf(task, 1, "no descriptor");
}

static int grow(struct ep_task *task)
{
    static const unsigned char bytes[MEMFD_SIZE];

    return ep_task_reply(task, bytes, sizeof bytes);
}

static int fail(struct ep_task *task)
{
    return ep_task_fail(task, 7, ep_task_input(task, NULL) != NULL ? "with input" : NULL);
}

static const ep_task_fn functions[] = {sum, take_fds, grow, fail};

static bool knows(uintptr_t fn)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (fn == (uintptr_t)functions[i])
            return true;
    return false;
}

/** Put addresses in the place of their numbers. */
static void put_functions(uint8_t *bytes, size_t size)
{
    struct wire_task header;
    size_t at = 0, inside;

    while (size - at >= sizeof header) {
        memcpy(&header, bytes + at, sizeof header);
        if (header.fn < sizeof functions / sizeof functions[0])
            header.fn = (uint64_t)(uintptr_t)functions[(size_t)header.fn];
        memcpy(bytes + at, &header, sizeof header);
        at += sizeof header;
        inside = header.flags & WIRE_IN_FILE ? 0 : (size_t)header.size;
        if (inside > size - at)
            return;
        inside += wire_padding(inside);
        at = inside < size - at ? at + inside : size;
    }
}

/** Read what the worker sends, so that it never waits. */
static void *read_notes(void *socket)
{
    char byte;

    while (recv(*(int *)socket, &byte, 1, 0) > 0)
        ;
    return NULL;
}

/** Be as a new worker for the next input. */
static void forget_files(void)
{
    if (self.reply_file >= 0)
        close(self.reply_file);
    self.reply_file = -1;
    self.reply_is_out = false;
    if (self.kept_input != NULL)
        munmap((void *)(uintptr_t)self.kept_input, WIRE_KEPT_MAX);
    self.kept_input = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static int notes[2], tasks[2];
    struct wire_message message;
    int rc = 0, before;
    pthread_t reader;
    size_t at = 0;

    if (self.is_known == NULL) {
        EP_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, notes) == 0);
        EP_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, tasks) == 0);
        EP_ASSERT(pthread_create(&reader, NULL, read_notes, &notes[1]) == 0);
        self.socket = notes[0];
        self.is_known = knows;
        self.reply_file = self.other_file = -1;
    }
    before = lowest_free_fd();
    while (rc == 0 && message_send(tasks[0], input, size, &at, put_functions)) {
        rc = wire_receive(tasks[1], self.inbox, sizeof self.inbox, MSG_DONTWAIT, &message);
        if (rc == 0)
            rc = take_message(&message);
        else if (rc == -EAGAIN) /* it was too large to be sent */
            rc = 0;
    }
    forget_files();
    EP_ASSERT(lowest_free_fd() == before);
    return 0;
}
