/* SPDX-License-Identifier: MIT */
/*
 * Sessions by the thousand on a few event loops.
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
#include "client/load/runner.h"

#include "client/load/cpu-quota.h"
#include "client/load/machine-limits.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "common/translate.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* How often the deadlines are looked at. */
#define SWEEP_MIN_NS INT64_C(1000000)
#define SWEEP_MAX_NS INT64_C(100000000)

struct loop;

/* One session and what it waits for. Used by its loop's thread only. */
struct link {
    struct loop *loop;
    int64_t deadline_ns;
    unsigned need;
    bool arrived;      /* at the barrier */
    bool is_reading;   /* readable is in the base */
    int fd;            /* of the events; -1: they are not assigned */
    struct link *next; /* the one that could be read after this one, the last time */
    /* an exchange touches both, the session at its beginning: so they are neighbours */
    struct event readable;
    struct session session;
    struct event writable;
    struct event moment;
};

enum { CACHE_LINE = 64 };

/* What an exchange touches of a link: it lies at the beginning, see struct connection. */
#define LINK_HOT_BYTES                                                                             \
    (offsetof(struct link, session.connection.record) + offsetof(struct session_record, verified))

struct loop {
    struct loops *loops;
    pthread_t thread;
    bool started;
    struct event_base *base;
    struct event *opened; /* the barrier */
    struct event *stop;
    struct event *sweep;
    struct session_buffers *buffers; /* one for each target; they differ in their batches */
    struct link *links;              /* of all loops; this one has every T-th, from its number on */
    struct link *last;               /* that could be read */
    unsigned number;
    unsigned running; /* links that are not over for good */
    int64_t cpu_ns;   /* of the thread, at its end */
};

struct loops {
    struct runner runner;
    struct load *load;
    bool idle;
    unsigned sessions;
    struct link *links;
    struct pending *pending;
    unsigned char *memory;
    struct session_buffers *buffers; /* of each loop, one for each target */
    struct measure_batch *batches;   /* likewise */
    int stop_fd;                     /* eventfd */
    atomic_flag warned;              /* of a session that could not be watched: once is enough */
    unsigned count;
    struct loop loops[];
};

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

static void *run_loop(void *argument)
{
    struct loop *loop = argument;
    struct timespec cpu;

    FOR_EACH_LINK (link, loop)
        advance(link, 0);
    if (loop->running > 0 && event_base_dispatch(loop->base) != 0)
        log_fatal("an event loop has failed");
    flush(loop, INT64_MAX);
    MUST(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu));
    loop->cpu_ns = cpu.tv_sec * SECOND_NS + cpu.tv_nsec;
    return NULL;
}

/* --- on the main thread -------------------------------------------------------------------- */

/** Give up the sessions of a loop that has no thread. */
static void give_up(struct loop *loop)
{
    struct load *load = loop->loops->load;

    FOR_EACH_LINK (link, loop) {
        session_give_up(&link->session, "thread: cannot be started");
        arrive(link);
        (void)tally_session(load, &link->session);
        tally_leave(load);
    }
}

static void start(struct runner *runner)
{
    struct loops *loops = (struct loops *)runner;

    for (unsigned i = 0; i < loops->count; i++) {
        struct loop *loop = &loops->loops[i];
        int code = pthread_create(&loop->thread, NULL, run_loop, loop);

        loop->started = code == 0;
        if (loop->started) {
            runner->threads++;
            continue;
        }
        log_error("cannot start thread %u of %u: %s; lower --threads", i + 1, loops->count,
                  translate_error(code));
        give_up(loop);
    }
}

static void stop(struct runner *runner)
{
    MUST(eventfd_write(((struct loops *)runner)->stop_fd, 1));
}

static void join(struct runner *runner)
{
    struct loops *loops = (struct loops *)runner;

    for (unsigned i = 0; i < loops->count; i++)
        if (loops->loops[i].started)
            MUST(pthread_join(loops->loops[i].thread, NULL));
}

static void look(struct runner *runner, struct progress *progress)
{
    struct loops *loops = (struct loops *)runner;

    for (unsigned i = 0; i < loops->sessions; i++)
        progress_count(progress, &loops->links[i].session);
}

static void measure_unsent(const struct runner *runner, int64_t start_ns, int64_t end_ns)
{
    const struct loops *loops = (const struct loops *)runner;

    for (unsigned i = 0; i < loops->sessions; i++)
        session_measure_unsent(&loops->links[i].session, start_ns, end_ns);
}

