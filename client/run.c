/* SPDX-License-Identifier: MIT */
/*
 * A run, from its messages to its exit status.
 *
 * The files that it writes are opened, and the summaries of all loads are made, before the first session,
 * so that an error shows before there is anything to lose.
 */
#include "client/run.h"

#include "client/clock-of.h"
#include "client/load/load.h"
#include "client/load/signals.h"
#include "client/report/expect.h"
#include "client/report/report.h"
#include "client/report/search.h"
#include "client/views/curve.h"
#include "client/views/view.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/translate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VIEWS = 5 };

struct run {
    const struct options *options;
    struct session_plan *plan;
    struct view *views[VIEWS];
    unsigned view_count;
    struct summary total;
    struct summary steps[STEPS_MAX];
    unsigned
        step_count; /* at least 1: without --steps one load; with --find-rate the most it can take */
    unsigned steps_done;   /* summaries that are filled */
    int64_t wall_ahead_ns; /* see struct load_settings */
    struct search *search; /* NULL: no --find-rate */
    struct outlet *curve;  /* NULL: no --curve */
};

_Static_assert((int)SEARCH_STEPS <= (int)STEPS_MAX, "a search has its steps in struct run");

/* --- before -------------------------------------------------------------------------------- */

/** Open the source of messages. @return NULL: there is none, which is logged */
static struct messages *open_messages(const struct options *options)
{
    struct messages *messages;
    const char *cause = NULL;

    if (options->file != NULL) {
        messages = messages_from_file(options->file, options->sessions, options->transform, &cause);
        if (messages == NULL)
            log_error("cannot take messages from %s: %s", options->file, cause);
    } else {
        messages = messages_generated(options->size_min, options->size_max, options->transform);
        if (messages == NULL)
            log_error("cannot get memory for messages of %zu bytes", options->size_max);
    }
    return messages;
}

/** Add a view. @return false: it cannot be written, which is logged */
static bool open_view(struct run *run, struct view *view, const char *path)
{
    if (view == NULL) {
        log_error("cannot write %s: %s", path, translate_error(errno));
        return false;
    }
    run->views[run->view_count++] = view;
    return true;
}

/** Open the views. @return false: one of them cannot be written, which is logged */
static bool open_views(struct run *run)
{
    const struct options *options = run->options;
    const struct {
        const char *path;
        struct view *(*make)(const char *path);
    } files[] = {
        {options->csv, view_csv_new},
        {options->ndjson, view_ndjson_new},
        {options->hist, view_hist_new},
        {options->timeline, view_timeline_new},
    };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (files[i].path != NULL && !open_view(run, files[i].make(files[i].path), files[i].path))
            return false;
    if (options->curve != NULL) {
        run->curve = outlet_open(options->curve);
        if (run->curve == NULL) {
            log_error("cannot write %s: %s", options->curve, translate_error(errno));
            return false;
        }
    }
    if (options->quiet || !isatty(STDERR_FILENO))
        return true;
    return open_view(run, options->top ? view_top_new() : view_progress_new(), "the progress");
}

/** Make a summary, and one in it for each target. */
static void make_summary(struct summary *summary, const struct session_plan *plan)
{
    bool made = summary_init(summary);

    for (unsigned i = 0; made && i < plan->target_count; i++)
        made = summary_add_target(summary, plan->targets[i].name) != NULL;
    if (!made)
        log_fatal("cannot get memory for the histograms");
}

static void make_summaries(struct run *run)
{
    run->step_count = run->search != NULL            ? SEARCH_STEPS
                      : run->options->step_count > 0 ? run->options->step_count
                                                     : 1;
    make_summary(&run->total, run->plan);
    for (unsigned i = 0; i < run->step_count; i++)
        make_summary(&run->steps[i], run->plan);
}

static void fill_plan(const struct options *options, struct session_plan *plan)
{
    plan->message_count = options->messages;
    plan->duration_ns = options->duration_ns;
    plan->warm_up_ns = options->warm_up_ns;
    plan->depth = options->depth;
    plan->rate = options->rate;
    plan->rate_random = options->rate_random;
    plan->ramp_ns = options->ramp_ns;
    plan->think = options->think;
    plan->sources = options->sources;
    plan->reconnect = options->reconnect;
    plan->barrier = options->barrier;
}

/* --- the loads ----------------------------------------------------------------------------- */

