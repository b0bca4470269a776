/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * One session with the server, from connect() to end of file, that somebody else runs.
 *
 * A session does what it can and then says what it waits for, so the same code runs on a thread of
 * its own (load/threads.c), by the thousand on an event loop (load/loops.c), and behind the prompt:
 *
 *     session_init(&session, 7, &plan, &buffers, pending, true);
 *     for (;;) {
 *         session_advance(&session, ready, &wait);
 *         if (wait.need == NEED_NOTHING)
 *             break;                        it is over: session.record says how it went
 *         ... wait for what it needs ...
 *     }
 *     session_clear(&session);
 *
 * A session is patient or it is not. The calls of a patient one wait in the kernel by themselves,
 * with the socket's own time limits: an exchange is one send() and one recv(), and nothing else.
 * One that is not patient never waits: that is for event loops, and also for exchanges whose two
 * directions must go on at the same time, which are those of large messages (neither side would
 * read while both write) and those with several messages under way.
 *
 * No operation waits longer than plan->timeout_ns: connecting, a send that makes no progress, a
 * receive that brings nothing. An exchange allocates nothing (OpenSSL does, with TLS) and takes no
 * lock.
 *
 * Threads: one at a time uses a session. Only session_stop(), session_verified() and
 * session_place() may be called by others.
 */
#ifndef CLIENT_SESSION_SESSION_H
#define CLIENT_SESSION_SESSION_H

#include "client/session/measure.h"
#include "client/session/message.h"
#include "client/session/pace.h"
#include "client/session/record.h"
#include "client/session/sources.h"
#include "common/address.h"
#include "common/stream.h"
#include "common/tls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Messages up to this size are sent with one call; larger ones are read while they are written. */
#define SESSION_SMALL (16u << 10)

/** Messages of one session that may be under way at once, at most. */
enum { SESSION_DEPTH_MAX = 1024 };

/** What all sessions of a load have in common. Set before they start, then read-only. */
struct session_plan {
    struct address address;
    int64_t timeout_ns;              /**< of each operation */
    const struct messages *messages; /**< NULL: session_give() brings each one */
    uint64_t message_count;          /**< messages per session; UINT64_MAX: no bound */
    int64_t duration_ns; /**< no message is begun later than so long after the start, not even one
                            that has been due for long; 0: no limit */
    unsigned depth;      /**< messages that may be under way at once, at least 1 */
    double rate;         /**< messages a second of all sessions; 0: closed loop */
    bool rate_random;
    unsigned sessions;       /**< that share the rate and the ramp, at least 1 */
    int64_t ramp_ns;         /**< they begin spread over so long */
    int64_t begin_ns;        /**< when the load begins, by clock.h: the ramp counts from there */
    struct spread think;     /**< from a reply to the next message */
    struct sources sources;  /**< local addresses, in turn */
    bool barrier;            /**< once connected, wait for session_go() */
    struct measure *measure; /**< NULL: nothing is measured */
    struct tls_context *tls; /**< NULL: plain TCP */
    const char *server_name; /**< for tls: whose certificate it must be */
    atomic_flag *shown;      /**< set by the first difference shown; NULL: show every one */
};

struct session;

/** What runs sessions has these once, however many sessions it runs. */
struct session_buffers {
    unsigned char *reply; /**< where replies are received */
    size_t reply_room;    /**< session_reply_room() or more */
    unsigned char *flat;  /**< where messages of several parts are put together: SESSION_SMALL */
    struct measure_batch *batch; /**< NULL where the plan measures nothing */
    /** Called before a session's socket is closed: who watches it is to stop. NULL: nobody does. */
    void (*closing)(struct session *session);
};

/** Where it stands, for those who look on. */
enum session_place { PLACE_BEGINNING, PLACE_QUEUED, PLACE_SERVED, PLACE_OVER };

/** What a session waits for: a set of these. */
enum session_need {
    NEED_NOTHING = 0,  /**< it is over */
    NEED_READ = 1,     /**< the descriptor to be readable */
    NEED_WRITE = 2,    /**< the descriptor to be writable */
    NEED_MOMENT = 4,   /**< a moment of time: wait.moment_ns */
    NEED_BARRIER = 8,  /**< session_go() */
    NEED_MESSAGE = 16, /**< session_give() or session_end(): the last reply is complete */
};

/** What has happened, for session_advance(): a set of these. What has not is harmless. */
enum session_ready { READY_READ = 1, READY_WRITE = 2, READY_TIME = 4 };

struct session_wait {
    unsigned need;     /**< a set of enum session_need */
    int64_t moment_ns; /**< with NEED_MOMENT, by clock.h: call again then, to the microsecond */
    int64_t
        deadline_ns; /**< call again then, roughly, if nothing happened before; INT64_MAX: never */
};

/** A message that has been begun and whose reply is not complete. */
struct pending {
    int64_t due_ns;
    int64_t free_ns;
    int64_t sent_ns;
};

