/* SPDX-License-Identifier: MIT */
/*
 * Visitors: see visitor.h.
 *
 *     CONNECTING --connected--> OPENING --PROXY header and TLS--> TALKING --all is said--> LEAVING --> gone
 *
 * Each step is tried, ten times a second, until it does not have to wait. A visitor that cannot go on is gone:
 * its connection was refused or reset, or the server has closed it. In LEAVING a visitor has ended its
 * sending half, and reads until the server has closed the other.
 */
#include "server/admin/visitor.h"

#include "common/clock.h"
#include "common/stream.h"
#include "common/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_US  100000
#define LEAVE_NS (10 * SECOND_NS) /* after its life, for what is still on the way */
#define MESSAGE  "visit\n"
#define SIZE     (sizeof MESSAGE - 1)
/* From a proxy that does not know its client: then the connection's own address counts. */
#define HEADER "PROXY UNKNOWN\r\n"

enum { MESSAGES = 6 };

enum stage { FREE, CONNECTING, OPENING, TALKING, LEAVING };

struct visitor {
    enum stage stage;
    struct stream stream;
    bool silent;
    bool is_busy;      /* the server has said BUSY */
    bool was_answered; /* a byte has come */
    unsigned left;     /* messages to be sent */
    size_t awaited;    /* bytes of the last one's echo */
    int64_t next_ns;   /* when the next message is due */
    int64_t until_ns;  /* when it must leave; in LEAVING, when it is gone */
};

struct visitors {
    struct event *tick;
    struct address address;
    bool proxy_protocol;
    struct tls_context *tls; /* NULL: plain */
    int64_t pause_ns;
    int64_t life_ns;
    struct visitor_counts counts;
    struct visitor all[VISITORS_MAX];
};

/* --- one visitor --------------------------------------------------------------------------- */

static void gone(struct visitors *visitors, struct visitor *visitor, uint64_t *counter)
{
    /* A process that was forked meanwhile may have the descriptor, too, for a moment. */
    (void)shutdown(visitor->stream.fd, SHUT_RDWR);
    stream_close(&visitor->stream);
    *visitor = (struct visitor){.stage = FREE};
    visitors->counts.here--;
    (*counter)++;
}

static void leave(struct visitors *visitors, struct visitor *visitor, int64_t now_ns)
{
    if (visitor->stage < TALKING) {
        gone(visitors, visitor, &visitors->counts.ended);
        return;
    }
    if (stream_finish_writing(&visitor->stream) == -EAGAIN && now_ns < visitor->until_ns + LEAVE_NS)
        return; /* of TLS: again at the next tick */
    visitor->stage = LEAVING;
    visitor->until_ns = now_ns + LEAVE_NS;
}

/* Connect again and again: that is also how to ask whether it has been done. */
static int try_to_connect(struct visitors *visitors, struct visitor *visitor)
{
    const struct address *address = &visitors->address;
    int rc =
        connect(visitor->stream.fd, (const struct sockaddr *)&address->storage, address->length);

    if (rc == 0 || errno == EISCONN)
        return 0;
    /* EAGAIN: the backlog of a unix socket is full, in which there is no place to wait */
    return errno == EINPROGRESS || errno == EALREADY || errno == EINTR ? -EAGAIN : -errno;
}

/* Send the PROXY header, which fits into an empty socket, and make the stream. */
static int begin_opening(struct visitors *visitors, struct visitor *visitor)
{
    int fd = visitor->stream.fd;

    if (visitors->proxy_protocol &&
        send(fd, HEADER, sizeof HEADER - 1, MSG_NOSIGNAL) != sizeof HEADER - 1)
        return -EPIPE;
    if (visitors->tls != NULL &&
        stream_init_tls(&visitor->stream, fd, visitors->tls, "localhost") != 0)
        return -ENOMEM;
    stream_set_nonblocking(&visitor->stream);
    return 0;
}

/* Read what has come. No echo of MESSAGE begins as BUSY does. @return 0: end of file */
static ssize_t listen_to(struct visitor *visitor)
{
    char bytes[256];
    ssize_t got;

    while ((got = stream_read(&visitor->stream, bytes, sizeof bytes)) > 0) {
        visitor->is_busy |= !visitor->was_answered && bytes[0] == 'B';
        visitor->was_answered = true;
        visitor->awaited -= (size_t)got < visitor->awaited ? (size_t)got : visitor->awaited;
    }
    return got;
}

/* Send the next message if it is due. @return whether all is said, and answered */
static bool talk(struct visitor *visitor, int64_t pause_ns, int64_t now_ns)
{
    if (visitor->silent || visitor->is_busy || visitor->awaited > 0 || now_ns < visitor->next_ns)
        return false;
    if (visitor->left == 0)
        return true;
    /* If it cannot be sent now, that is tried again; if never, reading reports why. */
    if (stream_write(&visitor->stream, MESSAGE, SIZE, &(size_t){0}) == 0) {
        visitor->left--;
        visitor->awaited = SIZE;
        visitor->next_ns = now_ns + pause_ns;
    }
    return false;
}

/* Get the counter of a visitor whose connection the server has closed. */
static uint64_t *counter_of(struct visitors *visitors, const struct visitor *visitor, bool in_order)
{
    bool done = visitor->silent || (visitor->left == 0 && visitor->awaited == 0);

    if (visitor->is_busy)
        return &visitors->counts.rejected;
    return in_order && done && visitor->stage == LEAVING ? &visitors->counts.served
                                                         : &visitors->counts.ended;
}

