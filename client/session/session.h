/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * One session with the server, from connect() to end of file. Its runner decides how it waits.
 *
 * A session does what it can and then returns what it waits for, so the same code runs on a thread of
 * its own (load/threads.c), by the thousand on an event loop (load/loop.c), and behind the prompt:
 *
 *     session_init(&session, 7, &plan, &buffers, pending, true);
 *     for (;;) {
 *         session_advance(&session, ready, &wait);
 *         if (wait.need == NEED_NOTHING)
 *             break;                        over: session.connection.record has the outcome
 *         ... wait for what it needs ...
 *     }
 *     session_clear(&session);
 *
 * A session is patient or not. The calls of a patient session wait in the kernel, within the socket's
 * own time limits: an exchange is one send() and one recv(), and nothing else. A session that is not
 * patient never waits. Event loops need that, and so do exchanges whose two directions must go on at
 * the same time: large messages (neither side would read while both write) and several messages
 * under way.
 *
 * No operation waits longer than plan->timeout_ns: connecting, a send that makes no progress, a
 * receive that brings nothing. An exchange allocates nothing (OpenSSL does, with TLS) and takes no
 * lock.
 *
 * Threads: one at a time runs a session, its runner. Others may call session_stop(),
 * session_verified() and session_place() only.
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

/** The most servers of one load. */
enum { TARGETS_MAX = 32 };

/** A server of a load. Set before the sessions start, then read-only except for `answered`. */
struct session_target {
    const char *name;        /**< "web1:8090": for figures, and for failures if there are several */
    const char *server_name; /**< for tls: the name that the certificate must have */
    struct addresses addresses; /**< all of its name, in the order in which to try them */
    atomic_uint answered;       /**< which of them answered last: it is tried first */
    struct measure *measure;    /**< NULL: nothing is measured */
};

/** What all sessions of a load have in common. Set before they start, then read-only. */
struct session_plan {
    struct session_target *targets; /**< session i talks to target i mod target_count, always */
    unsigned target_count;          /**< at least 1 */
    int64_t timeout_ns;             /**< of each operation; to connect, of all addresses together */
    const struct messages *messages; /**< NULL: session_give() brings each one */
    uint64_t message_count;          /**< messages of each connection; UINT64_MAX: no bound */
    int64_t duration_ns; /**< after the start no message is begun later than this, even if it was
                            due earlier; 0: no limit */
    int64_t
        warm_up_ns; /**< what begins within this time after the start is in no time and in no rate */
    unsigned depth; /**< messages that may be under way at once, at least 1 */
    double rate;    /**< messages a second of all sessions; 0: closed loop */
    bool rate_random;
    unsigned sessions;       /**< that share the rate and the ramp, at least 1 */
    int64_t ramp_ns;         /**< the time over which their beginnings are spread */
    int64_t begin_ns;        /**< when the load begins, by clock.h: the ramp counts from there */
    struct spread think;     /**< from a reply to the next message */
    struct sources sources;  /**< local addresses, in turn */
    bool reconnect;          /**< go on after a close by the server: see session_resume() */
    bool barrier;            /**< once connected, wait for session_go() */
    struct tls_context *tls; /**< NULL: plain TCP */
    atomic_flag *shown;      /**< set when the first difference is shown; NULL: show every one */
};

struct session;

/** What all sessions of one runner share. */
struct session_buffers {
    unsigned char *reply; /**< where replies are received */
    size_t reply_room;    /**< session_reply_room() or more */
    unsigned char *flat;  /**< where messages of several parts are put together: SESSION_SMALL */
    struct measure_batch *batch; /**< of one target; NULL: the plan measures nothing */
    /** Called before a session's socket is closed, to stop watching it. NULL: it is not watched. */
    void (*closing)(struct session *session);
};

/** Where a session stands, for the views. */
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

/** What has happened, for session_advance(): a set of these. One too many does no harm. */
enum session_ready { READY_READ = 1, READY_WRITE = 2, READY_TIME = 4 };

struct session_wait {
    unsigned need;       /**< a set of enum session_need */
    int64_t moment_ns;   /**< with NEED_MOMENT, by clock.h: advance then, to the microsecond */
    int64_t deadline_ns; /**< if nothing happens before, advance then, roughly; INT64_MAX: never */
};

/** A message that has been begun and whose reply is not complete. */
struct pending {
    int64_t due_ns;
    int64_t free_ns;
    int64_t sent_ns;
};

enum session_stage {
    STAGE_BEGIN,     /* not connected yet: it waits for its time on the ramp */
    STAGE_CONNECT,   /* connect() is under way */
    STAGE_START,     /* connected; the load may not have started */
    STAGE_HANDSHAKE, /* of TLS */
    STAGE_CONVERSE,  /* messages and replies */
    STAGE_REFUSAL,   /* something is wrong, and the server may be about to say BUSY */
    STAGE_FINISH,    /* half-closed: only the end of file is missing */
    STAGE_IDLE,      /* one of --idle: it never sends */
    STAGE_OVER,
};

/* Why a session is in STAGE_REFUSAL, and how it ends if the server says something else than BUSY. */
enum session_doubt {
    DOUBT_BYTES,   /* a reply begins with a wrong byte */
    DOUBT_EXTRA,   /* bytes came that no message asked for */
    DOUBT_NOT_TLS, /* plain text came instead of a handshake */
    DOUBT_CLOSED,  /* a send failed: the server had closed */
    DOUBT_RESET,   /* a send failed: the server had reset the connection */
};

/* The bytes of a reply that may turn out to be "BUSY" and a reason. */
enum { SESSION_SAID = 128 };

/*
 * Everything of one connection. It is made by one assignment, and again for the next connection.
 * What an exchange touches comes first, and together, here and in struct session: with thousands of
 * sessions most of what an exchange costs besides its system calls is to fetch this from memory.
 */
