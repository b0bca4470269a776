/* SPDX-License-Identifier: MIT */
/* The report as one JSON object. */
#include "client/report/json.h"

#include "client/report/object.h"

#include <stdlib.h>

static json_t *sessions(const struct summary *summary)
{
    json_t *object = json_object();

    object_count(&object, "requested", summary->requested);
    object_count(&object, "ok", summary->ok);
    object_count(&object, "failed", summary->failed);
    object_count(&object, "refused", summary->refused);
    object_count(&object, "closed", summary->closed);
    object_count(&object, "reconnected", summary->reconnected);
    object_count(&object, "unserved", summary->measure.unserved);
    return object;
}

static json_t *messages(const struct summary *summary)
{
    json_t *object = json_object();

    object_count(&object, "sent", summary->sent);
    object_count(&object, "verified", summary->verified);
    object_count(&object, "mismatched", summary->mismatched);
    object_count(&object, "resent", summary->resent);
    object_count(&object, "unanswered", summary->measure.unanswered);
    return object;
}

static json_t *times(const struct histogram *histogram)
{
    json_t *object = json_object();

    object_us(&object, "p50", histogram_percentile(histogram, 50));
    object_us(&object, "p90", histogram_percentile(histogram, 90));
    object_us(&object, "p99", histogram_percentile(histogram, 99));
    object_us(&object, "p999", histogram_percentile(histogram, 99.9));
    object_us(&object, "max", histogram_max(histogram));
    object_real(&object, "mean", histogram_mean(histogram) / 1000);
    object_count(&object, "count", histogram_count(histogram));
    return object;
}

/** Put the least of some lower bounds, or null if there are none. */
static void put_bound(json_t **object, const char *key, uint64_t count, int64_t ns_min)
{
    if (count > 0)
        object_us(object, key, ns_min);
    else
        object_put(object, key, json_null());
}

static json_t *latency(const struct summary *summary)
{
    json_t *object = json_object();

    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++) {
        bool scheduled = phase == MEASURE_ECHO_RAW || phase == MEASURE_LAG;

        if (!scheduled || summary->rate > 0)
            object_put(&object, measure_names[phase], times(summary->measure.times[phase]));
    }
    put_bound(&object, "unanswered_min", summary->measure.unanswered,
              summary->measure.unanswered_ns_min);
    put_bound(&object, "unserved_min", summary->measure.unserved, summary->measure.unserved_ns_min);
    return object;
}

static json_t *errors(const struct summary *summary)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < summary->error_kinds; i++)
        object_count(&object, summary->errors[i].words, summary->errors[i].count);
    return object;
}

static json_t *load(const struct summary *summary)
{
    json_t *object = json_object();

    object_text(&object, "kind", summary->rate > 0 ? "open" : "closed");
    object_real(&object, "rate", summary->rate);
    object_count(&object, "depth", summary->depth);
    return object;
}

static json_t *warm_up(const struct summary *summary)
{
    json_t *object = json_object();

    object_real(&object, "seconds", summary->warm_up_seconds);
    object_count(&object, "sent", summary->warm_sent);
    object_count(&object, "verified", summary->warm_verified);
    return object;
}

static json_t *idle(const struct summary *summary)
{
    json_t *object = json_object();

    object_count(&object, "requested", summary->idle_requested);
    object_count(&object, "connected", summary->idle_connected);
    object_count(&object, "ended", summary->idle_ended);
    return object;
}

static json_t *generator(const struct summary_generator *generator)
{
    json_t *object = json_object();

    object_count(&object, "threads", generator->threads);
    object_real(&object, "cpu", generator->cpu);
    object_flag(&object, "busy", generator->busy);
    object_flag(&object, "late", generator->late);
    object_count(&object, "periods", generator->periods);
    object_count(&object, "throttled", generator->throttled);
    return object;
}

/** Append a value to an array. On failure the array is released and NULL. */
static void append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) == 0)
        return;
    json_decref(*array);
    *array = NULL;
}

/** @return all that there is in a histogram: its buckets, and what they do not say */
static json_t *whole(const struct histogram *histogram)
{
    struct histogram_exact exact = histogram_exact(histogram);
    struct histogram_bucket bucket = {0};
    json_t *object = json_object();
    json_t *counts = json_array();

    while (histogram_walk(histogram, &bucket))
        append(&counts, json_pack("[I, I]", (json_int_t)bucket.high, (json_int_t)bucket.count));
    object_count(&object, "min_ns", (uint64_t)exact.min);
    object_count(&object, "max_ns", (uint64_t)exact.max);
    object_count(&object, "sum_s", exact.sum_billions);
    object_count(&object, "sum_ns", exact.sum_rest);
    object_put(&object, "counts", counts);
    return object;
}

