/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * One session with the server, from connect() to end of file.
 *
 * It lives through five calls, each of which blocks until it is done or has failed:
 *
 *     session_init(&session, 7, &plan, memory);
 *     if (session_connect(&session) && session_shake_hands(&session) && session_converse(&session))
 *         session_finish(&session);       half-close, read to end of file
 *     session_close(&session);
 *     ... session.state and session.reason say how it went ...
 *     session_clear(&session);
 *
 * The prompt uses session_exchange() instead of session_converse(): one message and its reply.
 *
 * No operation waits longer than plan->timeout_ns: connecting, a send that makes no progress, a
 * receive that brings nothing. Exchanging a message up to SESSION_SMALL bytes is one send() and,
 * where the reply comes in one piece, one recv(); nothing is allocated (OpenSSL does, with TLS) and
 * no lock is taken.
 *
 * Threads: one at a time uses a session. Only session_stop(), session_verified() and
 * session_is_over() may be called by others.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "client/measure.h"
#include "client/message.h"
#include "common/address.h"
#include "common/stream.h"
#include "common/tls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Messages up to this size are sent with one blocking call; larger ones are read while written. */
#define SESSION_SMALL (16u << 10)

enum session_state {
    SESSION_RUNNING, /**< nothing is decided yet */
    SESSION_OK,      /**< every reply was right and the server closed in order */
    SESSION_FAILED,  /**< reason says where and why */
    SESSION_REFUSED, /**< the server said BUSY; reason has its text */
};

/** How one exchange went. */
enum exchange {
    EXCHANGE_RIGHT,
    EXCHANGE_WRONG, /**< a wrong byte came; shown already. The rest of the reply is unread */
    EXCHANGE_ENDED, /**< failed or refused: see state and reason */
};

/** What all sessions of a run have in common. Set before they start, then read-only. */
struct session_plan {
    struct address address;
    int64_t timeout_ns;              /**< of each operation */
    const struct messages *messages; /**< for session_converse() */
    uint64_t message_count;          /**< messages per session */
    struct measure *measure;         /**< NULL: nothing is measured */
    struct tls_context *tls;         /**< NULL: plain TCP */
    const char *server_name;         /**< for tls: whose certificate it must be */
    atomic_flag *shown;              /**< set by the first difference shown; NULL: show every one */
};

/** Room for a reason with the server's words in it. */
enum { SESSION_REASON = 160 };

struct session {
    /* set by session_init(), then read-only */
    const struct session_plan *plan;
    unsigned number;      /* from 0 */
    unsigned char *reply; /* where replies are received */
    size_t reply_room;
    unsigned char
        *flat; /* where messages of several parts are put together; SESSION_SMALL at most */

    pthread_mutex_t lock;
    /* guarded by lock for session_stop(); else the session's thread's own */
    struct stream stream; /* .fd is -1 while there is no socket */
    atomic_bool stopping; /* written under lock, read anywhere */

    /* the session's thread's own */
    enum session_state state;
    bool wrong;                  /* a reply had a wrong byte, or more bytes than it should */
    size_t received;             /* bytes of the reply under way */
    int64_t connected_ns;        /* when connect() was done */
    bool replied;                /* the first byte of the server's has come */
    uint64_t exchanges;          /* begun */
    uint64_t sent;               /* messages that were sent whole */
    uint64_t bytes;              /* of verified replies */
    struct measure_batch batch;  /* echo times not yet handed over */
    char reason[SESSION_REASON]; /* why it failed or was refused */

    /* written by the session's thread, read by any */
    atomic_uint_fast64_t verified; /* replies that were right */
    atomic_bool over;              /* session_close() has been called */
};

/** Bytes of memory a session needs for messages up to a size: for session_init(). */
size_t session_memory(size_t largest_message);

/**
 * Make a session in the caller's memory. The plan and the memory must outlive it.
 *
 * @param memory  session_memory(largest) bytes; or NULL where session_use_buffer() follows and all
 *                messages are of one part
 */
void session_init(struct session *session, unsigned number, const struct session_plan *plan,
                  unsigned char *memory, size_t largest_message);

/**
 * Receive replies in a buffer of the caller's, of at least 256 bytes. One that is as large as the
 * message holds the whole reply after session_exchange(): session.received bytes.
 */
void session_use_buffer(struct session *session, unsigned char *reply, size_t room);

/** For a session whose thread has ended, or never began. */
void session_clear(struct session *session);

/** Connect. @return false: failed, see reason */
bool session_connect(struct session *session);

/**
 * Begin TLS, where the plan has it; nothing to do otherwise. It stands apart from connecting since
 * a server may leave both it and the first reply to a worker: who waits for others to connect must
 * do so before.
 *
 * @return false: failed or refused, see state and reason
 */
bool session_shake_hands(struct session *session);

/** Send one message and check its reply while it comes. */
enum exchange session_exchange(struct session *session, const struct message *message);

/** After EXCHANGE_WRONG: receive the rest of the reply, unchecked. @return RIGHT or ENDED */
enum exchange session_skip_reply(struct session *session, const struct message *message);

/** Exchange all messages of the plan. @return false: it ended early, see state and reason */
bool session_converse(struct session *session);

/**
 * End in order: finish writing, and read to the server's end of file. Bytes that still come are
 * wrong ones. Sets state to SESSION_OK where all is well.
 */
void session_finish(struct session *session);

/** Close the socket, if there is one, and hand over what was measured. */
void session_close(struct session *session);

/** Say why a session failed, unless that is settled already. */
void session_fail(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Make a session end soon, whatever it waits for: "interrupted". Threads: any. */
void session_stop(struct session *session);

/** Replies that were right so far. Threads: any. */
static inline uint64_t session_verified(const struct session *session)
{
    return atomic_load_explicit(&session->verified, memory_order_relaxed);
}

/** Whether it has been closed. Threads: any. */
static inline bool session_is_over(const struct session *session)
{
    return atomic_load_explicit(&session->over, memory_order_relaxed);
}

#endif /* CLIENT_SESSION_H */
