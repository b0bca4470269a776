/* SPDX-License-Identifier: MIT */
/*
 * --model thread-pool --hold message: N workers, each of which has a session only while there are bytes
 * to echo.
 *
 * With --hold session a worker stays with its session, and four silent clients hold four workers.
 * Here a session whose bytes have been echoed is *parked*: no worker has it, and the loop watches its
 * descriptor together with ten thousand others. When bytes come it is *ready*, and waits in line for
 * the next worker. Connection poolers make the same step, from one server per client to one per
 * transaction.
 *
 * DESIGN
 *
 *            bytes have come (loop)              a worker takes it
 *     PARKED ──────────────────────> HELD, ready ────────────────> HELD, served
 *       ^                                                            │ ^   │
 *       └────────────────── nothing more to read (worker) ───────────┘ │   │ it ends
 *                                      HELD_AND_READY ─ serve again ───┘   └─> back to the loop
 *
 * **One registration.** The descriptor is registered once, edge triggered, for reading and writing
 * together. Arming an event for each message would cost an epoll_ctl() each time. An edge that finds
 * its session parked makes it ready; one that finds it held makes it HELD_AND_READY. The first edge
 * comes as soon as the descriptor is registered, since a new connection can be written to; so each
 * session is served once at its beginning.
 *
 * **No message is lost between the last read and parking.** An edge reports once that something has
 * changed. So a worker parks a session only after a read that found nothing (drained()). After a read
 * that found less than a buffer it may not, as an event loop might: an end of file, or bytes behind an
 * urgent mark, may have arrived behind those bytes before the read, and their edge is spent. All that
 * comes after the last read makes a new edge. The loop sees it
 *  - before the worker parks: then the state is HELD, the loop makes it HELD_AND_READY, the worker's
 *    compare-and-swap from HELD to PARKED fails, and it serves again; or
 *  - after that: then the state is PARKED, and the loop makes it ready.
 * There is no third case, since both change the state by compare-and-swap from what they have seen. The
 * same holds for a write that found no room, and for shutdown(), by which the loop ends sessions.
 *
 * **The line** of ready sessions is not the pool's queue. A session is in it at most once, so it needs
 * no bound except --max-sessions and no memory of its own; the order is first in, first out. A task of
 * the pool is a worker's *visit* to the line: it serves until the line is empty. The loop submits a
 * visit only if sessions are ready and a worker is not on a visit, and first collects all that one look
 * at the kernel has brought (flush()), so under load neither side wakes the other for single messages.
 * A visit ends under the lock under which the loop appends and counts visits: no session stays in the
 * line without a worker on a visit.
 *
 * **Ended sessions** go back to the loop, since only it may remove the event from its base, which it
 * must do before the descriptor is closed.
 */
#include "common/clock.h"
#include "common/must.h"
#include "pool/echopool.h"
#include "server/models/buffers.h"
#include "server/models/model.h"
#include "server/session/serve.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* How often a worker serves a session again before others have their turn. */
#define ROUNDS_MAX 16

/* Where a session is. */
enum hand {
    PARKED,         /* the loop waits for an edge */
    HELD,           /* in line, or with a worker */
    HELD_AND_READY, /* the same, and there was an edge meanwhile */
};

struct held {
    struct session *session;
    struct message_model *model;
    struct event *event; /* loop only */
    _Atomic enum hand state;
    struct held *next; /* in the line that it is in */
};

/* First in, first out. */
struct line {
    struct held *first;
    struct held **end; /* where the next one goes; NULL while the line is new */
    uint64_t length;
};

struct message_model {
    struct model base;
    /* set by create(), then read-only */
    struct shared *shared;
    struct event_base *loop;
    struct ep_executor *executor;
    uint64_t max_sessions;

    /* loop only */
    uint64_t held;        /* all sessions */
    struct line gathered; /* ready sessions, found since the last flush() */
    int64_t turn_ns;      /* when the first of them was found */
    struct event *flush;
    struct line moments; /* sessions that need a moment */
    struct event *moment;

    pthread_mutex_t lock;
    /* guarded by lock */
    uint64_t workers;
    uint64_t visits;      /* tasks submitted and not ended */
    struct line ready;    /* sessions that wait for a worker */
    struct line returned; /* sessions for the loop: ended, or in need of a moment */

    struct buffers buffers; /* one for each worker */
};

static void line_append(struct line *line, struct held *held)
{
    if (line->first == NULL)
        line->end = &line->first;
    held->next = NULL;
    *line->end = held;
    line->end = &held->next;
    line->length++;
}

static struct held *line_take(struct line *line)
{
    struct held *held = line->first;

    if (held != NULL) {
        line->first = held->next;
        line->length--;
    }
    return held;
}

/* Move all of one line to the end of another. */
static void line_append_all(struct line *line, struct line *more)
{
    if (more->first == NULL)
        return;
    if (line->first == NULL)
        line->end = &line->first;
    *line->end = more->first;
    line->end = more->end;
    line->length += more->length;
    *more = (struct line){0};
}