enum session_stage {
    STAGE_BEGIN,     /* not yet: the ramp */
    STAGE_CONNECT,   /* connect() is under way */
    STAGE_BARRIER,   /* connected, and the others are not */
    STAGE_HANDSHAKE, /* of TLS */
    STAGE_CONVERSE,  /* messages and replies */
    STAGE_REFUSAL,   /* it is lost: but perhaps the server is saying BUSY */
    STAGE_FINISH,    /* half-closed: only the end of file is still to come */
    STAGE_IDLE,      /* one of --idle: it never speaks */
    STAGE_OVER,
};

/* The bytes of a reply that may turn out to be "BUSY" and a reason. */
enum { SESSION_SAID = 128 };

/* What every exchange touches comes first, and together: with thousands of sessions most of what an
 * exchange costs beside its system calls is to fetch this from memory. */
struct session {
    /* set by session_init(), then read-only */
    const struct session_plan *plan;
    struct session_buffers *buffers;
    struct pending *pending; /* plan->depth of them, a ring */
    unsigned number;         /* from 0 */
    bool patient;            /* its calls may wait */
    bool idle;

    /* written by its runner, read by any */
    atomic_uchar place;            /* enum session_place */
    atomic_uint_fast64_t verified; /* replies that were right, of this connection */

    /* guarded by lock for session_stop(); else its runner's own */
    atomic_bool stopping; /* written under lock, read anywhere */
    struct stream stream; /* .fd is -1 while there is no socket */

    /* its runner's own */
    enum session_stage stage;
    unsigned pending_first;
    unsigned pending_count;
    bool sending;        /* out is not yet sent whole: */
    bool given;          /* out is session_give()'s, and not yet begun */
    bool given_all;      /* session_end() has been called */
    bool skipping;       /* a wrong byte was in this reply: the rest is not looked at */
    size_t out_sent;     /* so much of out is sent */
    size_t received;     /* bytes of the reply to the message that is being answered */
    size_t unread;       /* bytes sent and not yet come back */
    uint64_t sequence;   /* of the next message; goes on over connections */
    uint64_t begun;      /* messages of this connection */
    int64_t start_ns;    /* when sessions could send; rate and duration count from there */
    int64_t deadline_ns; /* of the operation under way */
    int64_t now_ns;      /* the clock, as it was last read */
    int64_t free_ns;     /* since when the next message could be sent, were it due */
    int64_t due_ns;      /* when it is, after thinking */
    struct pace pace;    /* of an open loop */
    struct message out;  /* the message sent last */
    struct session_record record;

    /* from here on: once in a session, or only with several messages under way */
    struct message in; /* the message that is being answered, where that is another one */
    int64_t again_ns;  /* when it may connect anew */
    bool handshake_begun;
    int lost_code; /* how it was lost, unless what the server said last tells more; 0: not yet, or
                      in STAGE_REFUSAL: wrong bytes came */
    unsigned said_count;
    unsigned char said[SESSION_SAID]; /* the beginning of a reply */
    pthread_mutex_t lock;
};

/** Bytes of a buffer for replies to messages up to a size. */
size_t session_reply_room(size_t largest_message);

/** Whether sessions of this plan can be patient. */
bool session_can_be_patient(const struct session_plan *plan);

/**
 * Make a session in the caller's memory. Plan, buffers and pending must outlive it.
 *
 * @param pending  room for plan->depth of them
 * @param patient  its calls may wait; not on an event loop, and not where the plan forbids it
 */
void session_init(struct session *session, unsigned number, const struct session_plan *plan,
                  struct session_buffers *buffers, struct pending *pending, bool patient);

/** Make it one of those that connect and never speak. Right after session_init(). */
void session_set_idle(struct session *session);

/** For a session that is over, or never began. */
void session_clear(struct session *session);

/**
 * Go on as far as possible.
 *
 * @param ready  a set of enum session_ready; 0 at the first call
 * @param wait   what to wait for before the next call
 */
void session_advance(struct session *session, unsigned ready, struct session_wait *wait);

/** The barrier is open, since start_ns. Before the next session_advance(). */
void session_go(struct session *session, int64_t start_ns);

/** After NEED_MESSAGE: what to send next. The message must live until its reply is complete. */
void session_give(struct session *session, const struct message *message);

/** After NEED_MESSAGE: there are no more, finish. */
void session_end(struct session *session);

/** Whether a session that is over has time for another connection before plan->duration_ns is over. */
bool session_comes_again(const struct session *session);

/**
 * Begin anew with another connection, for --churn. The stamps of its messages go on, so that none
 * occurs twice. After one that did not come to a conversation it waits a moment first.
 */
void session_again(struct session *session);

/** Give up before the first session_advance(), for a reason of the caller's. Then it is over. */
void session_give_up(struct session *session, const char *reason);

/** Make a session end soon, whatever it waits for: "interrupted". Threads: any. */
void session_stop(struct session *session);

/** Replies of this connection that were right so far. Threads: any. */
static inline uint64_t session_verified(const struct session *session)
{
    return atomic_load_explicit(&session->verified, memory_order_relaxed);
}

/** Where it stands. Threads: any. */
static inline enum session_place session_place(const struct session *session)
{
    return (enum session_place)atomic_load_explicit(&session->place, memory_order_relaxed);
}

#endif /* CLIENT_SESSION_SESSION_H */
