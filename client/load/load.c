/* SPDX-License-Identifier: MIT */
/*
 * One load, from the first thread to the last session, seen from the main thread.
 *
 * DESIGN
 * A runner runs the sessions: threads.c or loops.c; those of --idle are always on one loop. The main
 * thread starts them and then waits in poll() for two descriptors, an eventfd that the last session
 * writes and a signalfd, and for the time of the next view. No signal handler runs meanwhile. On a
 * signal it stops each session by shutting its socket down; that ends connect() as well, so that all
 * sessions arrive at the barrier and it opens.
 *
 *     main:     idle.start ─> all idle are connected ─> runner.start ─> wait ─> idle.stop ─> join
 *     sessions:      connect ─> barrier ─> converse ─> tally_session ─> tally_leave
 */
#include "client/load/load.h"

#include "client/load/cpu-quota.h"
#include "client/load/machine-limits.h"
#include "client/load/runner.h"
#include "client/load/signals.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "common/translate.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How often sessions that outlive a stop are stopped again. */
#define STOP_AGAIN_NS INT64_C(50000000)

enum { VIEWS_MAX = 8 };

/** What only the main thread uses. */
struct conductor {
    struct load load;
    struct session_plan plan;
    struct runner *runner;
    struct runner *idle; /* NULL: there are none */
    int signals;         /* signalfd */
    struct signals blocked;
    int interrupted;     /* the signal, or 0 */
    int64_t start_at_ns; /* by clock.h: when the main thread arrives at the barrier; 0: it has */
    int64_t stop_again_ns;
    int64_t tick_ns[VIEWS_MAX]; /* the next one of each view; INT64_MAX: it wants none */
    uint64_t verified;          /* as the views saw it last */
    struct histogram *echo;     /* a copy, for the views */
};

/* --- setting up ---------------------------------------------------------------------------- */

/** @return false: there is no descriptor, which is logged */
static bool open_descriptors(struct conductor *conductor)
{
    struct load *load = &conductor->load;
    unsigned awaited =
        load->plan->barrier ? load->settings->sessions + (conductor->start_at_ns != 0 ? 1 : 0) : 0;

    load->all_over = eventfd(0, EFD_CLOEXEC);
    conductor->signals = signalfd(-1, &conductor->blocked.handled, SFD_CLOEXEC);
    if (load->all_over >= 0 && conductor->signals >= 0) {
        int code = barrier_init(&load->barrier, awaited);

        if (code == 0) {
            code = barrier_init(&load->idle_barrier, load->settings->idle);
            if (code == 0)
                return true;
            barrier_clear(&load->barrier);
        }
        errno = -code;
    }
    log_error("cannot open a descriptor: %s; see ulimit -n", translate_error(errno));
    if (conductor->signals >= 0)
        close(conductor->signals);
    if (load->all_over >= 0)
        close(load->all_over);
    return false;
}

static void close_descriptors(struct conductor *conductor)
{
    barrier_clear(&conductor->load.idle_barrier);
    barrier_clear(&conductor->load.barrier);
    close(conductor->signals);
    close(conductor->load.all_over);
}

/** @return false: no memory, which is logged */
static bool make_runners(struct conductor *conductor)
{
    struct load *load = &conductor->load;
    const struct load_settings *settings = load->settings;

    atomic_init(&load->running, 1 + settings->sessions);
    if (settings->threads > 0)
        conductor->runner = loops_new(load, settings->threads, false);
    else
        conductor->runner = threads_new(load);
    if (conductor->runner != NULL && settings->idle > 0)
        conductor->idle = loops_new(load, 1, true);
    return conductor->runner != NULL && (settings->idle == 0 || conductor->idle != NULL);
}

static void free_runner(struct runner *runner)
{
    if (runner != NULL)
        runner->ops->free(runner);
}

/** When the first message may be sent, by the monotonic clock. 0: at once */
static int64_t start_of(const struct load_settings *settings)
{
    if (settings->start_at_ns == 0)
        return 0;
    return settings->start_at_ns - settings->wall_ahead_ns;
}

