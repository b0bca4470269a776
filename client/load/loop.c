/* SPDX-License-Identifier: MIT */
/*
 * One event loop, and its sessions.
 *
 * DESIGN
 * Each of T loops is a thread with an event base that no other thread touches. It runs every T-th
 * session, and they all share its buffers: between two calls a session keeps nothing in them. It waits
 * for a session's descriptor with one persistent event, which costs no system call from message to
 * message. That event is deleted only when something can be read and the session does not read (the
 * server has closed while it thinks), or the loop would spin.
 *
 * There are two kinds of time. A moment (think, a schedule) has an event of its own, to the
 * microsecond. A deadline nearly always lies far off and moves with every message, so it has no event:
 * the loop looks at all deadlines from time to time, so a timeout may come an eighth late.
 */
#include "client/load/loop.h"

#include "client/load/machine-limits.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "common/translate.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* How often the deadlines are looked at. */
#define SWEEP_MIN_NS INT64_C(1000000)
#define SWEEP_MAX_NS INT64_C(100000000)

enum { CACHE_LINE = 64 };

/* What an exchange touches of a link: it lies at the beginning, see struct connection. */
#define LINK_HOT_BYTES                                                                             \
    (offsetof(struct link, session.connection.record) + offsetof(struct session_record, verified))

/* --- one session --------------------------------------------------------------------------- */

static void advance(struct link *link, unsigned ready);

/**
 * Begin to fetch from memory what an exchange of the next session will touch, while this one is in the
 * kernel: with a thousand sessions it is no longer in the cache. Which is the next one is a guess: as replies
 * come in the order of their messages, it is the one that came after this one the last time.
 */
