/* SPDX-License-Identifier: MIT */
/*
 * N sessions, a thread each, and the main thread that waits for them.
 *
 * DESIGN
 * A session's thread blocks in one system call after another; that is the plain way, and the one
 * that the lessons are about. Its stack is small, and everything it needs is allocated before it
 * starts, so it never calls malloc (which would give each thread an arena); OpenSSL does.
 *
 * The main thread makes the threads and then waits in poll() for two descriptors: an eventfd that
 * the last session writes, and a signalfd. No signal handler runs anywhere. On a signal it stops
 * each session by shutting its socket down; that ends their connecting as well, so that all arrive
 * at the barrier and it opens.
 */
#include "client/load.h"

#include "client/barrier.h"
#include "client/limits.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How often the progress line changes, and how often sessions that outlive a stop are asked again. */
enum { PROGRESS_MS = 200, STOP_AGAIN_MS = 50 };

/* More than this no thread is given, however large the C library says a stack must be. */
enum { STACK_MAX = 16 << 20 };

struct load;

struct runner {
    struct load *load;
    pthread_t thread;
    struct session session;
};

struct load {
    /* set before the threads start, then read-only */
    const struct load_settings *settings;
    const struct session_plan *plan;
    struct runner *runners;
    unsigned char *memory; /* of all sessions */
    int signals;           /* signalfd */
    int all_over;          /* eventfd, written by the last session */

    struct barrier barrier; /* locks for itself */
    atomic_uint running;    /* threads that have not finished, and one for the main thread */

    /* the main thread's own */
    sigset_t handled;
    sigset_t previous;
    unsigned started; /* threads; the sessions [0, started) have one */
    int interrupted;  /* the signal, or 0 */
};

/* --- a session's thread ----------------------------------------------------------------------- */

/** The last to leave tells the main thread. */
static void leave(struct load *load)
{
    const uint64_t one = 1;

    if (atomic_fetch_sub(&load->running, 1) == 1)
        MUST(write(load->all_over, &one, sizeof one) != sizeof one);
}

static void *run_session(void *argument)
{
    struct runner *runner = argument;
    struct session *session = &runner->session;
    bool connected = session_connect(session);

    barrier_arrive(&runner->load->barrier);
    if (connected) {
        barrier_wait(&runner->load->barrier);
        if (session_shake_hands(session) && session_converse(session))
            session_finish(session);
    }
    session_close(session);
    leave(runner->load);
    return NULL;
}

/* --- setting up ------------------------------------------------------------------------------- */

/** Take SIGINT and SIGTERM out of the air, except where whoever started us had them ignored. */
static void block_signals(struct load *load)
{
    static const int signals[] = {SIGINT, SIGTERM};

    sigemptyset(&load->handled);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;

        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&load->handled, signals[i]);
    }
    MUST(pthread_sigmask(SIG_BLOCK, &load->handled, &load->previous));
}

static bool allocate(struct load *load)
{
    unsigned sessions = load->settings->sessions;
    size_t largest = messages_largest(load->plan->messages);
    size_t each = session_memory(largest);

    load->runners = calloc(sessions, sizeof *load->runners);
    load->memory = calloc(sessions, each);
    if (load->runners == NULL || load->memory == NULL) {
        log_error("cannot get %zu bytes of memory for each of %u sessions; lower --sessions or "
                  "the size of the messages",
                  each + sizeof *load->runners, sessions);
        return false;
    }
    for (unsigned i = 0; i < sessions; i++) {
        load->runners[i].load = load;
        session_init(&load->runners[i].session, i, load->plan, load->memory + i * each, largest);
    }
    return true;
}

/** @return false: the run cannot begin, and why has been said */
static bool set_up(struct load *load)
{
    load->signals = -1;
    load->all_over = eventfd(0, EFD_CLOEXEC);
    if (load->all_over >= 0)
        load->signals = signalfd(-1, &load->handled, SFD_CLOEXEC);
    if (load->signals < 0) {
        log_error("cannot open a descriptor: %s; see ulimit -n", strerror(errno));
        return false;
    }
    return allocate(load);
}

static void clean_up(struct load *load)
{
    if (load->runners != NULL && load->memory != NULL)
        for (unsigned i = 0; i < load->settings->sessions; i++)
            session_clear(&load->runners[i].session);
    free(load->runners);
    free(load->memory);
    if (load->signals >= 0)
        close(load->signals);
    if (load->all_over >= 0)
        close(load->all_over);
    MUST(pthread_sigmask(SIG_SETMASK, &load->previous, NULL));
}

/* --- threads ---------------------------------------------------------------------------------- */

/**
 * Make one thread. The stack grows where the C library finds it too small for its own share (a
 * sanitizer's thread-local data, for one); the next thread begins with what was found.
 */
