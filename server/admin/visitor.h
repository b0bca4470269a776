/* SPDX-License-Identifier: MIT */
/**
 * @file visitor.h
 * Visitors: clients that the server is to itself, so that a class sees its queue fill without a second
 * terminal. A person sends them from the live page.
 *
 * A visitor connects to the first address that the server listens on, as any client on this machine. It
 * sends six short messages, one a second, waits for each echo, and leaves; one that is silent says nothing
 * and stays. The server serves, queues and rejects visitors like all other clients, and counts them among
 * its sessions. What they have met is counted here again, by themselves:
 *
 *     sent = served + rejected + ended + here
 *
 * There are no more than VISITORS_MAX at once, and none stays longer than VISITOR_LIFE_NS and the ten seconds
 * that it takes to leave. When the server drains they leave at once. They never wait: a timer looks at all of
 * them ten times a second while there is one.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_VISITOR_H
#define SERVER_ADMIN_VISITOR_H

#include "server/listen/listening-socket.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

/** Visitors at once, each with one descriptor. */
#define VISITORS_MAX 64
/** Visitors that one press of a button sends, at most. */
#define VISITORS_SENT_MAX 10
/** Between the messages of a visitor; and how long it stays, from the moment when it is sent. */
#define VISITOR_PAUSE_NS INT64_C(1000000000)
#define VISITOR_LIFE_NS  INT64_C(120000000000)

struct visitors;

/** What the server expects of its clients. */
struct visitor_settings {
    const struct listening_socket *socket; /**< the first that it listens on */
    bool reuse_port;                       /**< other servers may listen on the same port */
    bool proxy_protocol;
    bool tls;
    bool tls_clients_certified; /**< clients need a certificate */
    int64_t pause_ns;           /**< usually VISITOR_PAUSE_NS */
    int64_t life_ns;            /**< usually VISITOR_LIFE_NS */
};

/** What has become of them. */
struct visitor_counts {
    const char *obstacle; /**< why none can be sent to this server; NULL: they can */
    uint64_t sent;
    uint64_t here;
    uint64_t served;   /**< they have had all echoes, or were silent, and left in order */
    uint64_t rejected; /**< they got BUSY */
    uint64_t ended; /**< before that: by a time limit, because the server stops, or by an error */
};

/** @return NULL: out of memory */
struct visitors *visitors_new(struct event_base *base, const struct visitor_settings *settings);

/**
 * Send visitors.
 *
 * @param count   1 to VISITORS_SENT_MAX
 * @param silent  they say nothing
 * @return        how many have been sent, which may be fewer, or, with none sent,
 *                -ENOTSUP  this server can have none: see visitor_counts.obstacle
 *                -EBUSY    there would be more than VISITORS_MAX
 *                another negated errno value of socket()
 */
int visitors_send(struct visitors *visitors, unsigned count, bool silent);

/** Let all of them leave, as the server drains; once its sessions have ended, count those as gone. */
void visitors_leave(struct visitors *visitors);

/** NULL for visitors: a server without any; then all counts are 0. */
void visitors_count(const struct visitors *visitors, struct visitor_counts *counts);

/** Close their connections. NULL is fine. */
void visitors_free(struct visitors *visitors);

#endif /* SERVER_ADMIN_VISITOR_H */
