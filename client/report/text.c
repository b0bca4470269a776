/* SPDX-License-Identifier: MIT */
/* The report as a table, and standard output. */
#include "client/report/report.h"

#include "client/report/json.h"
#include "common/log.h"
#include "common/translate.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static double us(int64_t ns)
{
    return (double)ns / 1000;
}

/** Show a time in microseconds, or "> " and a bound of it. */
static void show_time(FILE *file, const struct measure *measure, enum measure_phase phase,
                      int64_t ns)
{
    char text[32];

    snprintf(text, sizeof text, "%s%.1f", measure_is_bound(measure, phase, ns) ? ">" : "", us(ns));
    fprintf(file, " %10s", text);
}

/** Show a row of percentiles, or dashes if nothing was measured. */
static void show_times(FILE *file, const char *label, const struct measure *measure,
                       enum measure_phase phase)
{
    static const double percents[] = {50, 90, 99, 99.9};
    const struct histogram *histogram = measure->times[phase];

    fprintf(file, "  %-11s", label);
    if (histogram_count(histogram) == 0) {
        fprintf(file, " %10s %10s %10s %10s %10s\n", "-", "-", "-", "-", "-");
        return;
    }
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++)
        show_time(file, measure, phase, histogram_percentile(histogram, percents[i]));
    show_time(file, measure, phase, histogram_max(histogram));
    fprintf(file, "\n");
}

/** Show sessions, messages, bytes; and what only some runs have. */
static void show_counts(FILE *file, const struct summary *summary)
{
    fprintf(file,
            "sessions     %" PRIu64 " requested: %" PRIu64 " ok, %" PRIu64 " failed, %" PRIu64
            " refused\n",
            summary->requested, summary->ok, summary->failed, summary->refused);
    if (summary->closed > 0)
        fprintf(file,
                "closed       %" PRIu64 " by the server between two messages: %" PRIu64
                " went on with another connection, %" PRIu64 " messages were sent again\n",
                summary->closed, summary->reconnected, summary->resent);
    fprintf(file, "messages     %" PRIu64 " sent: %" PRIu64 " verified, %" PRIu64 " mismatched\n",
            summary->sent, summary->verified, summary->mismatched);
    if (summary->warm_up_seconds > 0)
        fprintf(file,
                "warm-up      %.3f s, not in the times and rates: %" PRIu64
                " messages sent, %" PRIu64 " verified\n"
                "bytes        %" PRIu64
                " verified; in the %.3f s after the warm-up: %.0f echoes/s\n",
                summary->warm_up_seconds, summary->warm_sent, summary->warm_verified,
                summary->bytes, summary->seconds, summary_rate(summary));
    else
        fprintf(file, "bytes        %" PRIu64 " verified in %.3f s: %.0f echoes/s\n",
                summary->bytes, summary->seconds, summary_rate(summary));
    if (summary->rate > 0)
        fprintf(file, "rate         %.1f messages/s requested, %.1f sent\n", summary->rate,
                summary_sent_rate(summary));
    if (summary->idle_requested > 0)
        fprintf(file,
                "idle         %" PRIu64 " requested: %" PRIu64 " connected, %" PRIu64
                " ended by the server\n",
                summary->idle_requested, summary->idle_connected, summary->idle_ended);
}

static void show_clock(FILE *file, const struct summary_clock *clock)
{
    if (clock->of[0] != '\0')
        fprintf(file, "clock        %.3f ms %s that of %s, to within %.3f ms\n",
                fabs((double)clock->ahead_ns) / 1e6, clock->ahead_ns < 0 ? "behind" : "ahead of",
                clock->of, (double)clock->within_ns / 1e6);
}

static void show_runs(FILE *file, const struct report *report)
{
    const struct report_runs *runs = report->runs;

    if (runs == NULL || runs->count < 2)
        return;
    if (runs->together_seconds > 0)
        fprintf(file, "runs         %u merged: two or more at once for %.3f s of %.3f s\n",
                runs->count, runs->together_seconds, report->total->seconds);
    else
        fprintf(file, "runs         %u merged: no two of them at once\n", runs->count);
}

/** Show a row for each phase. With a schedule the echo has two: from the schedule, and from the send. */
static void show_phases(FILE *file, const struct summary *summary)
{
    const struct measure *measure = &summary->measure;

    fprintf(file, "latency us    %10s %10s %10s %10s %10s\n", "p50", "p90", "p99", "p99.9", "max");
    show_times(file, "connect", measure, MEASURE_CONNECT);
    show_times(file, "queue wait", measure, MEASURE_QUEUE_WAIT);
    if (histogram_count(measure->times[MEASURE_HANDSHAKE]) > 0)
        show_times(file, "handshake", measure, MEASURE_HANDSHAKE);
    show_times(file, "echo", measure, MEASURE_ECHO);
    if (summary->rate > 0)
        show_times(file, "echo raw", measure, MEASURE_ECHO_RAW);
    show_times(file, "close", measure, MEASURE_CLOSE);
}

/** Show one figure of a step, or a dash. */
static void show_percentile(FILE *file, const struct measure *measure, enum measure_phase phase,
                            double percent)
{
    if (histogram_count(measure->times[phase]) == 0)
        fprintf(file, " %10s", "-");
    else
        show_time(file, measure, phase, histogram_percentile(measure->times[phase], percent));
}