/** Run one load, into a summary of its own. @return false: it could not begin */
static bool run_step(struct run *run, unsigned step, unsigned sessions)
{
    const struct options *options = run->options;
    struct load_settings settings = {
        .sessions = sessions,
        .threads = options->threads,
        .idle = options->idle,
        .churn = options->churn,
        .start_at_ns = step == 0 ? options->start_at_ns : 0,
        .wall_ahead_ns = run->wall_ahead_ns,
        .views = run->views,
        .view_count = run->view_count,
        .step = step,
        .steps = run->step_count,
    };

    if (!load_run(&settings, run->plan, &run->steps[step]))
        return false;
    run->steps_done++;
    if (!summary_merge(&run->total, &run->steps[step]))
        log_fatal("cannot get memory for the histograms");
    return true;
}

/** Run the load, or one after the other. @return false: a load could not begin */
static bool run_steps(struct run *run)
{
    const struct options *options = run->options;

    if (options->step_count == 0)
        return run_step(run, 0, options->sessions);
    for (unsigned i = 0; i < options->step_count && run->total.interrupted == 0; i++)
        if (!run_step(run, i, options->steps[i]))
            return false;
    return true;
}

/** Run a load with each rate of the search. @return false: a load could not begin */
static bool run_search(struct run *run)
{
    double rate = run->options->rate;

    for (unsigned i = 0; rate > 0; i++) {
        run->plan->rate = rate;
        if (!run_step(run, i, run->options->sessions))
            return false;
        if (run->total.interrupted != 0)
            return true; /* it shows nothing about this rate */
        search_judge(run->search, rate, &run->steps[i]);
        /* a server that answers nothing has gone: lower rates would show no more */
        rate =
            run->total.mismatched > 0 || run->steps[i].verified == 0 ? 0 : search_next(run->search);
    }
    return true;
}

/**
 * Run all loads. A signal between two of them, or after the last, interrupts the run as well; one that comes later,
 * while files and the summary are written, no longer does.
 */
static bool run_all(struct run *run)
{
    struct signals blocked;
    bool begun;

    signals_block(&blocked);
    begun = run->search != NULL ? run_search(run) : run_steps(run);
    if (run->total.interrupted == 0)
        run->total.interrupted = signals_take(&blocked);
    if (run->total.interrupted == 0)
        signals_let_finish(&blocked);
    signals_restore(&blocked);
    return begun;
}

/* --- after --------------------------------------------------------------------------------- */

/** Print the summary; with --quiet, log the errors alone. @return false: see report_print() */
static bool print_summary(const struct run *run)
{
    const struct summary *total = &run->total;
    bool stepped = run->options->step_count > 0 || run->search != NULL;
    const struct report report = {
        .total = total,
        .steps = stepped ? run->steps : NULL,
        .step_count = stepped ? run->steps_done : 0,
        .search = run->search,
    };

    if (run->options->json || !run->options->quiet)
        return report_print(&report, run->options->json);
    for (unsigned i = 0; i < total->error_kinds; i++)
        log_error("%" PRIu64 " of %" PRIu64 " sessions: %s", total->errors[i].count,
                  total->requested, total->errors[i].words);
    if (total->closed > total->reconnected)
        log_error("%" PRIu64 " of %" PRIu64 " sessions: closed by the server",
                  total->closed - total->reconnected, total->requested);
    return true;
}

/** Close the views. @return false: something is not in them that should be, which is logged */
static bool close_views(struct run *run)
{
    bool written = true;

    if (run->total.unrecorded > 0)
        log_error("%" PRIu64 " of %" PRIu64
                  " sessions are missing in the files of --csv, --ndjson and "
                  "--timeline: %s",
                  run->total.unrecorded, run->total.requested, translate_error(ENOMEM));
    for (unsigned i = 0; i < run->view_count; i++)
        written &= run->views[i]->ops->close(run->views[i], &run->total);
    if (run->curve != NULL) {
        curve_draw(run->curve, run->search, run->steps);
        written &= outlet_close(run->curve, "", 0) == 0;
    }
    return written && run->total.unrecorded == 0;
}

/** Log each clause of --expect that does not hold. @return whether all hold */
static bool check_expectations(const char *text, const struct summary *summary)
{
    char sentence[EXPECT_SENTENCE];
    struct expect *expect;
    bool met = true;

    if (text == NULL)
        return true;
    expect = expect_parse(text, sentence);
    if (expect == NULL)
        log_fatal("--expect: %s", sentence);
    for (size_t i = 0; i < expect_count(expect); i++) {
        if (!expect_holds(expect, i, summary, EXPECT_MESSAGE, sentence)) {
            log_error("expected %s", sentence);
            met = false;
        }
    }
    expect_free(expect);
    return met;
}

