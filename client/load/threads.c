/* SPDX-License-Identifier: MIT */
/*
 * A thread for each session: the plain way, and the way of the lessons.
 *
 * A session's thread blocks in one system call after another. Its stack is small, and everything it
 * needs is allocated before it starts, so an exchange never calls malloc; OpenSSL does.
 */
#include "client/load/runner.h"

#include "client/load/cpu-quota.h"
#include "client/load/machine-limits.h"
#include "client/session/poll.h"
#include "common/log.h"
#include "common/must.h"
#include "common/translate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The largest stack to try, even if the C library still finds it too small. */
enum { STACK_MAX = 16 << 20 };

struct strand {
    struct threads *threads;
    pthread_t thread;
    struct session session;
    struct session_buffers buffers;
    struct measure_batch batch;
};

struct threads {
    struct runner runner;
    struct load *load;
    unsigned char *memory; /* all buffers and rings */
    int stop_fd;           /* eventfd: wakes sessions that wait for a moment */
    unsigned started;      /* sessions from 0 on that have a thread */
    double cpu_before;     /* seconds of this process */
    unsigned count;
    struct strand strands[];
};

/* --- a session's thread -------------------------------------------------------------------- */

/** Connect, wait for the others, converse. @return whether to do that again */
static bool run_once(struct strand *strand, bool *arrived)
{
    struct load *load = strand->threads->load;
    struct session *session = &strand->session;
    unsigned need = poll_run(session, strand->threads->stop_fd);

    if (!*arrived) {
        barrier_arrive(&load->barrier);
        *arrived = true;
    }
    if (need == NEED_BARRIER) {
        barrier_wait(&load->barrier);
        session_go(session, barrier_opened_ns(&load->barrier));
        (void)poll_run(session, strand->threads->stop_fd);
    }
    return tally_session(load, session);
}

