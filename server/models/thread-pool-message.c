/* SPDX-License-Identifier: MIT */
/*
 * --model thread-pool --hold message: N workers, each of which has a session only while there are
 * bytes of it.
 *
 * With --hold session a worker stays with its session, and four silent clients hold four workers.
 * Here a session whose bytes have been echoed is *parked*: nobody has it, and the loop watches its
 * descriptor together with ten thousand others. When bytes come it is *ready*, and waits in line for
 * the next worker. That is the step that connection poolers make from one server per client to one
 * per transaction.
 *
 * DESIGN
 *
 *            bytes have come (loop)              a worker takes it
 *     PARKED ──────────────────────> HELD, ready ────────────────> HELD, served
 *       ^                                                            │ ^   │
 *       └────────────────── nothing more to read (worker) ───────────┘ │   │ it is over
 *                                      HELD_AND_READY ─ serve again ───┘   └─> back to the loop
 *
 * **One registration.** The descriptor is registered once, edge triggered, for reading and writing
 * together. An event that is armed for each message anew would cost an epoll_ctl() for each. An edge
 * that finds its session parked makes it ready; one that finds it held leaves a note, HELD_AND_READY.
 * The very first edge is there as soon as the descriptor is registered, since a fresh connection can
 * be written to: so a session is served once at its beginning without further words.
 *
 * **Nothing is lost between the last read and parking.** An edge tells that something has changed, not
 * that something is there, and it tells it once. So a worker parks a session only after a read that
 * found nothing (drained()): not after one that found less than a buffer, as an event loop may, for
 * behind those bytes an end of file, or bytes behind an urgent mark, may have arrived before them,
 * and their edge is spent. Whatever comes after that read makes a new edge. The loop sees it
 *  - before the worker parks: then the state is HELD, the loop makes it HELD_AND_READY, the worker's
 *    compare-and-swap from HELD to PARKED fails, and it serves again; or
 *  - after that: then the state is PARKED, and the loop makes it ready.
 * There is no third way, for both change the state by compare-and-swap from what they have seen. The
 * same holds for a write that found no room, and for shutdown(), by which the loop ends sessions.
 *
 * **The line** of ready sessions is ours, not the pool's queue. A session is in it once at most, so it
 * needs no bound but --max-sessions and no memory of its own; it is first come, first served. A task of
 * the pool is a worker's visit to that line: it serves until the line is empty. The loop sends a visit
 * only where sessions are ready and workers are not on one, and collects what one look at the kernel has
 * brought before it does (flush()), so under load neither side wakes the other for single messages.
 * Before a visit ends it looks at the line under the lock under which the loop appends and counts
 * visits: no session is left with nobody on the way.
 *
 * **Ends** go back to the loop, since only it may take the event out of its base, which it must before
 * the descriptor is closed.
 */
#include "server/models/buffers.h"
#include "server/models/model.h"

#include "common/must.h"
#include "pool/echopool.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Times that a worker serves a session again before others have their turn. */
#define ROUNDS_MAX 16

/* Who has a session. */
enum hand {
    PARKED,         /* nobody; the loop waits for an edge */
    HELD,           /* it is in line, or a worker serves it */
    HELD_AND_READY, /* the same, and there was an edge meanwhile */
};

struct held {
    struct session *session;
    struct message_model *model;
    struct event *event;     /* the loop's */
    _Atomic enum hand state; /* see above */
    struct held *next;       /* in the one list in which it is */
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

    /* the loop's own */
    uint64_t held;        /* sessions that are here */
    struct line gathered; /* ready, found since the last flush() */
    struct event *flush;
    struct line moments; /* they need a moment */
    struct event *moment;

    pthread_mutex_t lock;
    /* guarded by lock */
    uint64_t workers;
    uint64_t visits;      /* workers that are on their way, or serve */
    struct line ready;    /* sessions that wait for a worker */
    struct line returned; /* those that the loop has to look after: ended, or in need of a moment */