/* --- in a worker --------------------------------------------------------------------------- */

/* Take the next session in line. NULL: the visit ends */
static struct held *next_in_line(struct message_model *model)
{
    struct held *held = NULL;

    MUST(pthread_mutex_lock(&model->lock));
    if (model->visits <= model->workers)
        held = line_take(&model->ready);
    if (held == NULL)
        model->visits--;
    MUST(pthread_mutex_unlock(&model->lock));
    return held;
}

/* Put a session at the end of the line, since others have their turn first. */
static void line_up_again(struct held *held)
{
    struct message_model *model = held->model;

    MUST(pthread_mutex_lock(&model->lock));
    line_append(&model->ready, held);
    MUST(pthread_mutex_unlock(&model->lock));
}

/* Give a session to the loop. */
static void give_back(struct held *held)
{
    struct message_model *model = held->model;
    bool first;

    MUST(pthread_mutex_lock(&model->lock));
    first = model->returned.first == NULL;
    line_append(&model->returned, held);
    MUST(pthread_mutex_unlock(&model->lock));
    if (first)
        shared_wake(model->shared); /* else another worker has, and the loop has not looked */
}

/* Park a session, unless there was an edge meanwhile. @return whether it is parked */
static bool park(struct held *held, enum need need)
{
    enum hand hand = HELD;

    /* A session that cannot write, or whose handshake waits, stays in its phase and under its limit. */
    if (need == NEED_READ && session_phase(held->session) == PHASE_RECEIVING)
        session_move(held->session, PHASE_PARKED);
    if (atomic_compare_exchange_strong(&held->state, &hand, PARKED))
        return true;
    atomic_store(&held->state, HELD); /* it was HELD_AND_READY: serve it again */
    return false;
}

/* Serve a session until it would block, and then park it, line it up or give it back. */
static void serve(struct held *held, unsigned char *buffer, unsigned worker)
{
    struct session *session = held->session;
    const _Atomic uint64_t *received = &session->entry.bytes_received;

    atomic_store_explicit(&session->entry.worker, worker, memory_order_relaxed);
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        uint64_t before = atomic_load_explicit(received, memory_order_relaxed);
        enum need need = session_serve(session, buffer, worker);
        bool drained = atomic_load_explicit(received, memory_order_relaxed) == before;

        if (need == NEED_NOTHING || need == NEED_MOMENT) {
            give_back(held);
            return;
        }
        if (need == NEED_TURN)
            break;
        /* Its last read found nothing, or its last write no room: a new edge will come. */
        if ((drained || need == NEED_WRITE) && park(held, need))
            return;
    }
    line_up_again(held);
}

/* Serve sessions until the line is empty. A task of the pool. */
static int visit(struct ep_task *task)
{
    struct message_model *model = *(struct message_model *const *)ep_task_input(task, NULL);
    unsigned worker = ep_task_worker(task);

    for (struct held *held; (held = next_in_line(model)) != NULL;)
        serve(held, model->buffers.of[worker], worker);
    return 0;
}

/* --- in the loop --------------------------------------------------------------------------- */

/* Let on_moment() run after a moment; without memory for the timer in the next turn of the loop. */
static void wait_a_moment(struct message_model *model)
{
    static const struct timeval moment = {.tv_usec = SESSION_MOMENT_NS / 1000};

    if (!event_pending(model->moment, EV_TIMEOUT, NULL) && event_add(model->moment, &moment) != 0)
        event_active(model->moment, EV_TIMEOUT, 0);
}

/* Append ready sessions to the line, and submit as many visits as they need. */
static void line_up(struct message_model *model, struct line *sessions)
{
    uint64_t visits = 0;

    MUST(pthread_mutex_lock(&model->lock));
    line_append_all(&model->ready, sessions);
    while (visits < model->ready.length && model->visits < model->workers) {
        model->visits++;
        visits++;
    }
    MUST(pthread_mutex_unlock(&model->lock));
    /* The pool has a place for each: there are no more visits than there may be workers. */
    while (visits > 0 && ep_try_submit(model->executor, visit, &model, sizeof model, NULL) == 0)
        visits--;
    if (visits > 0) { /* but no memory: on_moment() tries again */
        MUST(pthread_mutex_lock(&model->lock));
        model->visits -= visits;
        MUST(pthread_mutex_unlock(&model->lock));
        wait_a_moment(model);
    }
}

/* Line up all sessions that this turn of the loop has found ready. */
static void flush(evutil_socket_t fd, short what, void *argument)
{
    struct message_model *model = argument;

    (void)fd;
    (void)what;
    line_up(model, &model->gathered);
}

