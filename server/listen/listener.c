/* SPDX-License-Identifier: MIT */
/*
 * Accepting: see listener.h.
 *
 * What happens to one connection that was accepted, or could not be, is in session/admission.c, for all
 * threads that accept. The timer of a pause is made at the start, while there is memory.
 */
#include "server/listen/listener.h"

#include "common/clock.h"
#include "server/listen/retry.h"
#include "server/models/model.h"
#include "server/session/admission.h"
#include "server/session/session.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ACCEPTED_IN_A_ROW = 64,
    DEFER_US = 1000,  /* for which the loop leaves connections to workers: see direct.h */
    TAKEN_MAX = 8192, /* of the backlog, at the end */
};

struct listener {
    struct listening_socket *sockets;
    struct event *ready[SOCKETS_MAX]; /* one for each socket, if the loop accepts */
    unsigned count;
    uint64_t
        sets; /* of `count` sockets on the same addresses; more than 1 only if workers accept */
    struct event *retry;    /* ends PAUSE_ERRORS */
    struct event *turn;     /* ends PAUSE_TURN */
    struct event *deferred; /* ends what direct_defer() begins */
    struct shared *shared;
    struct model *model;   /* from listener_start() on */
    struct direct *direct; /* by which its workers accept too; NULL: they do not */
    struct listener_marks marks;
    unsigned paused;   /* a set of enum pause_reason */
    unsigned accepted; /* since the last PAUSE_TURN */
    uint64_t pauses;   /* for PAUSE_FULL */
    int64_t paused_ns; /* in the finished pauses for it */
    int64_t full_ns;   /* when the current one began */
    struct accept_failures failures;
    struct log_gate gate;
    bool stops; /* listener_take_backlog() was called */
};

/* Check whether the model's workers accept, and not the loop. */
static bool workers_accept(const struct listener *listener)
{
    return listener->model != NULL && listener->model->doors != NULL;
}

static void disable(struct listener *listener)
{
    if (workers_accept(listener))
        doors_open(listener->model->doors, false);
    if (listener->direct != NULL)
        direct_open(listener->direct, false);
    for (unsigned i = 0; i < listener->count; i++)
        event_del(listener->ready[i]);
}

/* Enable all of them or none. @return false: out of memory, or of what epoll may watch; see errno */
static bool enable(struct listener *listener)
{
    if (workers_accept(listener)) {
        doors_open(listener->model->doors, true);
        return true;
    }
    for (unsigned i = 0; i < listener->count; i++)
        if (event_add(listener->ready[i], NULL) != 0) {
            disable(listener);
            return false;
        }
    if (listener->direct != NULL)
        direct_open(listener->direct, true);
    return true;
}

static void pause_for(struct listener *listener, enum pause_reason reason)
{
    if (listener->paused == 0)
        disable(listener);
    if (reason == PAUSE_FULL && !(listener->paused & PAUSE_FULL)) {
        listener->pauses++;
        listener->full_ns = clock_now_ns();
    }
    listener->paused |= (unsigned)reason;
}

/* Remove a reason. If enabling fails, the timer tries again. */
static void resume_after(struct listener *listener, enum pause_reason reason)
{
    if (reason == PAUSE_FULL && (listener->paused & PAUSE_FULL)) {
        listener->paused_ns += clock_now_ns() - listener->full_ns;
    }
    listener->paused &= ~(unsigned)reason;
    if (listener->paused == 0 && !enable(listener)) {
        listener->paused = PAUSE_ERRORS;
        retry_soon(listener->retry);
    }
}

/* Count the sessions that wait for a worker. 0: there are no water marks */
static uint64_t waiting(const struct listener *listener)
{
    const struct model_type *type = listener->model->type;

    return listener->marks.high == 0 || type->waiting == NULL ? 0 : type->waiting(listener->model);
}

/* Check whether to pause: the model has no room, or the high water mark is reached. */
static bool is_full(const struct listener *listener)
{
    return !model_has_room(listener->model) ||
           (listener->marks.high > 0 && waiting(listener) >= listener->marks.high);
}

static bool has_room_again(const struct listener *listener)
{
    return model_has_room(listener->model) &&
           (listener->marks.high == 0 || waiting(listener) <= listener->marks.low);
}