/** Count the sessions because of which the run has status 1. */
static uint64_t not_ok(const struct summary *summary)
{
    return summary->requested - summary->ok - summary->reconnected;
}

static void show_targets(FILE *file, const struct summary *summary)
{
    if (summary->target_count < 2)
        return;
    fprintf(file, "targets       %10s %10s %10s %10s %10s\n", "sessions", "ok", "not ok",
            "echoes/s", "echo p99");
    for (unsigned i = 0; i < summary->target_count; i++) {
        const struct summary *target = summary->targets[i];

        fprintf(file, "  %-11u %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10.0f", i + 1,
                target->requested, target->ok, not_ok(target), summary_rate(target));
        show_percentile(file, &target->measure, MEASURE_ECHO, 99);
        fprintf(file, "  %s\n", target->target);
    }
}

static void show_steps(FILE *file, const struct report *report)
{
    if (report->steps == NULL)
        return;
    fprintf(file, "steps         %10s %10s %10s %10s %10s %10s\n", "sessions", "ok", "not ok",
            "echoes/s", "wait p99", "echo p99");
    for (unsigned i = 0; i < report->step_count; i++) {
        const struct summary *step = &report->steps[i];

        fprintf(file, "  %-11u %10u %10" PRIu64 " %10" PRIu64 " %10.0f", i + 1, step->concurrency,
                step->ok, not_ok(step), summary_rate(step));
        show_percentile(file, &step->measure, MEASURE_QUEUE_WAIT, 99);
        show_percentile(file, &step->measure, MEASURE_ECHO, 99);
        fprintf(file, "\n");
    }
}

/** Show the curve: a row for each rate, in the order in which they were tried, and what was found. */
static void show_search(FILE *file, const struct report *report)
{
    const struct search *search = report->search;

    fprintf(file, "search        %10s %10s %10s %10s\n", "rate", "sent", "echo p50", "echo p99");
    for (unsigned i = 0; i < search->count; i++) {
        const struct summary *step = &report->steps[i];

        fprintf(file, "  %-11u %10.1f %10.1f", i + 1, search->steps[i].rate,
                summary_sent_rate(step));
        show_percentile(file, &step->measure, MEASURE_ECHO, 50);
        show_percentile(file, &step->measure, MEASURE_ECHO, 99);
        fprintf(file, "  %-8s  %s\n", search_word(search->steps[i].outcome),
                search->steps[i].found);
    }
    if (search->best != NULL)
        fprintf(file, "highest rate  %10.1f messages/s held", search->best->rate);
    else
        fprintf(file, "highest rate  %10s", "none held");
    if (search->less != NULL)
        fprintf(file, "; %.1f did not%s\n", search->less->rate,
                search->less->outcome == SEARCH_CLIENT ? ", and the client was the limit there"
                                                       : "");
    else
        fprintf(file, "; no rate was tried that did not\n");
}

/** Show why the figures above say less about the server than they seem to. */
static void show_warnings(FILE *file, const struct summary *summary)
{
    if (summary->generator.busy)
        fprintf(
            file,
            "warning: the client itself was the bottleneck: its threads used %.0f %% of the CPU "
            "that they could use, and the server may be able to do more. Use more --threads, "
            "fewer sessions, or a separate machine for the client.\n",
            summary->generator.cpu * 100);
    if (summary->generator.throttled > 0)
        fprintf(file,
                "warning: the CPU quota of the cgroup stopped the client in %" PRIu64 " of %" PRIu64
                " periods, and the times include these stalls. Raise the quota, or ask for less.\n",
                summary->generator.throttled, summary->generator.periods);
    if (summary->generator.late)
        fprintf(file,
                "warning: the client was behind its schedule: one message in a hundred or more was "
                "sent at least a millisecond late (p99 %.1f us), and the times from the schedule "
                "include that delay. Use more --threads, a lower --rate, or another machine.\n",
                us(histogram_percentile(summary->measure.times[MEASURE_LAG], 99)));
}

void report_text(FILE *file, const struct report *report)
{
    const struct summary *summary = report->total;

    show_counts(file, summary);
    show_runs(file, report);
    show_clock(file, &summary->clock);
    show_phases(file, summary);
    show_targets(file, summary);
    if (report->search != NULL)
        show_search(file, report);
    else
        show_steps(file, report);
    if (summary->measure.unserved > 0)
        fprintf(file,
                "unserved     %" PRIu64
                " sessions ended while they waited for their first byte: they count in the queue "
                "wait with the time that had passed, and > marks what is at least that long\n",
                summary->measure.unserved);
    if (summary->measure.unanswered > 0)
        fprintf(file,
                "unanswered   %" PRIu64
                " messages were due and never answered: they count in the echo "
                "with the time that had passed, and > marks what is at least that long\n",
                summary->measure.unanswered);
    if (summary->error_kinds > 0)
        fprintf(file, "errors\n");
    for (unsigned i = 0; i < summary->error_kinds; i++)
        fprintf(file, "  %-10" PRIu64 " %s\n", summary->errors[i].count, summary->errors[i].words);
    show_warnings(file, summary);
    if (summary->interrupted != 0)
        fprintf(file, "interrupted: these are the results so far\n");
}

bool report_print(const struct report *report, bool json)
{
    if (!json)
        report_text(stdout, report);
    else if (!report_json(stdout, report)) {
        log_error("cannot get memory for the summary");
        return false;
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno != EPIPE)
        log_error("cannot write to standard output: %s", translate_error(errno));
    return false;
}