static void *run_session(void *argument)
{
    struct strand *strand = argument;
    struct load *load = strand->threads->load;
    bool arrived = false;

    /* the kernel wakes a thread up to 50 us late, to wake several at once: too late for a schedule */
    if (load->plan->rate > 0)
        (void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    while (run_once(strand, &arrived))
        continue;
    if (strand->batch.count > 0)
        measure_flush(strand->session.target->measure, &strand->batch);
    tally_leave(load);
    return NULL;
}

/**
 * Make one thread. If the C library finds the stack too small for its own share (a sanitizer's
 * thread-local data, for example), double it; the next thread begins with the size that was found.
 */
static int start_thread(struct strand *strand, size_t *stack_bytes)
{
    pthread_attr_t attributes;
    int code;

    do {
        MUST(pthread_attr_init(&attributes));
        code = pthread_attr_setstacksize(&attributes, *stack_bytes);
        if (code == 0)
            code = pthread_create(&strand->thread, &attributes, run_session, strand);
        MUST(pthread_attr_destroy(&attributes));
    } while (code == EINVAL && (*stack_bytes *= 2) <= STACK_MAX);
    return code;
}

/** Give up the sessions that got no thread. */
static void give_up_rest(struct threads *threads)
{
    struct load *load = threads->load;

    for (unsigned i = threads->started; i < threads->count; i++) {
        session_give_up(&threads->strands[i].session, "thread: cannot be started");
        barrier_arrive(&load->barrier);
        (void)tally_session(load, &threads->strands[i].session);
        tally_leave(load);
    }
}

/** CPU seconds of this process. */
static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* --- on the main thread -------------------------------------------------------------------- */

static void start(struct runner *runner)
{
    struct threads *threads = (struct threads *)runner;
    size_t stack_bytes = machine_limits_thread_stack(threads->load->plan->tls != NULL);
    int code = 0;

    threads->cpu_before = cpu_seconds();
    while (threads->started < threads->count && code == 0) {
        code = start_thread(&threads->strands[threads->started], &stack_bytes);
        if (code == 0)
            threads->started++;
    }
    log_verbose("%u threads with stacks of %zu KiB", threads->started, stack_bytes >> 10);
    runner->threads = threads->started;
    if (threads->started == threads->count)
        return;
    log_error(
        "only %u of %u sessions have a thread: %s; lower --sessions, give --threads 1 so that "
        "they share one, or raise the limit on threads (ulimit -u, the cgroup's pids.max, "
        "vm.max_map_count) or memory (ulimit -v)",
        threads->started, threads->count, translate_error(code));
    give_up_rest(threads);
}

static void stop(struct runner *runner)
{
    struct threads *threads = (struct threads *)runner;

    for (unsigned i = 0; i < threads->started; i++)
        session_stop(&threads->strands[i].session);
    (void)eventfd_write(threads->stop_fd, 1); /* and it stays readable */
}

static void join(struct runner *runner)
{
    struct threads *threads = (struct threads *)runner;

    for (unsigned i = 0; i < threads->started; i++)
        MUST(pthread_join(threads->strands[i].thread, NULL));
}

static void look(struct runner *runner, struct progress *progress)
{
    struct threads *threads = (struct threads *)runner;

    for (unsigned i = 0; i < threads->count; i++)
        progress_count(progress, &threads->strands[i].session);
}

static void measure_unsent(const struct runner *runner, int64_t start_ns, int64_t end_ns)
{
    const struct threads *threads = (const struct threads *)runner;

    for (unsigned i = 0; i < threads->count; i++)
        session_measure_unsent(&threads->strands[i].session, start_ns, end_ns);
}

/** The share of the CPUs that the threads could use. */
static double cpu(const struct runner *runner, double seconds)
{
    const struct threads *threads = (const struct threads *)runner;
    double cpus = cpu_quota_share();

    if (cpus > threads->started)
        cpus = threads->started;
    return cpus > 0 && seconds > 0 ? (cpu_seconds() - threads->cpu_before) / seconds / cpus : 0;
}

static void free_threads(struct runner *runner)
{
    struct threads *threads = (struct threads *)runner;

    for (unsigned i = 0; i < threads->count; i++)
        session_clear(&threads->strands[i].session);
    close(threads->stop_fd);
    free(threads->memory);
    free(threads);
}

/** Prepare a session, with its buffers in its share of the memory. */
static void init_strand(struct threads *threads, unsigned i, unsigned char *memory, size_t room)
{
    const struct session_plan *plan = threads->load->plan;
    struct strand *strand = &threads->strands[i];
    struct pending *ring = (struct pending *)memory;

    strand->threads = threads;
    memory += plan->depth * sizeof *ring;
    strand->buffers = (struct session_buffers){
        .reply = memory, .reply_room = room, .flat = memory + room, .batch = &strand->batch};
    session_init(&strand->session, i, plan, &strand->buffers, ring, session_can_be_patient(plan));
}

struct runner *threads_new(struct load *load)
{
    static const struct runner_ops ops = {start,          stop, join,        look,
                                          measure_unsent, cpu,  free_threads};
    unsigned count = load->settings->sessions;
    size_t largest = messages_largest(load->plan->messages);
    size_t room = session_reply_room(largest);
    size_t each = load->plan->depth * sizeof(struct pending) + room +
                  (largest < SESSION_SMALL ? largest : SESSION_SMALL);
    struct threads *threads = calloc(1, sizeof *threads + count * sizeof threads->strands[0]);
    unsigned char *memory;

    each = (each + 15) / 16 * 16;
    memory = calloc(count, each);
    if (threads != NULL && memory != NULL)
        threads->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (threads == NULL || memory == NULL || threads->stop_fd < 0) {
        log_error("cannot get %zu bytes of memory for each of %u sessions, or a descriptor; lower "
                  "--sessions or the size of the messages",
                  each + sizeof threads->strands[0], count);
        free(threads);
        free(memory);
        return NULL;
    }
    threads->runner.ops = &ops;
    threads->load = load;
    threads->memory = memory;
    threads->count = count;
    for (unsigned i = 0; i < count; i++)
        init_strand(threads, i, memory + i * each, room);
    return &threads->runner;
}