/* --- views --------------------------------------------------------------------------------- */

/** Fill in how the load stands. */
static void look(struct conductor *conductor, struct progress *progress)
{
    struct load *load = &conductor->load;
    const struct load_settings *settings = load->settings;
    struct progress idle = {0};

    *progress = (struct progress){
        .now_ns = clock_now_ns(),
        .started_ns =
            load->plan->barrier ? barrier_opened_ns(&load->barrier) : load->plan->begin_ns,
        .duration_ns = load->plan->duration_ns,
        .step = settings->step,
        .steps = settings->steps,
        .sessions = settings->sessions,
        .rate = load->plan->rate,
        .echo = conductor->echo,
    };
    if (!settings->churn && load->plan->message_count <= UINT64_MAX / settings->sessions)
        progress->expected = load->plan->message_count * settings->sessions;
    MUST(pthread_mutex_lock(&load->lock));
    progress->failed = load->summary->failed + load->summary->refused;
    progress->verified = load->summary->verified;
    progress->bytes = load->summary->bytes;
    conductor->runner->ops->look(conductor->runner, progress);
    MUST(pthread_mutex_unlock(&load->lock));
    if (conductor->idle != NULL)
        conductor->idle->ops->look(conductor->idle, &idle);
    progress->idle = idle.queued + idle.served;
    /* a session that ends now may be in neither sum for a moment */
    if (progress->verified < conductor->verified)
        progress->verified = conductor->verified;
    conductor->verified = progress->verified;
    if (conductor->echo != NULL) {
        histogram_clear(conductor->echo);
        for (unsigned i = 0; i < load->plan->target_count; i++)
            measure_peek(load->plan->targets[i].measure, MEASURE_ECHO, conductor->echo);
    }
}

/** Show the views the sessions that have ended. */
static void show_ended(struct conductor *conductor)
{
    const struct load_settings *settings = conductor->load.settings;
    struct ended *ended = tally_take_ended(&conductor->load);

    while (ended != NULL) {
        struct ended *next = ended->next;

        for (unsigned i = 0; i < settings->view_count; i++)
            if (settings->views[i]->ops->session != NULL)
                settings->views[i]->ops->session(settings->views[i], &ended->record);
        free(ended);
        ended = next;
    }
}

/** Call the views that are due. @return when the next one is */
static int64_t tick(struct conductor *conductor)
{
    const struct load_settings *settings = conductor->load.settings;
    int64_t now_ns = clock_now_ns();
    int64_t next_ns = INT64_MAX;
    struct progress progress;
    bool looked = false;

    for (unsigned i = 0; i < settings->view_count; i++) {
        struct view *view = settings->views[i];

        if (conductor->tick_ns[i] <= now_ns) {
            if (!looked) {
                show_ended(conductor);
                look(conductor, &progress);
            }
            looked = true;
            view->ops->tick(view, &progress);
            conductor->tick_ns[i] = now_ns + view->period_ns;
        }
        if (conductor->tick_ns[i] < next_ns)
            next_ns = conductor->tick_ns[i];
    }
    return next_ns;
}

static void begin_views(struct conductor *conductor)
{
    const struct load_settings *settings = conductor->load.settings;
    struct progress progress;

    if (settings->view_count > 0) {
        conductor->echo = histogram_new(); /* without memory the views have none, and show that */
        look(conductor, &progress);
    }
    for (unsigned i = 0; i < settings->view_count; i++) {
        struct view *view = settings->views[i];

        if (view->ops->begin != NULL)
            view->ops->begin(view, &progress);
        conductor->tick_ns[i] = view->ops->tick != NULL && view->period_ns > 0
                                    ? progress.now_ns + view->period_ns
                                    : INT64_MAX;
    }
}

static void end_views(struct conductor *conductor)
{
    const struct load_settings *settings = conductor->load.settings;
    struct progress progress;

    if (settings->view_count > 0) {
        show_ended(conductor);
        look(conductor, &progress);
    }
    for (unsigned i = 0; i < settings->view_count; i++)
        if (settings->views[i]->ops->end != NULL)
            settings->views[i]->ops->end(settings->views[i], &progress, conductor->load.summary);
    histogram_free(conductor->echo);
}

