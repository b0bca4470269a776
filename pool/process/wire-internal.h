/* SPDX-License-Identifier: MIT */
/**
 * @file wire-internal.h
 * Messages between a process executor and its worker processes.
 *
 * Each worker has a SOCK_SEQPACKET socketpair of its own. A message arrives whole or not at all, so
 * a death leaves no half message, and descriptors stay with their message. Payloads up to
 * WIRE_INLINE_MAX are part of the message; larger ones lie in a sealed memfd that is sent along.
 * Both sides are forked from one image, so numbers and function pointers mean the same on both.
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

/** The most descriptors of one message: those of a task and the memfd with its input. */
#define WIRE_FDS_MAX (EP_FDS_MAX + 1u)

/** Payloads and records begin at multiples of this, so that an input is aligned for any type. */
#define WIRE_ALIGNMENT 16u

static inline size_t wire_padding(size_t size)
{
    return (WIRE_ALIGNMENT - size % WIRE_ALIGNMENT) % WIRE_ALIGNMENT;
}

enum wire_flag {
    WIRE_IN_MEMFD = 1,    /**< the payload is in the last descriptor of the message */
    WIRE_WANTS_REPLY = 2, /**< the task has a future */
    WIRE_HAS_REPLY = 4,   /**< the task left a reply, of 0 bytes or more */
};

/** Executor to worker: one task. Its input follows unless it is in a memfd, and then padding. */
struct wire_task {
    uint64_t id; /**< the executor counts the tasks of each worker process: 1, 2, 3, ... */
    uint64_t fn;
    uint64_t size;
    uint32_t flags;
    uint32_t fd_count; /**< descriptors of the task, without the memfd */
};

_Static_assert(sizeof(struct wire_task) % WIRE_ALIGNMENT == 0, "an input is aligned");

enum wire_kind { WIRE_READY = 1, WIRE_NOT_READY, WIRE_GOT_FDS, WIRE_NACK, WIRE_REPLY };

/** Worker to executor. The words follow, and then the reply unless it is in a memfd. */
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
 * Ask whether a failure of wire_send() or wire_memfd_new() may pass by itself: no descriptors, no
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

/** Put bytes into a new, sealed memfd. @return the descriptor, or a negated errno value */
int wire_memfd_new(const void *data, size_t size);

/**
 * Map a memfd that wire_memfd_new() made in another process, after checking that it has that size
 * and is sealed, so that reading it cannot fault. The caller keeps the descriptor.
 * @return 0 or a negated errno value
 */
int wire_memfd_map(int fd, size_t size, void **data);

/** Close every descriptor except 0, 1, 2 and the given ones. Sorts `keep`. */
void wire_close_foreign(int *keep, size_t keep_count);

#endif /* POOL_PROCESS_WIRE_INTERNAL_H */