static void resume_if_room(struct listener *listener)
{
    if (!has_room_again(listener))
        return;
    atomic_store(&listener->shared->full, false);
    resume_after(listener, PAUSE_FULL);
}

/*
 * Pause until there is room. A worker that makes room wakes the loop if it sees `full`. So set that first and
 * look again second: room that was made in between is seen here.
 */
static void pause_while_full(struct listener *listener)
{
    pause_for(listener, PAUSE_FULL);
    atomic_store(&listener->shared->full, true);
    resume_if_room(listener);
}

/* Fewer workers can mean that the room is gone although no client has come. */
void listener_look_again(struct listener *listener)
{
    if (listener->paused & PAUSE_FULL)
        resume_if_room(listener);
    else if (listener->marks.pause_when_full && is_full(listener))
        pause_while_full(listener);
}

bool listener_hold(struct listener *listener, bool held)
{
    bool was_held = (listener->paused & PAUSE_PERSON) != 0;

    if (held)
        pause_for(listener, PAUSE_PERSON);
    else if (was_held)
        resume_after(listener, PAUSE_PERSON);
    return held != was_held;
}

const struct listening_socket *listener_sockets(const struct listener *listener, unsigned *count)
{
    *count = listener->count;
    return listener->sockets;
}

/* Add the length of a socket's backlog, and its limit. @return false: the kernel does not tell, as for a unix socket */
static bool add_backlog(const struct listening_socket *socket, struct listener_state *state)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    if (socket->address.storage.ss_family == AF_UNIX ||
        getsockopt(socket->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return false;
    /* Of a listening socket, these two fields are the accept queue's length and its limit. */
    state->backlog += info.tcpi_unacked;
    state->backlog_max += info.tcpi_sacked;
    return true;
}

static void add_backlogs(const struct listener *listener, struct listener_state *state)
{
    bool known = false;

    for (uint64_t i = 0; i < listener->count * listener->sets; i++)
        known |= add_backlog(&listener->sockets[i], state);
    state->backlog_unknown = !known;
}

/* Fill in what the workers that accept know. */
static void add_doors(const struct doors *doors, struct listener_state *state)
{
    struct doors_counts counts;

    doors_count(doors, &counts);
    state->errors += counts.errors;
    state->wakeups = counts.wakeups;
    state->in_vain = counts.in_vain;
    state->why_full = !doors_have_room(doors);
    state->why_errors = counts.is_failing;
    state->paused |= state->why_full;
}

void listener_state(const struct listener *listener, struct listener_state *state)
{
    *state = (struct listener_state){
        .pauses = listener->pauses,
        .paused_ns = listener->paused_ns,
        .paused = listener->paused != 0,
        .why_full = (listener->paused & PAUSE_FULL) != 0,
        .why_errors = (listener->paused & PAUSE_ERRORS) != 0,
        .why_person = (listener->paused & PAUSE_PERSON) != 0,
        .errors = atomic_load(&listener->failures.count),
    };
    if (listener->paused & PAUSE_FULL)
        state->paused_ns += clock_now_ns() - listener->full_ns;
    if (workers_accept(listener))
        add_doors(listener->model->doors, state);
    add_backlogs(listener, state);
}

/* Make a session of a connection and give it to the model, or reject it. */
static void take(struct listener *listener, int fd, const struct address *from)
{
    struct model *model = listener->model;
    char why[MODEL_WHY_MAX];
    struct session *session = admission_enter(listener->shared, fd, from);

    if (session == NULL)
        return;
    if (listener->stops && !model_has_room(model))
        session_turn_away(session, OUTCOME_REJECTED, "the server is stopping");
    else if (model->type->dispatch(model, session, why) != 0)
        session_turn_away(session, OUTCOME_REJECTED, why);
}

/* Pause if no other client should be accepted now. */
static void pause_after_one(struct listener *listener)
{
    if (listener->marks.pause_when_full && is_full(listener))
        pause_while_full(listener);
    if (++listener->accepted >= ACCEPTED_IN_A_ROW) {
        pause_for(listener, PAUSE_TURN);
        event_active(listener->turn, 0, 0);
    }
}

/* Accept a connection. @return false: there is none, or *fails, and will fail again */
static bool take_next(struct listener *listener, int socket, bool *fails)
{
    struct address from = {.length = sizeof from.storage};
    int fd = accept4(socket, (struct sockaddr *)&from.storage, &from.length, SOCK_CLOEXEC);

    *fails = fd < 0 && !accept_asks_again(errno) && accept_failed(&listener->failures, errno);
    if (fd < 0)
        return false;
    accept_succeeded(&listener->failures);
    take(listener, fd, &from);
    return true;
}

/* The same beside workers that accept. @return false also if they stand by, and so take the next */
static bool take_next_beside(struct listener *listener, bool *fails)
{
    bool taken =
        direct_lock(listener->direct) && take_next(listener, listener->sockets[0].fd, fails);

    direct_unlock(listener->direct);
    return taken;
}

/*
 * Accept every connection that waits, and check before each whether the listener is still enabled, so a pause
 * takes effect at once. While clients come faster than they are accepted this would not return to the loop, and
 * no signal would be handled; hence PAUSE_TURN.
 */
static void listener_accept(evutil_socket_t socket, short what, void *argument)
{
    struct listener *listener = argument;
    bool fails = false;

    (void)what;
    while (listener->paused == 0 &&
           (listener->direct != NULL ? take_next_beside(listener, &fails)
                                     : take_next(listener, socket, &fails)))
        pause_after_one(listener);
    if (fails) {
        pause_for(listener, PAUSE_ERRORS);
        retry_soon(listener->retry);
    }
}

/* Workers may take the connection that has come, or are about to be free for it: leave it to them for a moment. */
static void on_ready_beside(evutil_socket_t fd, short what, void *argument)
{
    static const struct timeval moment = {.tv_usec = DEFER_US};
    struct listener *listener = argument;

    if (!direct_defer(listener->direct))
        listener_accept(fd, what, listener);
    else if (event_add(listener->deferred, &moment) != 0)
        event_active(listener->deferred, 0, 0);
}

/* They have had their time. */
static void accept_deferred(evutil_socket_t fd, short what, void *argument)
{
    struct listener *listener = argument;

    direct_resume(listener->direct);
    listener_accept(fd, what, listener);
}

void listener_take_backlog(struct listener *listener)
{
    listener->stops = true;
    if (listener->direct != NULL)
        direct_open(listener->direct, false);
    if (workers_accept(listener))
        doors_close(listener->model->doors, model_catch_up, listener->model);
    for (uint64_t i = 0; i < listener->count * listener->sets; i++) {
        const struct listening_socket *socket = &listener->sockets[i];
        /* Clients that go on connecting do not keep the server here. */
        for (unsigned taken = 0; !socket->is_shared && taken < TAKEN_MAX; taken++) {
            struct address from = {.length = sizeof from.storage};
            int fd =
                accept4(socket->fd, (struct sockaddr *)&from.storage, &from.length, SOCK_CLOEXEC);
            if (fd >= 0)
                take(listener, fd, &from);
            else if (errno != EINTR && errno != ECONNABORTED)
                break;
        }
        /*
         * At once: a client that comes while the next socket is emptied must find this one gone, not be reset
         * in it. And workers have copies, which would go on listening. A shared one must.
         */
        if (!socket->is_shared)
            shutdown(socket->fd, SHUT_RDWR);
    }
}

/* The other events have run: accept again. */
static void turn_over(evutil_socket_t fd, short what, void *argument)
{
    struct listener *listener = argument;

    (void)fd;
    (void)what;
    listener->accepted = 0;
    resume_after(listener, PAUSE_TURN);
}

/* Open one more set of sockets, on the same addresses. @return 0 or a negated errno value, and none is open */
static int open_set(struct listener *listener)
{
    struct listening_socket *set = listener->sockets + listener->count * listener->sets;
    struct socket_port shared = {.reuse = true};

    for (unsigned i = 0; i < listener->count; i++) {
        const struct listening_socket *first = &listener->sockets[i];
        int v6only = 0, give_up_ms = 0;
        socklen_t size = sizeof v6only;
        (void)getsockopt(first->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size);
        (void)getsockopt(first->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms, &size);
        shared.v6only = v6only != 0;
        int rc = listening_socket_open_with(&first->address, shared, NULL, &set[i]);
        if (rc == 0) {
            (void)setsockopt(set[i].fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms, size);
            continue;
        }
        while (i > 0)
            listening_socket_close(&set[--i]);
        return rc;
    }
    listener->sets++;
    return 0;
}

/* Give the sockets to the model's workers, and make these. */
static int start_workers(struct listener *listener, uint64_t sets)
{
    size_t count = listener->count * sets;
    struct listening_socket *sockets = realloc(listener->sockets, count * sizeof *sockets);
    int *fds = malloc(count * sizeof *fds);
    int rc = sockets == NULL || fds == NULL ? -ENOMEM : 0;

    if (sockets != NULL)
        listener->sockets = sockets;
    while (rc == 0 && listener->sets < sets)
        rc = open_set(listener);
    for (size_t i = 0; i < count && rc == 0; i++)
        fds[i] = listener->sockets[i].fd;
    if (rc == 0)
        rc = doors_set_sockets(listener->model->doors, fds, listener->count, sets);
    if (rc == 0)
        rc = listener->model->type->start(listener->model);
    free(fds);
    return rc;
}

/* Let the workers accept beside the loop. One socket: at several, a worker would have to try each. */
static int start_direct(struct listener *listener)
{
    struct direct *direct = listener->model->direct;
    struct event *ready = listener->ready[0];
    int rc = direct_start(direct, listener->sockets[0].fd, &listener->failures);

    if (rc != 0)
        return rc;
    listener->direct = direct;
    return event_assign(ready, event_get_base(ready), direct_watched(direct), EV_READ | EV_PERSIST,
                        on_ready_beside, listener) == 0
               ? 0
               : -ENOMEM;
}

int listener_start(struct listener *listener, struct model *model,
                   const struct listener_marks *marks, uint64_t sets)
{
    int rc = 0;

    listener->model = model;
    if (workers_accept(listener))
        rc = start_workers(listener, sets);
    else if (model->direct != NULL && listener->count == 1)
        rc = start_direct(listener);
    if (rc != 0)
        return rc;
    listener->marks = *marks;
    listener->paused &= ~(unsigned)PAUSE_STARTING;
    return enable(listener) ? 0 : -errno;
}

static void retry_accept(evutil_socket_t fd, short what, void *argument)
{
    struct listener *listener = argument;

    (void)fd;
    (void)what;
    resume_after(listener, PAUSE_ERRORS);
}

int listener_new(struct event_base *base, const struct listening_socket *sockets, unsigned count,
                 struct shared *shared, struct listener **result)
{
    struct listener *listener = calloc(1, sizeof *listener);
    bool made = listener != NULL;

    if (!made)
        return -ENOMEM;
    listener->shared = shared;
    listener->failures.gate = &listener->gate;
    listener->paused = PAUSE_STARTING;
    listener->sets = 1;
    listener->sockets = malloc(count * sizeof *sockets);
    listener->retry = evtimer_new(base, retry_accept, listener);
    listener->turn = event_new(base, -1, 0, turn_over, listener);
    listener->deferred = evtimer_new(base, accept_deferred, listener);
    made = listener->sockets != NULL && listener->retry != NULL && listener->turn != NULL &&
           listener->deferred != NULL;
    for (unsigned i = 0; i < count && made; i++) {
        listener->ready[i] =
            event_new(base, sockets[i].fd, EV_READ | EV_PERSIST, listener_accept, listener);
        made = listener->ready[i] != NULL;
    }
    if (!made) {
        listener_free(listener); /* it does not own the sockets yet */
        return -ENOMEM;
    }
    memcpy(listener->sockets, sockets, count * sizeof *sockets);
    listener->count = count;
    *result = listener;
    return 0;
}

void listener_remove_files(struct listener *listener)
{
    for (unsigned i = 0; listener != NULL && i < listener->count; i++)
        listening_socket_remove_file(&listener->sockets[i]);
}

void listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    for (unsigned i = 0; i < SOCKETS_MAX && listener->ready[i] != NULL; i++)
        event_free(listener->ready[i]);
    for (uint64_t i = 0; i < listener->count * listener->sets; i++) {
        listening_socket_close(&listener->sockets[i]);
    }
    free(listener->sockets);
    if (listener->retry != NULL)
        event_free(listener->retry);
    if (listener->turn != NULL)
        event_free(listener->turn);
    if (listener->deferred != NULL)
        event_free(listener->deferred);
    free(listener);
}