/* --- waiting ------------------------------------------------------------------------------- */

static void stop_all(struct conductor *conductor)
{
    atomic_store(&conductor->load.stopping, true);
    if (conductor->idle != NULL)
        conductor->idle->ops->stop(conductor->idle);
    conductor->runner->ops->stop(conductor->runner);
    conductor->stop_again_ns = clock_now_ns() + STOP_AGAIN_NS;
}

/** Stop the sessions on the first signal. A second one ends the program, as it does by default. */
static void take_signal(struct conductor *conductor)
{
    struct signalfd_siginfo info;

    if (read(conductor->signals, &info, sizeof info) != sizeof info)
        return;
    conductor->interrupted = (int)info.ssi_signo;
    signals_unblock(&conductor->blocked);
    stop_all(conductor);
}

/** Do what is due by now. @return when the next thing is */
static int64_t do_what_is_due(struct conductor *conductor)
{
    int64_t now_ns = clock_now_ns();
    int64_t next_ns = tick(conductor);

    if (conductor->start_at_ns != 0 &&
        (now_ns >= conductor->start_at_ns || conductor->interrupted != 0)) {
        if (conductor->load.plan->barrier)
            barrier_arrive(&conductor->load.barrier);
        conductor->start_at_ns = 0;
    }
    if (conductor->start_at_ns != 0 && conductor->start_at_ns < next_ns)
        next_ns = conductor->start_at_ns;
    /* the first stop has no effect on a session between socket() and connect() */
    if (conductor->interrupted != 0 && now_ns >= conductor->stop_again_ns)
        stop_all(conductor);
    if (conductor->interrupted != 0 && conductor->stop_again_ns < next_ns)
        next_ns = conductor->stop_again_ns;
    return next_ns;
}

/** Wait until a descriptor is readable, and meanwhile do what is due. */
static void wait_for(struct conductor *conductor, int fd)
{
    for (;;) {
        int64_t next_ns = do_what_is_due(conductor);
        struct timespec left = clock_timespec(next_ns - clock_now_ns());
        struct pollfd ready[] = {
            {.fd = fd, .events = POLLIN},
            {.fd = conductor->interrupted != 0 ? -1 : conductor->signals, .events = POLLIN}};
        int answer;

        answer = ppoll(ready, 2, next_ns == INT64_MAX ? NULL : &left, NULL);
        if (answer > 0 && (ready[0].revents & POLLIN) != 0)
            return;
        if (answer > 0 && (ready[1].revents & POLLIN) != 0)
            take_signal(conductor);
    }
}

/* --- all together -------------------------------------------------------------------------- */

/** Run all sessions. The idle ones first, so that they hold what the others then lack. */
static void run(struct conductor *conductor)
{
    struct load *load = &conductor->load;

    if (conductor->idle != NULL) {
        conductor->idle->ops->start(conductor->idle);
        wait_for(conductor, barrier_fd(&load->idle_barrier));
    }
    conductor->runner->ops->start(conductor->runner);
    if (conductor->interrupted != 0)
        stop_all(conductor);
    tally_leave(load); /* from now on a session can be the last */
    wait_for(conductor, load->all_over);
    conductor->runner->ops->join(conductor->runner);
    if (conductor->idle != NULL) {
        conductor->idle->ops->stop(conductor->idle);
        conductor->idle->ops->join(conductor->idle);
    }
}

/** Complete the summaries of the targets, and add up what was measured in them. */
static void complete_targets(struct conductor *conductor)
{
    const struct session_plan *plan = conductor->load.plan;
    struct summary *summary = conductor->load.summary;

    for (unsigned i = 0; i < summary->target_count; i++) {
        struct summary *target = summary->targets[i];
        unsigned sessions = (plan->sessions + plan->target_count - 1 - i) / plan->target_count;

        target->concurrency = sessions;
        target->rate = plan->rate * sessions / plan->sessions;
        target->depth = plan->depth;
        target->seconds = summary->seconds;
        target->warm_up_seconds = summary->warm_up_seconds;
        summary_sort_errors(target);
        measure_merge(&summary->measure, &target->measure);
    }
}