/** The share of a CPU that the busiest loop took, or of the CPUs that all loops took if that is more. */
static double cpu(const struct runner *runner, double seconds)
{
    const struct loops *loops = (const struct loops *)runner;
    int64_t most_ns = 0, all_ns = 0;
    double most, all;

    for (unsigned i = 0; i < loops->count; i++) {
        all_ns += loops->loops[i].cpu_ns;
        if (loops->loops[i].cpu_ns > most_ns)
            most_ns = loops->loops[i].cpu_ns;
    }
    /* one loop can take no more than a CPU, and all of them no more than the cgroup allows */
    most = (double)most_ns / (double)SECOND_NS;
    all = (double)all_ns / (double)SECOND_NS / cpu_quota_share();
    return seconds > 0 ? (all > most ? all : most) / seconds : 0;
}

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

static void free_loops(struct runner *runner)
{
    struct loops *loops = (struct loops *)runner;

    if (loops->links != NULL)
        for (unsigned i = 0; i < loops->sessions; i++)
            if (loops->links[i].loop != NULL)
                session_clear(&loops->links[i].session);
    for (unsigned i = 0; i < loops->count; i++) {
        free_event(loops->loops[i].opened);
        free_event(loops->loops[i].stop);
        free_event(loops->loops[i].sweep);
        if (loops->loops[i].base != NULL)
            event_base_free(loops->loops[i].base);
    }
    if (loops->stop_fd >= 0)
        close(loops->stop_fd);
    free(loops->links);
    free(loops->pending);
    free(loops->memory);
    free(loops->buffers);
    free(loops->batches);
    free(loops);
}

/* --- making one ---------------------------------------------------------------------------- */

/** Keep what libevent reports for --verbose: a failure that matters has a sentence of ours. */
static void log_from_libevent(int severity, const char *message)
{
    int error = errno;

    if (severity >= EVENT_LOG_WARN)
        log_verbose("libevent: %s", message);
    errno = error;
}

static _Noreturn void die_of_libevent(int code)
{
    log_fatal(
        "an event loop cannot work (libevent error %d); too few descriptors may be allowed, see "
        "ulimit -n",
        code);
}

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

static bool init_loop(struct loops *loops, unsigned number, unsigned char *memory, size_t room)
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

static void init_links(struct loops *loops)
{
    const struct session_plan *plan = loops->load->plan;
    unsigned first = loops->idle ? loops->load->settings->sessions : 0;

    for (unsigned i = 0; i < loops->sessions; i++) {
        struct link *link = &loops->links[i];

        link->loop = &loops->loops[i % loops->count];
        link->loop->running++;
        link->fd = -1;
        link->next = link;
        link->loop->last = link;
        link->deadline_ns = INT64_MAX;
        MUST(evtimer_assign(&link->moment, link->loop->base, on_moment, link));
        session_init(&link->session, first + i, plan,
                     &link->loop->buffers[(first + i) % plan->target_count],
                     loops->pending + (size_t)i * plan->depth, false);
        if (loops->idle)
            session_set_idle(&link->session);
    }
}

struct runner *loops_new(struct load *load, unsigned count, bool idle)
{
    static const struct runner_ops ops = {start, stop, join, look, measure_unsent, cpu, free_loops};
    unsigned sessions = idle ? load->settings->idle : load->settings->sessions;
    unsigned targets = load->plan->target_count;
    size_t room = session_reply_room(messages_largest(load->plan->messages));
    struct loops *loops;
    bool good;

    if (count > sessions)
        count = sessions;
    event_set_log_callback(log_from_libevent);
    event_set_fatal_callback(die_of_libevent);
    loops = calloc(1, sizeof *loops + count * sizeof loops->loops[0]);
    if (loops == NULL) {
        log_error("cannot get memory for %u event loops", count);
        return NULL;
    }
    loops->runner.ops = &ops;
    atomic_flag_clear(&loops->warned);
    loops->load = load;
    loops->idle = idle;
    loops->sessions = sessions;
    loops->count = count;
    loops->links = calloc(sessions, sizeof *loops->links);
    loops->pending = calloc((size_t)sessions * load->plan->depth, sizeof *loops->pending);
    loops->memory = malloc(count * (room + SESSION_SMALL));
    loops->buffers = calloc((size_t)count * targets, sizeof *loops->buffers);
    loops->batches = calloc((size_t)count * targets, sizeof *loops->batches);
    loops->stop_fd = eventfd(0, EFD_CLOEXEC);
    good = loops->links != NULL && loops->pending != NULL && loops->memory != NULL &&
           loops->buffers != NULL && loops->batches != NULL && loops->stop_fd >= 0;
    for (unsigned i = 0; i < count && good; i++)
        good = init_loop(loops, i, loops->memory + i * (room + SESSION_SMALL), room);
    if (!good) {
        log_error("cannot get memory or descriptors for %u sessions on %u event loops; lower "
                  "--sessions or --depth, and see ulimit -n",
                  sessions, count);
        free_loops(&loops->runner);
        return NULL;
    }
    init_links(loops);
    return &loops->runner;
}
