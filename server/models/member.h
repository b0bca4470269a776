/* SPDX-License-Identifier: MIT */
/**
 * @file member.h
 * The sessions of a ring, and what the ring has brought for them.
 *
 * A member's receive completes again and again, or is begun again (ring.h). The bytes stay in the lent buffers that
 * they came in until the session reads them, in the same turn. What comes for a member that reads nothing for now is
 * copied (*put aside*), and its receive is cancelled, so that no session keeps a buffer from others.
 *
 * Threads: the ring's own.
 */
#ifndef SERVER_MODELS_MEMBER_H
#define SERVER_MODELS_MEMBER_H

#include "server/models/loops.h"
#include "server/models/ring.h"

struct ring_loop;

/**
 * What an operation is: the lowest bits of its user data, of which the others are an address, or the number
 * of a send.
 */
enum operation {
    OPERATION_RECEIVE,
    OPERATION_WAIT, /* for a descriptor, or for a moment */
    OPERATION_CANCEL,
    OPERATION_WAKE,
    OPERATION_SEND,
    OPERATION_MASK = 7,
};

/** The sessions of a ring. */
struct members {
    struct ring ring;
    struct lent *lent;    /**< by buffer */
    struct member *ready; /**< those that are served next, the oldest first */
    struct member **ready_end;
};

/**
 * A session of a ring.
 *
 * `under_way` counts its operations whose last completion has not been seen: the receive, a wait, and a
 * cancellation. Each has the member's address in its user data and exactly one last completion, which the
 * kernel keeps if the queue has no room (IORING_FEAT_NODROP). A member is released when the count is 0 and
 * it has no part in the batch; nothing in the kernel refers to it then, nor to its buffers.
 */
struct member {
    struct arrival arrival;
    struct ring_loop *loop;
    struct members *of;
    struct session *session;
    struct member *next_ready;
    unsigned under_way;
    enum need need; /* what it waits for; NEED_NOTHING: it has ended */
    bool is_ready;  /* it is in the list */
    bool receives;  /* its receive is under way, */
    bool cancels;   /* and is being cancelled */

    bool has_end; /* the receive has brought an end: 0 for end of file, or a negated errno value */
    bool end_was_read;
    int end;
    uint16_t first; /* lent buffers with bytes that were not read, in their order; or RING_NONE */
    uint16_t last;
    uint16_t current; /* the one that communicate() works on; or RING_NONE */
    unsigned parts;   /* its echoes in the batch */

    /* bytes that came before those of the lent buffers */
    unsigned char *aside;
    size_t aside_size;
    size_t aside_read;
};

/** What is known of a lent buffer. */
struct lent {
    uint32_t size;
    uint16_t next; /* of the same member */
};

/** @param buffer_bytes  as ring_init() @return 0 or a negated errno value */
int members_init(struct members *members, size_t buffer_bytes);
/** There are none. All zero is fine. */
void members_clear(struct members *members);

/** @return NULL: out of memory. Threads: any */
struct member *member_new(struct ring_loop *loop, struct members *of, struct session *session);
/** It has no operation under way. */
void member_free(struct member *member);

/** Have it served in the next turn. */
void member_make_ready(struct member *member);

/* --- operations ---------------------------------------------------------------------------- */

/** Begin to receive. */
void member_receive(struct member *member);
/** Cancel that, if it is under way. */
void member_stop_receiving(struct member *member);
/** Wait until its descriptor is ready for these events of poll(). */
void member_wait_for_events(struct member *member, unsigned events);
/** Wait SESSION_MOMENT_NS. */
void member_wait_a_moment(struct member *member);

/* --- what has come ------------------------------------------------------------------------- */

/** Note a completion of its receive. */
void member_received(struct member *member, const struct io_uring_cqe *completion);

/** Note that a wait or a cancellation has ended. @param result  of its completion */
void member_operation_ended(struct member *member, enum operation operation, int result);

/** End it for want of memory: bytes of it are lost. */
void member_lose(struct member *member);

/** Copy what it has in lent buffers, and give them back: it reads nothing for now. */
void member_put_aside(struct member *member);

/** Read what was put aside. */
ssize_t member_read_aside(struct member *member, void *bytes, size_t size);

/** Take its oldest lent buffer from it, for members_give_back(). */
unsigned member_take_first(struct member *member);

/** Give a buffer back. The kernel gets it at the end of the batch. */
void members_give_back(struct members *members, unsigned id);

static inline bool member_has_aside(const struct member *member)
{
    return member->aside_read < member->aside_size;
}

/** Check whether it has bytes or an end to read. */
static inline bool member_has_input(const struct member *member)
{
    return member_has_aside(member) || member->first != RING_NONE || member->has_end;
}

#endif /* SERVER_MODELS_MEMBER_H */