/* Handle an edge: there are bytes to read, or room to write, or an end of file. */
static void on_edge(evutil_socket_t fd, short what, void *argument)
{
    struct held *held = argument;
    struct message_model *model = held->model;
    enum hand hand = PARKED;

    (void)fd;
    (void)what;
    while (!atomic_compare_exchange_strong(&held->state, &hand,
                                           hand == PARKED ? HELD : HELD_AND_READY))
        continue; /* a worker has just changed it */
    if (hand != PARKED)
        return;
    if (model->gathered.first == NULL)
        model->turn_ns = clock_now_ns();
    held->session->ready_ns = model->turn_ns;
    if (session_phase(held->session) == PHASE_PARKED)
        session_move(held->session, PHASE_QUEUED);
    /* Activated now, flush() runs after all edges that this look at the kernel has brought. */
    if (model->gathered.first == NULL)
        event_active(model->flush, 0, 0);
    line_append(&model->gathered, held);
}

/* Line up sessions after their moment. */
static void on_moment(evutil_socket_t fd, short what, void *argument)
{
    struct message_model *model = argument;

    (void)fd;
    (void)what;
    line_up(model, &model->moments);
}

/* End a session. */
static void end(struct held *held)
{
    held->model->held--;
    event_free(held->event); /* before the descriptor is closed and its number reused */
    session_end(held->session);
    free(held);
}

/* End the sessions that workers have given back, or let them wait a moment. */
static void tend(struct model *base)
{
    struct message_model *model = (struct message_model *)base;
    struct line returned;

    MUST(pthread_mutex_lock(&model->lock));
    returned = model->returned;
    model->returned = (struct line){0};
    MUST(pthread_mutex_unlock(&model->lock));

    for (struct held *held; (held = line_take(&returned)) != NULL;) {
        if (held->session->stage == STAGE_ENDED)
            end(held);
        else
            line_append(&model->moments, held);
    }
    if (model->moments.first != NULL)
        wait_a_moment(model);
}

static bool has_room(struct model *base)
{
    struct message_model *model = (struct message_model *)base;

    return model->held < model->max_sessions;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct message_model *model = (struct message_model *)base;
    struct held *held;

    if (!has_room(base))
        return model_most(model->max_sessions, why);
    held = calloc(1, sizeof *held);
    if (held == NULL)
        return model_no_memory(why);
    held->session = session;
    held->model = model;
    atomic_init(&held->state, PARKED);
    session_set_nonblocking(session);
    held->event =
        event_new(model->loop, session->fd, EV_READ | EV_WRITE | EV_ET | EV_PERSIST, on_edge, held);
    if (held->event == NULL || event_add(held->event, NULL) != 0) {
        if (held->event != NULL)
            event_free(held->event);
        free(held);
        return model_no_memory(why);
    }
    model->held++;
    return 0;
}

/* --- life ---------------------------------------------------------------------------------- */

static int resize(struct model *base, uint64_t workers)
{
    struct message_model *model = (struct message_model *)base;
    struct line none = {0};
    int rc = buffers_make(&model->buffers, workers, model->shared->buffer_bytes);

    if (rc == 0)
        rc = ep_executor_resize(model->executor, (uint32_t)workers);
    if (rc != 0)
        return rc;
    MUST(pthread_mutex_lock(&model->lock));
    model->workers = workers;
    MUST(pthread_mutex_unlock(&model->lock));
    line_up(model, &none); /* the line may need more visits now */
    return 0;
}

static void destroy(struct model *base)
{
    struct message_model *model = (struct message_model *)base;

    ep_executor_free(model->executor);
    if (model->flush != NULL)
        event_free(model->flush);
    if (model->moment != NULL)
        event_free(model->moment);
    buffers_clear(&model->buffers);
    pthread_mutex_destroy(&model->lock);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct message_model *model = calloc(1, sizeof *model);
    struct ep_options options = {
        .workers = (uint32_t)settings->workers,
        .queue = EP_WORKERS_MAX, /* see line_up() */
        .stack_bytes = settings->stack_bytes,
        .name = "worker",
    };
    int rc = -ENOMEM;

    if (model != NULL) {
        model->shared = settings->shared;
        model->loop = settings->base;
        model->max_sessions = settings->max_sessions;
        model->workers = settings->workers;
        MUST(pthread_mutex_init(&model->lock, NULL));
        model->flush = event_new(settings->base, -1, 0, flush, model);
        model->moment = evtimer_new(settings->base, on_moment, model);
        if (model->flush != NULL && model->moment != NULL)
            rc = buffers_make(&model->buffers, settings->workers, settings->shared->buffer_bytes);
    }
    if (rc == 0)
        rc = ep_thread_executor_new(&options, &model->executor);
    if (rc == 0) {
        *result = &model->base;
        return 0;
    }
    snprintf(why, MODEL_WHY_MAX, "%s", ep_strerror(rc));
    if (model != NULL)
        destroy(&model->base);
    return rc;
}

const struct model_type model_thread_pool_message = {
    .name = "thread-pool",
    .unit = "worker",
    .title = "Workers",
    .words = "each a thread that holds a session only while there are bytes to echo",
    .holds_many = true,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .tend = tend,
    .resize = resize,
    .destroy = destroy,
};