static void converse(struct visitors *visitors, struct visitor *visitor, int64_t now_ns)
{
    ssize_t got = listen_to(visitor);

    if (got != -EAGAIN)
        gone(visitors, visitor, counter_of(visitors, visitor, got == 0));
    else if (visitor->stage == LEAVING && now_ns >= visitor->until_ns)
        gone(visitors, visitor, &visitors->counts.ended);
    else if (visitor->stage == TALKING && talk(visitor, visitors->pause_ns, now_ns))
        leave(visitors, visitor, now_ns);
}

/* Look for BUSY in place of the server's handshake, which never begins with its letter. */
static bool is_refused(const struct visitor *visitor)
{
    char first;

    return recv(visitor->stream.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first == 'B';
}

/* Take all steps that need not wait. */
static void advance(struct visitors *visitors, struct visitor *visitor, int64_t now_ns)
{
    int rc = 0;

    if (visitor->stage == CONNECTING && (rc = try_to_connect(visitors, visitor)) == 0) {
        rc = begin_opening(visitors, visitor);
        visitor->stage = OPENING;
    }
    if (rc == 0 && visitor->stage == OPENING && is_refused(visitor)) {
        gone(visitors, visitor, &visitors->counts.rejected);
        return;
    }
    if (rc == 0 && visitor->stage == OPENING && (rc = stream_handshake(&visitor->stream)) == 0)
        visitor->stage = TALKING;
    if (rc < 0 && rc != -EAGAIN)
        gone(visitors, visitor, &visitors->counts.ended);
    else if (now_ns >= visitor->until_ns && visitor->stage != LEAVING)
        leave(visitors, visitor, now_ns);
    else if (rc == 0)
        converse(visitors, visitor, now_ns);
}

/* --- all of them --------------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct visitors *visitors = argument;
    int64_t now_ns = clock_now_ns();

    (void)fd;
    (void)what;
    for (size_t i = 0; i < VISITORS_MAX; i++)
        if (visitors->all[i].stage != FREE)
            advance(visitors, &visitors->all[i], now_ns);
    if (visitors->counts.here == 0)
        event_del(visitors->tick);
}

static int send_one(struct visitors *visitors, bool silent)
{
    int fd =
        socket(visitors->address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct visitor *visitor = visitors->all;
    int64_t now_ns = clock_now_ns();

    if (fd < 0)
        return -errno;
    while (visitor->stage != FREE)
        visitor++;
    *visitor = (struct visitor){.stage = CONNECTING,
                                .silent = silent,
                                .left = MESSAGES,
                                .next_ns = now_ns,
                                .until_ns = now_ns + visitors->life_ns};
    stream_init_plain(&visitor->stream, fd);
    visitors->counts.sent++;
    visitors->counts.here++;
    advance(visitors, visitor, now_ns);
    return 0;
}

int visitors_send(struct visitors *visitors, unsigned count, bool silent)
{
    static const struct timeval period = {.tv_usec = TICK_US};
    unsigned sent = 0;
    int rc = 0;

    if (visitors->counts.obstacle != NULL)
        return -ENOTSUP;
    if (visitors->counts.here + count > VISITORS_MAX)
        return -EBUSY;
    if (visitors->counts.here == 0 && event_add(visitors->tick, &period) != 0)
        return -ENOMEM;
    while (sent < count && (rc = send_one(visitors, silent)) == 0)
        sent++;
    return sent > 0 ? (int)sent : rc;
}

void visitors_leave(struct visitors *visitors)
{
    int64_t now_ns = clock_now_ns();

    if (visitors == NULL)
        return;
    for (size_t i = 0; i < VISITORS_MAX; i++) {
        struct visitor *visitor = &visitors->all[i];
        if (visitor->stage == FREE)
            continue;
        if (visitor->stage != LEAVING)
            visitor->until_ns = now_ns;
        advance(visitors, visitor, now_ns);
    }
}

void visitors_count(const struct visitors *visitors, struct visitor_counts *counts)
{
    static const struct visitor_counts none = {.obstacle = "there is no --admin-control"};

    *counts = visitors == NULL ? none : visitors->counts;
}

/* --- start and end ------------------------------------------------------------------------- */

/* Return why a server with these settings can have no visitors, or NULL. */
static const char *find_obstacle(const struct visitor_settings *settings)
{
    if (settings->reuse_port || settings->socket->is_shared)
        return "another server may listen on this address, too, and get them";
    if (settings->tls_clients_certified)
        return "clients need a certificate (--tls-ca), and the server has none for itself";
    return NULL;
}

struct visitors *visitors_new(struct event_base *base, const struct visitor_settings *settings)
{
    struct visitors *visitors = calloc(1, sizeof *visitors);
    const struct tls_client_settings client = {.insecure = true}; /* it knows whom it calls */
    char why[TLS_WHY_MAX];

    if (visitors == NULL)
        return NULL;
    visitors->address = settings->socket->address;
    visitors->proxy_protocol = settings->proxy_protocol;
    visitors->pause_ns = settings->pause_ns;
    visitors->life_ns = settings->life_ns;
    visitors->counts.obstacle = find_obstacle(settings);
    visitors->tick = event_new(base, -1, EV_PERSIST, on_tick, visitors);
    if (visitors->tick == NULL) {
        free(visitors);
        return NULL;
    }
    if (settings->tls && tls_client_context_new(&client, &visitors->tls, why) != 0)
        visitors->counts.obstacle = "the server cannot be a client with TLS";
    return visitors;
}

void visitors_free(struct visitors *visitors)
{
    if (visitors == NULL)
        return;
    for (size_t i = 0; i < VISITORS_MAX; i++)
        if (visitors->all[i].stage != FREE)
            gone(visitors, &visitors->all[i], &visitors->counts.ended);
    tls_context_unref(visitors->tls);
    event_free(visitors->tick);
    free(visitors);
}