int run_status(const struct summary *summary, const char *expect, bool written)
{
    bool met = check_expectations(expect, summary);

    if (summary->interrupted != 0)
        return EXIT_SIGNAL + summary->interrupted;
    if (summary->mismatched > 0)
        return EXIT_WRONG;
    if (!met)
        return EXIT_EXPECTATION;
    return summary->ok + summary->reconnected == summary->requested && written ? EXIT_OK : EXIT_RUN;
}

/** @return what to do if the first rate of a search does not hold */
static const char *first_advice(const struct summary *first)
{
    if (histogram_count(first->measure.times[MEASURE_ECHO]) == 0)
        return _("give a longer --duration or fewer sessions: a session's first reply is no echo");
    return first->verified == 0 ? _("no message was answered") : _("give a lower --rate");
}

/** Choose the exit status of a search. If it has found a rate, the load with that rate decides. */
static int search_status(const struct run *run, bool written)
{
    const struct search *search = run->search;
    const struct search_step *best = search->best, *less = search->less;
    char found[EXPECT_SENTENCE];

    if (run->total.interrupted != 0 || run->total.mismatched > 0)
        return run_status(&run->total, NULL, written);
    switch (search_end(search)) {
    case SEARCH_FOUND:
        return run_status(&run->steps[best - search->steps], run->options->expect, written);
    case SEARCH_TOO_HIGH:
        search_explain(search, &run->steps[less - search->steps], found);
        log_error("not even the first rate of the search, %.7g messages a second, held: %s; %s",
                  less->rate, found, first_advice(&run->steps[less - search->steps]));
        return EXIT_EXPECTATION;
    case SEARCH_LIMITED:
        log_error(
            "the client was the limit of the search at %.7g messages a second, and the server "
            "may be able to do more; use more --threads, fewer sessions, or a separate machine",
            less->rate);
        return EXIT_RUN;
    case SEARCH_UNFINISHED: break;
    }
    if (less != NULL && run->steps[less - search->steps].verified == 0)
        log_error("the search ended at %.7g messages a second, which held: at %.7g not one message "
                  "was answered; is the server still running?",
                  best->rate, less->rate);
    else
        log_error(
            "the search ended at %.7g messages a second, which held; begin with a higher --rate",
            best->rate);
    return EXIT_RUN;
}

/** Log which of several targets are down. The sessions of the others have gone on. */
static void name_dead_targets(const struct summary *total)
{
    for (unsigned i = 0; total->target_count > 1 && i < total->target_count; i++) {
        const struct summary *target = total->targets[i];

        if (target->failed > 0 && target->failed == target->requested && target->verified == 0)
            log_error("target %s served none of its %" PRIu64
                      " sessions; is the server running there?",
                      target->target, target->requested);
    }
}

/** Run the loads and report them. @return the exit status */
static int carry_out(struct run *run)
{
    bool begun, written;

    if (!open_views(run)) {
        (void)close_views(run);
        return EXIT_RUN;
    }
    begun = run_all(run);
    /* files first: the summary, or the end of the program, shows that they are complete */
    written = close_views(run);
    if (run->steps_done > 0)
        written &= print_summary(run);
    if (!begun)
        return run_status(&run->total, NULL, false);
    if (run->total.interrupted == 0)
        name_dead_targets(&run->total);
    return run->search != NULL ? search_status(run, written)
                               : run_status(&run->total, run->options->expect, written);
}

/** Read the conditions of --find-rate, which options_parse() has accepted. */
static void make_search(struct run *run)
{
    char why[EXPECT_SENTENCE];

    if (run->options->find_rate == NULL)
        return;
    run->search = malloc(sizeof *run->search);
    if (run->search == NULL || !search_init(run->search, run->options->find_rate, why))
        log_fatal("cannot get memory for the search");
}

static void free_search(struct run *run)
{
    if (run->search != NULL)
        search_clear(run->search);
    free(run->search);
}

int run_load(const struct options *options, struct session_plan *plan)
{
    struct messages *messages = open_messages(options);
    struct run *run = calloc(1, sizeof *run);
    int status = EXIT_RUN;

    if (run == NULL)
        log_fatal("cannot get memory for the histograms");
    run->options = options;
    run->plan = plan;
    run->wall_ahead_ns = clock_wall_ns() - clock_now_ns();
    make_search(run);
    make_summaries(run);
    if (options->clock_of != NULL)
        clock_of_measure(options->clock_of, options->timeout_ns, &run->total.clock);
    plan->messages = messages;
    fill_plan(options, plan);
    if (messages != NULL)
        status = carry_out(run);
    for (unsigned i = 0; i < run->step_count; i++)
        summary_clear(&run->steps[i]);
    summary_clear(&run->total);
    free_search(run);
    free(run);
    messages_free(messages);
    return status;
}
