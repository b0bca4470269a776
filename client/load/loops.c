/* SPDX-License-Identifier: MIT */
/*
 * Sessions by the thousand on a few event loops: what the main thread does. loop.c has one loop.
 */
#include "client/load/loop.h"

#include "client/load/cpu-quota.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "common/translate.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- on the main thread -------------------------------------------------------------------- */

static void start(struct runner *runner)
{
    struct loops *loops = (struct loops *)runner;

    for (unsigned i = 0; i < loops->count; i++) {
        struct loop *loop = &loops->loops[i];
        int code = pthread_create(&loop->thread, NULL, loop_run, loop);

        loop->started = code == 0;
        if (loop->started) {
            runner->threads++;
            continue;
        }
        log_error("cannot start thread %u of %u: %s; lower --threads", i + 1, loops->count,
                  translate_error(code));
        loop_give_up(loop);
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

static void free_loops(struct runner *runner)
{
    struct loops *loops = (struct loops *)runner;

    if (loops->links != NULL)
        for (unsigned i = 0; i < loops->sessions; i++)
            if (loops->links[i].loop != NULL)
                session_clear(&loops->links[i].session);
    for (unsigned i = 0; i < loops->count; i++)
        loop_clear(&loops->loops[i]);
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

static void add_links(struct loops *loops)
{
    unsigned first = loops->idle ? loops->load->settings->sessions : 0;

    for (unsigned i = 0; i < loops->sessions; i++)
        loop_add(&loops->loops[i % loops->count], &loops->links[i], first + i,
                 loops->pending + (size_t)i * loops->load->plan->depth);
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
        good = loop_init(loops, i, loops->memory + i * (room + SESSION_SMALL), room);
    if (!good) {
        log_error("cannot get memory or descriptors for %u sessions on %u event loops; lower "
                  "--sessions or --depth, and see ulimit -n",
                  sessions, count);
        free_loops(&loops->runner);
        return NULL;
    }
    add_links(loops);
    return &loops->runner;
}