/** Complete the summary once all sessions are over. */
static void complete(struct conductor *conductor, int64_t end_ns)
{
    struct load *load = &conductor->load;
    struct summary *summary = load->summary;
    int64_t start_ns =
        load->plan->barrier ? barrier_opened_ns(&load->barrier) : load->plan->begin_ns;
    int64_t counted_ns;

    if (start_ns > end_ns)
        start_ns = end_ns; /* it was interrupted before the start */
    conductor->runner->ops->measure_unsent(conductor->runner, start_ns, end_ns);
    counted_ns = start_ns + load->plan->warm_up_ns;
    if (counted_ns > end_ns) {
        counted_ns = end_ns;
        /* a session that failed would not have lasted longer with more messages */
        if (conductor->interrupted == 0 && summary->ok > 0)
            log_warn("the load was over before its warm-up: no time and no rate was measured; "
                     "give more --messages%s",
                     load->plan->duration_ns == 0 ? _(", or a --duration") : "");
    }
    summary->warm_up_seconds = (double)load->plan->warm_up_ns / (double)SECOND_NS;
    summary->started_wall_ns = counted_ns + load->settings->wall_ahead_ns;
    summary->ended_wall_ns = end_ns + load->settings->wall_ahead_ns;
    summary->seconds = (double)(end_ns - counted_ns) / (double)SECOND_NS;
    summary->interrupted = conductor->interrupted;
    summary->concurrency = load->settings->sessions;
    summary->rate = load->plan->rate;
    summary->depth = load->plan->depth;
    complete_targets(conductor);
    summary->generator.threads = conductor->runner->threads;
    summary->generator.cpu = conductor->runner->ops->cpu(
        conductor->runner, (double)(end_ns - load->plan->begin_ns) / (double)SECOND_NS);
    cpu_quota_end(&summary->generator);
    summary->generator.busy = summary->generator.cpu > 0.9 ||
                              summary->generator.throttled * 10 > summary->generator.periods;
    summary->generator.late =
        histogram_count(summary->measure.times[MEASURE_LAG]) > 0 &&
        histogram_percentile(summary->measure.times[MEASURE_LAG], 99) >= SUMMARY_LATE_NS;
    summary_sort_errors(summary);
}

bool load_run(const struct load_settings *settings, const struct session_plan *plan,
              struct summary *summary)
{
    struct conductor conductor = {.plan = *plan};
    struct load *load = &conductor.load;
    atomic_flag shown = ATOMIC_FLAG_INIT;
    bool ready = false;

    for (unsigned i = 0; i < plan->target_count; i++)
        plan->targets[i].measure = &summary->targets[i]->measure;
    conductor.start_at_ns = start_of(settings);
    conductor.plan.shown = &shown;
    conductor.plan.sessions = settings->sessions;
    conductor.plan.begin_ns =
        !plan->barrier && conductor.start_at_ns != 0 ? conductor.start_at_ns : clock_now_ns();
    load->settings = settings;
    load->plan = &conductor.plan;
    load->summary = summary;
    for (unsigned i = 0; i < settings->view_count; i++)
        load->recording |= settings->views[i]->ops->session != NULL;
    machine_limits_prepare(settings, plan);
    signals_block(&conductor.blocked);
    MUST(pthread_mutex_init(&load->lock, NULL));
    if (open_descriptors(&conductor)) {
        ready = make_runners(&conductor);
        if (ready) {
            cpu_quota_begin(&summary->generator);
            begin_views(&conductor);
            run(&conductor);
            complete(&conductor, clock_now_ns());
            end_views(&conductor);
            machine_limits_explain(settings, plan, summary);
        }
        free_runner(conductor.runner);
        free_runner(conductor.idle);
        close_descriptors(&conductor);
    }
    MUST(pthread_mutex_destroy(&load->lock));
    signals_restore(&conductor.blocked);
    return ready;
}