struct connection {
    /* guarded by session.lock for session_stop() */
    struct stream stream; /* .fd is -1 while there is no socket */

    /* written by session_advance() only */
    enum session_stage stage;

    /* written by converse.c */
    unsigned pending_first;
    unsigned pending_count;
    bool sending;              /* out is not sent whole yet */
    bool given;                /* out is a message of session_give() that is not begun yet */
    bool skipping;             /* this reply had a wrong byte: the rest of it is not compared */
    unsigned char said_count;  /* written by refusal.c, read here for each reply */
    unsigned char said_before; /* the first bytes of said, that were taken for earlier replies */
    size_t out_sent;           /* bytes of out that are sent */
    size_t received;           /* bytes of the reply to the message that is being answered */
    size_t unread;             /* bytes sent that have not come back yet */
    bool waited;        /* for the moment of the next message, so the server may have closed */
    uint64_t begun;     /* messages, also of the connections that this one resumes */
    int64_t free_ns;    /* since when the next message could be sent, if it were due */
    int64_t due_ns;     /* when it is due in a closed loop: after thinking */
    struct message out; /* the message sent last */

    /* written by connect.c */
    unsigned address; /* which of the target's addresses it is, or was, connected to */
    unsigned tried;   /* addresses that have failed */

    /* written by every stage */
    int64_t deadline_ns; /* of the operation under way */
    struct session_record record;

    /* rarely used: with several messages under way, and by refusal.c */
    struct message in; /* the message that is being answered, if that is not out */
    enum session_doubt doubt;
    ssize_t send_error; /* how a send failed, so that bytes may be missing; 0: none did */
    unsigned char said[SESSION_SAID]; /* what may be BUSY; or the end of a prompt's last replies */
};

/* What outlives a connection. All of it belongs to the runner, unless a group says otherwise. */
struct session {
    /* set by session_init(), then read-only */
    const struct session_plan *plan;
    struct session_target *target;
    struct session_buffers *buffers;
    struct pending *pending; /* plan->depth of them, a ring */
    unsigned number;         /* from 0 */
    bool patient;            /* its calls may wait */
    bool idle;

    /* written under lock, read by any thread */
    atomic_bool stopping;

    /* written by the runner, read by any thread */
    atomic_uchar place;            /* enum session_place */
    atomic_uint_fast64_t verified; /* replies of this connection that were right */

    /* the schedule */
    bool given_all;      /* session_end() has been called */
    bool given_up;       /* session_give_up() has been called */
    uint64_t sequence;   /* of the next message; goes on over connections */
    int64_t now_ns;      /* the clock, when it was last read */
    int64_t connect_ns;  /* when the next connection may begin */
    uint64_t owed_until; /* messages before this one were begun on a connection that was closed */
    int64_t patience_ns; /* until when session_resume() tries again; 0: it has not been called */
    int64_t start_ns;    /* when the load started: rate and duration count from there; 0: not yet */
    struct pace pace;    /* of an open loop */

    struct connection connection;
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
 * @param patient  its calls may wait: not on an event loop, and only if the plan allows it
 */
void session_init(struct session *session, unsigned number, const struct session_plan *plan,
                  struct session_buffers *buffers, struct pending *pending, bool patient);

/** Make it one of those that connect at once and never send. Right after session_init(). */
void session_set_idle(struct session *session);

/** Release a session that is over, or never began. */
void session_clear(struct session *session);

/**
 * Go on as far as possible.
 *
 * @param ready  a set of enum session_ready; 0 at the first call
 * @param wait   set to what to wait for before the next call
 */
void session_advance(struct session *session, unsigned ready, struct session_wait *wait);

/** After NEED_BARRIER: the load started at start_ns. Before the next session_advance(). */
void session_go(struct session *session, int64_t start_ns);

/** After NEED_MESSAGE: send this next. The message must live until its reply is complete. */
void session_give(struct session *session, const struct message *message);

/** After NEED_MESSAGE: there are no more messages, finish. */
void session_end(struct session *session);

/** Whether a session that is over could begin a message on another connection within the duration. */
bool session_can_reconnect(const struct session *session);

/**
 * Prepare a session that is over for another connection. The stamps of its messages go on, so that
 * none occurs twice. If the server did not begin to serve the last connection, the session first
 * waits a moment.
 */
void session_reconnect(struct session *session);

/**
 * Go on, with another connection, a session that the server has closed between two messages. Messages that
 * were sent into the close, and of which no byte came back, are sent again. If the server does not take the
 * connection, try again for the time of an operation. Only if connection.record.resumed.
 */
void session_resume(struct session *session);

/**
 * Measure the messages of a schedule that were due by the end of the load, and that a session which is over
 * for good did not send: it had failed, or was too late. Those of a session that was refused are not measured.
 *
 * @param start_ns,end_ns  of the load
 */
void session_measure_unsent(const struct session *session, int64_t start_ns, int64_t end_ns);

/** End a session for good, for the runner's reason: it does not reconnect. Not within session_advance(). */
void session_give_up(struct session *session, const char *reason);

/** Make a session end soon, whatever it waits for: "interrupted". Threads: any. */
void session_stop(struct session *session);

/** Replies of this connection that were right so far. Threads: any. */
static inline uint64_t session_verified(const struct session *session)
{
    return atomic_load_explicit(&session->verified, memory_order_relaxed);
}

/** Where it stands; what is then read of it is no older. Threads: any. */
static inline enum session_place session_place(const struct session *session)
{
    return (enum session_place)atomic_load_explicit(&session->place, memory_order_acquire);
}

#endif /* CLIENT_SESSION_SESSION_H */