static int start_thread(struct runner *runner, size_t *stack_bytes)
{
    pthread_attr_t attributes;
    int code;

    do {
        MUST(pthread_attr_init(&attributes));
        code = pthread_attr_setstacksize(&attributes, *stack_bytes);
        if (code == 0)
            code = pthread_create(&runner->thread, &attributes, run_session, runner);
        MUST(pthread_attr_destroy(&attributes));
    } while (code == EINVAL && (*stack_bytes *= 2) <= STACK_MAX);
    return code;
}

/** Make all threads, or as many as the machine gives. The other sessions are settled as failed. */
static void start_threads(struct load *load)
{
    unsigned sessions = load->settings->sessions;
    size_t stack_bytes = limits_thread_stack(load->plan->tls != NULL);
    int code = 0;

    while (load->started < sessions && code == 0) {
        atomic_fetch_add(&load->running, 1);
        code = start_thread(&load->runners[load->started], &stack_bytes);
        if (code == 0)
            load->started++;
        else
            atomic_fetch_sub(&load->running, 1);
    }
    log_verbose("%u threads with stacks of %zu KiB", load->started, stack_bytes >> 10);
    if (load->started == sessions)
        return;
    log_error("only %u of %u sessions have a thread: %s; lower --sessions, or raise the limit on "
              "threads (ulimit -u, the cgroup's pids.max, vm.max_map_count) or memory (ulimit -v)",
              load->started, sessions, strerror(code));
    for (unsigned i = load->started; i < sessions; i++) {
        session_fail(&load->runners[i].session, "thread: cannot be started");
        barrier_arrive(&load->barrier);
    }
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void show_progress(const struct load *load)
{
    unsigned over = 0;
    uint64_t verified = 0;
    char line[96];

    for (unsigned i = 0; i < load->started; i++) {
        over += session_is_over(&load->runners[i].session) ? 1 : 0;
        verified += session_verified(&load->runners[i].session);
    }
    snprintf(line, sizeof line, "%u of %u sessions done, %llu messages verified", over,
             load->settings->sessions, (unsigned long long)verified);
    fprintf(stderr, "\r%-72s", line);
    fflush(stderr);
}

static void stop_all(struct load *load)
{
    for (unsigned i = 0; i < load->started; i++)
        session_stop(&load->runners[i].session);
}

/** The first signal stops the sessions, and lets a second one end the program as it always does. */
static void take_signal(struct load *load)
{
    struct signalfd_siginfo info;

    if (read(load->signals, &info, sizeof info) != sizeof info)
        return;
    load->interrupted = (int)info.ssi_signo;
    MUST(pthread_sigmask(SIG_UNBLOCK, &load->handled, NULL));
    stop_all(load);
}

/** Wait for the last session to be over. */
static void wait_for_sessions(struct load *load)
{
    struct pollfd ready[] = {{.fd = load->all_over, .events = POLLIN},
                             {.fd = load->signals, .events = POLLIN}};

    leave(load); /* from now on there is one who is the last */
    for (;;) {
        /* a session that was between socket() and connect() did not feel the first stop */
        int limit_ms = load->interrupted != 0     ? STOP_AGAIN_MS
                       : load->settings->progress ? PROGRESS_MS
                                                  : -1;
        int answer;

        ready[1].fd = load->interrupted != 0 ? -1 : load->signals;
        answer = poll(ready, 2, limit_ms);
        if (answer > 0 && (ready[0].revents & POLLIN) != 0)
            break;
        if (answer > 0 && (ready[1].revents & POLLIN) != 0)
            take_signal(load);
        if (answer == 0 && load->interrupted != 0)
            stop_all(load);
        if (answer == 0 && load->settings->progress)
            show_progress(load);
    }
    if (load->settings->progress)
        fprintf(stderr, "\r%72s\r", "");
}

bool load_run(const struct load_settings *settings, const struct session_plan *plan,
              struct summary *summary)
{
    struct session_plan own = *plan;
    struct load load = {.settings = settings, .plan = &own};
    atomic_flag shown = ATOMIC_FLAG_INIT;
    int64_t end_ns;
    bool ready;

    own.measure = &summary->measure;
    own.shown = &shown;
    atomic_init(&load.running, 1);
    limits_prepare(settings->sessions);
    block_signals(&load);
    ready = set_up(&load);
    if (ready) {
        barrier_init(&load.barrier, settings->barrier ? settings->sessions : 0);
        start_threads(&load);
        wait_for_sessions(&load);
        for (unsigned i = 0; i < load.started; i++)
            MUST(pthread_join(load.runners[i].thread, NULL));
        end_ns = clock_now_ns();
        for (unsigned i = 0; i < settings->sessions; i++)
            summary_add(summary, &load.runners[i].session);
        summary_sort_errors(summary);
        summary->seconds = (double)(end_ns - barrier_opened_ns(&load.barrier)) / 1e9;
        summary->interrupted = load.interrupted;
        barrier_clear(&load.barrier);
    }
    clean_up(&load);
    return ready;
}