static json_t *histograms(const struct measure *measure)
{
    json_t *object = json_object();

    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        if (histogram_count(measure->times[phase]) > 0)
            object_put(&object, measure_names[phase], whole(measure->times[phase]));
    return object;
}

/** Put what is known of a run, and of a target of it. */
static void put_share(json_t **object, const struct summary *summary)
{
    object_put(object, "sessions", sessions(summary));
    object_put(object, "messages", messages(summary));
    object_count(object, "bytes", summary->bytes);
    object_real(object, "echoes_per_second", summary_rate(summary));
    object_put(object, "latency_us", latency(summary));
    object_put(object, "errors", errors(summary));
    object_put(object, "load", load(summary));
    object_put(object, "idle", idle(summary));
    object_put(object, "warm_up", warm_up(summary));
}

/** Tell if the histograms of a target are those of the whole. A merged summary may have more than its target. */
static bool has_all_times(const struct summary *target, const struct summary *whole)
{
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        if (histogram_count(target->measure.times[phase]) !=
            histogram_count(whole->measure.times[phase]))
            return false;
    return true;
}

/** @param all  with their histograms, unless there is one target and they are those of the whole */
static json_t *targets(const struct summary *summary, bool all)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < summary->target_count; i++) {
        const struct summary *target = summary->targets[i];
        json_t *object = json_object();

        object_text(&object, "name", target->target);
        put_share(&object, target);
        if (all && (summary->target_count > 1 || !has_all_times(target, summary)))
            object_put(&object, "histograms", histograms(&target->measure));
        append(&array, object);
    }
    return array;
}

/** Put all that is known of a run, except its histograms. @param all  with those of its targets */
static void put_run(json_t **object, const struct summary *summary, bool all)
{
    put_share(object, summary);
    object_real(object, "seconds", summary->seconds);
    object_real(object, "started", (double)summary->started_wall_ns / 1e9);
    object_real(object, "ended", (double)summary->ended_wall_ns / 1e9);
    object_count(object, "interrupted", (uint64_t)summary->interrupted);
    object_count(object, "concurrency", summary->concurrency);
    object_put(object, "generator", generator(&summary->generator));
    object_put(object, "targets", targets(summary, all));
}

static json_t *clock_of(const struct summary_clock *clock)
{
    json_t *object = json_object();

    object_text(&object, "of", clock->of);
    object_real(&object, "ahead_seconds", (double)clock->ahead_ns / 1e9);
    object_real(&object, "within_seconds", (double)clock->within_ns / 1e9);
    return object;
}

static json_t *merged(const struct report_runs *runs)
{
    json_t *object = json_object();

    object_count(&object, "count", runs->count);
    object_real(&object, "together_seconds", runs->together_seconds);
    if (runs->clocks > 1)
        object_real(&object, "clocks_apart_seconds", runs->clocks_apart_seconds);
    return object;
}

static json_t *steps(const struct report *report)
{
    json_t *array = json_array();

    for (unsigned i = 0; report->steps != NULL && i < report->step_count; i++) {
        json_t *step = json_object();

        put_run(&step, &report->steps[i], false);
        append(&array, step);
    }
    return array;
}

static json_t *search(const struct search *search)
{
    static const char *const ends[] = {"found", "too high", "client", "unfinished"};
    json_t *object = json_object();
    json_t *tried = json_array();

    for (unsigned i = 0; i < search->count; i++) {
        const struct search_step *step = &search->steps[i];
        json_t *one = json_object();

        object_real(&one, "rate", step->rate);
        object_text(&one, "outcome", search_word(step->outcome));
        object_text(&one, "because", step->found);
        append(&tried, one);
    }
    object_text(&object, "conditions", search->conditions);
    object_text(&object, "end", ends[search_end(search)]);
    object_put(&object, "rate", search->best != NULL ? json_real(search->best->rate) : json_null());
    object_put(&object, "steps", tried);
    return object;
}

json_t *report_object(const struct report *report)
{
    json_t *object = json_object();

    object_text(&object, "schema", "echo-client/1");
    put_run(&object, report->total, true);
    if (report->runs != NULL)
        object_put(&object, "runs", merged(report->runs));
    if (report->total->clock.of[0] != '\0')
        object_put(&object, "clock", clock_of(&report->total->clock));
    object_put(&object, "steps", steps(report));
    if (report->search != NULL)
        object_put(&object, "search", search(report->search));
    object_put(&object, "histograms", histograms(&report->total->measure));
    return object;
}

bool report_json(FILE *file, const struct report *report)
{
    char *line = object_line(report_object(report));

    if (line == NULL)
        return false;
    fprintf(file, "%s\n", line);
    free(line);
    return true;
}