    struct buffers buffers; /* each a worker's own; made by the loop */
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

/* The next session in line. NULL: the visit is over */
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

/* Its bytes have been served; others come first, then its next ones. */
static void line_up_again(struct held *held)
{
    struct message_model *model = held->model;

    MUST(pthread_mutex_lock(&model->lock));
    line_append(&model->ready, held);
    MUST(pthread_mutex_unlock(&model->lock));
}

/* Its next step is the loop's. */
static void give_back(struct held *held)
{
    struct message_model *model = held->model;
    bool first;

    MUST(pthread_mutex_lock(&model->lock));
    first = model->returned.first == NULL;
    line_append(&model->returned, held);
    MUST(pthread_mutex_unlock(&model->lock));
    if (first)
        shared_wake(model->shared); /* otherwise somebody has, and it has not looked */
}

/* Let go of it, unless there was an edge meanwhile. @return whether it is somebody else's now */
static bool park(struct held *held, enum need need)
{
    enum hand hand = HELD;

    /* A session that cannot write, or whose handshake waits, stays in its phase and under its limit. */
    if (need == NEED_READ && session_phase(held->session) == PHASE_RECEIVING)
        session_move(held->session, PHASE_PARKED);
    if (atomic_compare_exchange_strong(&held->state, &hand, PARKED))
        return true;
    atomic_store(&held->state, HELD); /* it was HELD_AND_READY; see to that */
    return false;
}

/* Serve a session as far as it goes, and see that somebody looks after it then. */
static void serve(struct held *held, unsigned char *buffer, unsigned worker)
{
    struct session *session = held->session;
    const _Atomic uint64_t *received = &session->entry.bytes_received;

    atomic_store_explicit(&session->worker, worker, memory_order_relaxed);
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
        /* Its last read found nothing, or its last write no room: now a new edge will come. */
        if ((drained || need == NEED_WRITE) && park(held, need))
            return;
    }
    line_up_again(held);
}

/* A task of the pool. */
static int visit(struct ep_task *task)
{
    struct message_model *model = *(struct message_model *const *)ep_task_input(task, NULL);
    unsigned worker = ep_task_worker(task);

    for (struct held *held; (held = next_in_line(model)) != NULL;)
        serve(held, model->buffers.of[worker], worker);
    return 0;
}

/* --- in the loop --------------------------------------------------------------------------- */

/* Append those that are ready to the line, and have as many workers come as it takes. */
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
    /* The pool has a place for each: no more wait in it than there may be workers. */
    while (visits-- > 0)
        MUST(ep_try_submit(model->executor, visit, &model, sizeof model, NULL));
}

/* All that this turn of the loop has found ready is gathered. */
static void flush(evutil_socket_t fd, short what, void *argument)
{
    struct message_model *model = argument;

    (void)fd;
    (void)what;
    line_up(model, &model->gathered);
}

/* An edge: there is something to read, or room to write, or an end. */
static void on_edge(evutil_socket_t fd, short what, void *argument)
{
    struct held *held = argument;
    struct message_model *model = held->model;
    enum hand hand = PARKED;

    (void)fd;
    (void)what;
    while (!atomic_compare_exchange_strong(&held->state, &hand,
                                           hand == PARKED ? HELD : HELD_AND_READY))
        continue; /* it has just changed hands: look again */
    if (hand != PARKED)
        return;
    if (session_phase(held->session) == PHASE_PARKED)
        session_move(held->session, PHASE_QUEUED);
    /* Activated now, it comes after all that this look at the kernel has brought. */
    if (model->gathered.first == NULL)
        event_active(model->flush, 0, 0);
    line_append(&model->gathered, held);
}

/* Some sessions have had their moment. */
static void on_moment(evutil_socket_t fd, short what, void *argument)
{
    struct message_model *model = argument;

    (void)fd;
    (void)what;
    line_up(model, &model->moments);
}

/* It is over. */
static void end(struct held *held)
{
    held->model->held--;
    event_free(held->event); /* before the descriptor is closed, and its number somebody else's */
    session_end(held->session);
    free(held);
}

/* Look after the sessions that workers have given back. */
static void tend(struct model *base)
{
    static const struct timeval moment = {.tv_usec = SESSION_MOMENT_NS / 1000};
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
    /* Without memory for a timer there is no moment. */
    if (model->moments.first != NULL && !event_pending(model->moment, EV_TIMEOUT, NULL) &&
        event_add(model->moment, &moment) != 0)
        line_up(model, &model->moments);
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

    if (!has_room(base)) {
        snprintf(why, MODEL_WHY_MAX, "%" PRIu64 " sessions are the most allowed",
                 model->max_sessions);
        return -EAGAIN;
    }
    held = calloc(1, sizeof *held);
    if (held == NULL)
        return -ENOMEM;
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
        return -ENOMEM;
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
    line_up(model, &none); /* more may be wanted */
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
