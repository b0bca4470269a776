/* SPDX-License-Identifier: MIT */
/**
 * @file wire-internal.h
 * Messages between a process executor and its worker processes.
 *
 * Each worker has a SOCK_SEQPACKET socketpair of its own. A message arrives whole or not at all, so
 * a death leaves no half message, and descriptors stay with their message. Payloads up to
 * WIRE_INLINE_MAX are part of the message; larger ones lie in a file in memory that is sent along.
 * Both sides are forked from one image, so numbers and function pointers mean the same on both.
 *
 * Files. To make a file of some pages and to free it costs more than to copy the payload. So the
 * executor keeps one for each worker, into which it writes inputs again and again, and a worker keeps
 * one for its replies. Such a file belongs in turn to the side that writes and to the side that reads:
 *
 *     the executor's  belongs to the worker from when a task is sent until its outcome is taken
 *     the worker's    belongs to the executor from when a reply is sent until the worker receives a
 *                     task with WIRE_ALL_TAKEN: when it was sent, the outcomes of all tasks before it
 *                     had been taken. To take an outcome is first to read its reply, and then to move
 *                     `head`, from which the sender sees it
 *
 * A writer to which its file does not belong makes another one for that payload alone; so with prefetch,
 * when several large payloads are under way. For more than WIRE_KEPT_MAX bytes it does so too, which
 * bounds what is kept. The descriptor is sent with each payload: neither side must know what the other
 * has received, and nothing is left to correct if a message or a worker is lost.
 *
 * The worker maps an input; the mapping of the kept file stays. The executor, which trusts no worker,
 * maps no reply. It reads it once, into memory of its own: a file that becomes shorter meanwhile is an
 * error and no signal. So a worker that does not keep to this can change its own replies, and inputs of
 * its own tasks; and it cannot seal the executor's. While it changes the size of that file the kernel
 * makes the executor's write wait for it. When it ends, the executor closes the file: processes that it
 * has made may have it.
 *
 *     executor  --- one or several wire_task ----------------------->  worker
 *               <-- WIRE_READY or WIRE_NOT_READY, once -------------
 *               <-- WIRE_GOT_FDS, for a task with descriptors ------
 *               <-- WIRE_NACK: the descriptors did not arrive ------
 *               <-- WIRE_REPLY: outcome, words, reply --------------
 *               --- end of the stream: finish and end --------------->
 */
#ifndef POOL_PROCESS_WIRE_INTERNAL_H
#define POOL_PROCESS_WIRE_INTERNAL_H

#include "pool/echopool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/** The largest payload that is part of its message, and the largest message. */
#define WIRE_INLINE_MAX  65536u
#define WIRE_MESSAGE_MAX (WIRE_INLINE_MAX + 1024u)

/** The most bytes of a file that is kept. */
#define WIRE_KEPT_MAX (4u << 20)

/** The most descriptors of one message: those of a task and the file with its input. */
#define WIRE_FDS_MAX (EP_FDS_MAX + 1u)

/** Payloads and records begin at multiples of this, so that an input is aligned for any type. */
#define WIRE_ALIGNMENT 16u

static inline size_t wire_padding(size_t size)
{
    return (WIRE_ALIGNMENT - size % WIRE_ALIGNMENT) % WIRE_ALIGNMENT;
}

enum wire_flag {
    WIRE_IN_FILE = 1,     /**< the payload is in the last descriptor of the message */
    WIRE_WANTS_REPLY = 2, /**< the task has a future */
    WIRE_HAS_REPLY = 4,   /**< the task left a reply, of 0 bytes or more */
    WIRE_ALL_TAKEN = 8,   /**< the outcomes of all tasks before this one have been taken */
    WIRE_KEPT = 16,       /**< the file is the one that the executor keeps for this worker */
};

/** Executor to worker: one task. Its input follows unless it is in a file, and then padding. */
struct wire_task {
    uint64_t id; /**< the executor counts the tasks of each worker process: 1, 2, 3, ... */
    uint64_t fn;
    uint64_t size;
    uint32_t flags;
    uint32_t fd_count; /**< descriptors of the task, without the file */
};

_Static_assert(sizeof(struct wire_task) % WIRE_ALIGNMENT == 0, "an input is aligned");

enum wire_kind { WIRE_READY = 1, WIRE_NOT_READY, WIRE_GOT_FDS, WIRE_NACK, WIRE_REPLY };

/** Worker to executor. The words follow, and then the reply unless it is in a file. */
struct wire_note {
    uint64_t id;
    uint64_t size; /**< of the reply */
    uint32_t kind;
    uint32_t flags;
    int32_t verdict; /**< WIRE_REPLY: 0, EP_EFAILED, EP_EUNKNOWN, EP_ESHIP */
    int32_t
        code; /**< WIRE_REPLY: of the failure; WIRE_NOT_READY: of initialize; WIRE_NACK: errno */
    uint32_t words; /**< bytes of text */
    uint32_t unused;
};

/** The longest message of a failure; a longer one is cut (ep_task_fail()). */
#define WIRE_WORDS_MAX 127u

/**
 * Send one message with descriptors, which the caller keeps.
 *
 * @param flags  as sendmsg(2); MSG_NOSIGNAL is added
 * @return       0 or a negated errno value: -EAGAIN, -EMSGSIZE, -EPIPE, ...
 */
int wire_send(int socket, const struct iovec *parts, size_t part_count, const int *fds,
              unsigned fd_count, int flags);

/**
 * Ask whether a failure of wire_send() or wire_file_write() may pass by itself: no descriptors, no
 * memory, or too many descriptors of the user on their way.
 */
bool wire_may_pass(int rc);

/** A message that has been received. */
struct wire_message {
    size_t size;
    unsigned fd_count;
    bool fds_lost; /**< some or all of its descriptors did not arrive */
    int fds[WIRE_FDS_MAX];
};

/**
 * Receive one message. Its descriptors have FD_CLOEXEC set; the caller must close them.
 *
 * @param flags  as recvmsg(2)
 * @return       0; -EPIPE at the end of the stream; -EMSGSIZE for a message that does not fit,
 *               which is discarded; -EAGAIN and other negated errno values
 */
int wire_receive(int socket, void *buffer, size_t capacity, int flags,
                 struct wire_message *message);

/** Close the descriptors of a message from index `from` on. */
void wire_close_fds(struct wire_message *message, unsigned from);

/**
 * Write a payload to the beginning of a file in memory.
 * @param fd  its descriptor; if it is -1, a new file is made
 * @return    0 or a negated errno value
 */
int wire_file_write(int *fd, const void *data, size_t size);

/**
 * Check that a file lies in memory, so that no read of it waits, and that all these bytes of it were
 * written: to name a size costs the writer nothing, but to make room for it costs the reader memory.
 * @return 0 or -EPROTO
 */
int wire_file_check(int fd, size_t size);

/** Read the payload in a file that has been checked. @return 0 or a negated errno value */
int wire_file_read(int fd, void *data, size_t size);

/** Close every descriptor except 0, 1, 2 and the given ones. Sorts `keep`. */
void wire_close_foreign(int *keep, size_t keep_count);

#endif /* POOL_PROCESS_WIRE_INTERNAL_H */