static void fetch_next(struct link *link)
{
    struct loop *loop = link->loop;
    const char *from = (const char *)link->next;

    for (size_t at = 0; at < LINK_HOT_BYTES; at += CACHE_LINE)
        __builtin_prefetch(from + at, 1);
    loop->last->next = link;
    loop->last = link;
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
    struct link *link = argument;

    (void)fd;
    (void)what;
    fetch_next(link);
    if ((link->need & NEED_READ) != 0) {
        advance(link, READY_READ);
    } else {
        event_del(&link->readable);
        link->is_reading = false;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    advance(argument, READY_READ | READY_WRITE); /* read first what has come */
}

static void on_moment(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    advance(argument, READY_TIME);
}

/** Stop watching a socket, before it is closed: another may get its number at once. */
static void on_closing(struct session *session)
{
    struct link *link = (struct link *)((char *)session - offsetof(struct link, session));

    if (link->fd >= 0) {
        event_del(&link->readable);
        event_del(&link->writable);
        link->fd = -1;
        link->is_reading = false;
    }
    event_del(&link->moment);
}

/**
 * Watch for what the session needs.
 *
 * @return false: it cannot be watched, errno says why: the system limits how many descriptors a user's
 *         epolls may watch, and libevent needs memory for some of them
 */
static bool arm(struct link *link, const struct session_wait *wait)
{
    struct event_base *base = link->loop->base;
    int fd = link->session.connection.stream.fd;

    link->need = wait->need;
    link->deadline_ns = wait->deadline_ns;
    if (fd >= 0 && link->fd != fd) {
        MUST(event_assign(&link->readable, base, fd, EV_READ | EV_PERSIST, on_readable, link));
        MUST(event_assign(&link->writable, base, fd, EV_WRITE, on_writable, link));
        link->fd = fd;
    }
    if ((wait->need & NEED_READ) != 0 && !link->is_reading) {
        if (event_add(&link->readable, NULL) != 0)
            return false;
        link->is_reading = true;
    }
    if ((wait->need & NEED_WRITE) != 0 && event_add(&link->writable, NULL) != 0)
        return false;
    if ((wait->need & NEED_MOMENT) != 0) {
        /* rounded up, or the moment would not have come */
        struct timeval left = clock_timeval(wait->moment_ns - clock_now_ns() + 999);

        return event_add(&link->moment, &left) == 0;
    }
    return true;
}

/** Give up a session that cannot be watched. */
static void give_up_unwatched(struct link *link)
{
    int error = errno;

    if (!atomic_flag_test_and_set(&link->loop->loops->warned))
        log_error(
            "cannot watch session %u: %s; raise fs.epoll.max_user_watches, lower --sessions, or "
            "leave --threads out, so that each session has a thread",
            link->session.number, translate_error(error));
    session_give_up(&link->session, "epoll: cannot be watched");
}

/** Arrive at the barrier once, to wait there or because the session never will. */
static void arrive(struct link *link)
{
    struct loops *loops = link->loop->loops;

    if (!link->arrived)
        barrier_arrive(loops->idle ? &loops->load->idle_barrier : &loops->load->barrier);
    link->arrived = true;
}

/** Advance a session, and again if it reconnects. */
static void advance(struct link *link, unsigned ready)
{
    struct loop *loop = link->loop;
    struct load *load = loop->loops->load;
    struct session_wait wait;

    for (;;) {
        session_advance(&link->session, ready, &wait);
        if (wait.need == NEED_BARRIER && barrier_opened_ns(&load->barrier) != 0) {
            session_go(&link->session, barrier_opened_ns(&load->barrier));
            continue;
        }
        if (session_place(&link->session) != PLACE_BEGINNING)
            arrive(link);
        if (wait.need != NEED_NOTHING) {
            if (arm(link, &wait))
                return;
            give_up_unwatched(link);
            arrive(link);
        }
        if (!tally_session(load, &link->session)) {
            link->need = NEED_NOTHING;
            tally_leave(load);
            if (--loop->running == 0)
                event_base_loopbreak(loop->base);
            return;
        }
        ready = 0;
    }
}

/* --- a loop's thread ----------------------------------------------------------------------- */

/** Go through the links of one loop. */
#define FOR_EACH_LINK(link, loop)                                                                  \
    for (struct link *link = (loop)->links + (loop)->number;                                       \
         link < (loop)->links + (loop)->loops->sessions; link += (loop)->loops->count)

static void on_opened(evutil_socket_t fd, short what, void *argument)
{
    struct loop *loop = argument;

    (void)fd;
    (void)what;
    FOR_EACH_LINK (link, loop)
        if (link->need == NEED_BARRIER)
            advance(link, 0);
}

static void on_stop(evutil_socket_t fd, short what, void *argument)
{
    struct loop *loop = argument;

    (void)fd;
    (void)what;
    FOR_EACH_LINK (link, loop) {
        session_stop(&link->session);
        if (link->need != NEED_NOTHING)
            advance(link, READY_READ | READY_WRITE | READY_TIME);
    }
}

/** Add to the histograms the batches that were begun by a moment. */
static void flush(struct loop *loop, int64_t begun_ns)
{
    const struct session_plan *plan = loop->loops->load->plan;

    for (unsigned i = 0; i < plan->target_count; i++) {
        struct measure_batch *batch = loop->buffers[i].batch;

        if (batch->count > 0 && batch->begun_ns <= begun_ns)
            measure_flush(plan->targets[i].measure, batch);
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *argument)
{
    struct loop *loop = argument;
    int64_t now_ns = clock_now_ns();

    (void)fd;
    (void)what;
    FOR_EACH_LINK (link, loop)
        if (link->need != NEED_NOTHING && link->deadline_ns <= now_ns)
            advance(link, READY_READ | READY_TIME);
    flush(loop, now_ns - MEASURE_PATIENCE_NS);
}

void *loop_run(void *argument)
{
    struct loop *loop = argument;
    struct timespec cpu;

    FOR_EACH_LINK (link, loop)
        advance(link, 0);
    if (loop->running > 0 && event_base_dispatch(loop->base) != 0)
        log_fatal("an event loop has failed");
    flush(loop, INT64_MAX);
    /* Otherwise a filter of system calls refuses it, and it is unknown. */
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
        loop->cpu_ns = cpu.tv_sec * SECOND_NS + cpu.tv_nsec;
    return NULL;
}

void loop_give_up(struct loop *loop)
{
    struct load *load = loop->loops->load;

    FOR_EACH_LINK (link, loop) {
        session_give_up(&link->session, "thread: cannot be started");
        arrive(link);
        (void)tally_session(load, &link->session);
        tally_leave(load);
    }
}

/* --- making one ---------------------------------------------------------------------------- */

/**
 * Make a base for one thread, without locks. If moments matter its clock is precise to the
 * microsecond, which costs a system call each turn; otherwise to the millisecond.
 */
static struct event_base *make_base(const struct session_plan *plan)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    int flags = EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME;

    if (config == NULL)
        return NULL;
    if (plan->rate > 0 || plan->think.kind != SPREAD_NONE)
        flags |= EVENT_BASE_FLAG_PRECISE_TIMER;
    if (event_config_set_flag(config, flags) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

/** How often to look at the deadlines, for an operation's time limit. */
static struct timeval sweep_period(int64_t timeout_ns)
{
    int64_t period_ns = timeout_ns / 8;

    if (period_ns < SWEEP_MIN_NS)
        period_ns = SWEEP_MIN_NS;
    if (period_ns > SWEEP_MAX_NS)
        period_ns = SWEEP_MAX_NS;
    return clock_timeval(period_ns);
}

/** Check for the descriptors of one more loop: if there is none for its pipe, libevent ends the program. */
static bool has_descriptors(int any)
{
    int fds[LOOP_DESCRIPTORS];
    int count = 0;

    while (count < LOOP_DESCRIPTORS && (fds[count] = fcntl(any, F_DUPFD_CLOEXEC, 0)) >= 0)
        count++;
    for (int i = 0; i < count; i++)
        close(fds[i]);
    return count == LOOP_DESCRIPTORS;
}

bool loop_init(struct loops *loops, unsigned number, unsigned char *memory, size_t room)
{
    struct loop *loop = &loops->loops[number];
    const struct timeval period = sweep_period(loops->load->plan->timeout_ns);
    unsigned targets = loops->load->plan->target_count;

    loop->loops = loops;
    loop->number = number;
    loop->links = loops->links;
    loop->buffers = loops->buffers + (size_t)number * targets;
    for (unsigned i = 0; i < targets; i++)
        loop->buffers[i] =
            (struct session_buffers){.reply = memory,
                                     .reply_room = room,
                                     .flat = memory + room,
                                     .batch = &loops->batches[(size_t)number * targets + i],
                                     .closing = on_closing};
    if (!has_descriptors(loops->stop_fd))
        return false;
    loop->base = make_base(loops->load->plan);
    if (loop->base == NULL)
        return false;
    loop->opened =
        event_new(loop->base, barrier_fd(&loops->load->barrier), EV_READ, on_opened, loop);
    loop->stop = event_new(loop->base, loops->stop_fd, EV_READ, on_stop, loop);
    loop->sweep = event_new(loop->base, -1, EV_PERSIST, on_sweep, loop);
    return loop->opened != NULL && loop->stop != NULL && loop->sweep != NULL &&
           (!loops->load->plan->barrier || event_add(loop->opened, NULL) == 0) &&
           event_add(loop->stop, NULL) == 0 && event_add(loop->sweep, &period) == 0;
}

void loop_add(struct loop *loop, struct link *link, unsigned number, struct pending *pending)
{
    const struct session_plan *plan = loop->loops->load->plan;

    link->loop = loop;
    loop->running++;
    link->fd = -1;
    link->next = link;
    loop->last = link;
    link->deadline_ns = INT64_MAX;
    MUST(evtimer_assign(&link->moment, loop->base, on_moment, link));
    session_init(&link->session, number, plan, &loop->buffers[number % plan->target_count], pending,
                 false);
    if (loop->loops->idle)
        session_set_idle(&link->session);
}

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

void loop_clear(struct loop *loop)
{
    free_event(loop->opened);
    free_event(loop->stop);
    free_event(loop->sweep);
    if (loop->base != NULL)
        event_base_free(loop->base);
}
