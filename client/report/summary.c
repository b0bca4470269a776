/* SPDX-License-Identifier: MIT */
/* Adding up what the sessions did, and one run to another. */
#include "client/report/summary.h"

#include "common/printable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char other_errors[] = "other errors";

bool summary_init(struct summary *summary)
{
    memset(summary, 0, sizeof *summary);
    return measure_init(&summary->measure);
}

void summary_clear(struct summary *summary)
{
    for (unsigned i = 0; i < summary->target_count; i++) {
        summary_clear(summary->targets[i]);
        free(summary->targets[i]);
    }
    free(summary->targets);
    measure_clear(&summary->measure);
}

struct summary *summary_add_target(struct summary *summary, const char *name)
{
    struct summary **targets =
        realloc(summary->targets, (summary->target_count + 1) * sizeof(struct summary *));
    struct summary *target;

    if (targets == NULL)
        return NULL;
    summary->targets = targets;
    target = malloc(sizeof *target);
    if (target == NULL || !summary_init(target)) {
        free(target);
        return NULL;
    }
    snprintf(target->target, sizeof target->target, "%s", name);
    return targets[summary->target_count++] = target;
}

/** @return the kind of error with these words; error_kinds if there is none yet */
static unsigned find_error(const struct summary *summary, const char *words)
{
    unsigned kind = 0;

    /* There are few kinds, so a list is enough. */
    while (kind < summary->error_kinds && strcmp(summary->errors[kind].words, words) != 0)
        kind++;
    return kind;
}

void summary_add_errors(struct summary *summary, const char *words, uint64_t count)
{
    char cut[sizeof summary->errors[0].words];
    unsigned kind;

    /* they may be of another machine's summary, and are shown on terminals */
    printable_text(cut, sizeof cut, words, strlen(words), '.');
    kind = find_error(summary, cut);
    /* A server that invents words cannot make the list grow: all others share its last place. */
    if (kind == summary->error_kinds && kind >= SUMMARY_ERRORS) {
        snprintf(cut, sizeof cut, "%s", other_errors);
        kind = find_error(summary, cut);
    }
    if (kind == summary->error_kinds) {
        memcpy(summary->errors[kind].words, cut, sizeof cut);
        summary->errors[kind].count = 0;
        summary->error_kinds++;
    }
    summary->errors[kind].count += count;
}

void summary_add(struct summary *summary, const struct session_record *record)
{
    if (record->idle)
        return;
    summary->requested++;
    if (record->state == SESSION_OK)
        summary->ok++;
    else if (record->state == SESSION_REFUSED)
        summary->refused++;
    else if (record->state == SESSION_CLOSED)
        summary->closed++;
    else
        summary->failed++;
    summary->unmade += record->state == SESSION_FAILED && record->begun_ns == 0 ? 1 : 0;
    summary->reconnected += record->resumed ? 1 : 0;
    summary->resent += record->resent;
    summary->sent += record->sent;
    summary->warm_sent += record->warm_sent;
    summary->warm_verified += record->warm_verified;
    summary->verified += record->verified;
    summary->mismatched += record->mismatched ? 1 : 0;
    summary->bytes += record->bytes;
    if (record->state != SESSION_OK && record->state != SESSION_CLOSED)
        summary_add_errors(summary, record->reason, 1);
}

static int more_frequent_first(const void *one, const void *other)
{
    const struct summary_error *a = one, *b = other;

    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->words, b->words);
}

void summary_sort_errors(struct summary *summary)
{
    qsort(summary->errors, summary->error_kinds, sizeof summary->errors[0], more_frequent_first);
}

static double larger(double one, double other)
{
    return one > other ? one : other;
}

/** Keep the larger of each setting of two runs; the rate is their mean. */
static void merge_settings(struct summary *into, const struct summary *from)
{
    double seconds = into->seconds + from->seconds;

    /* Messages that were requested, over the time of both. */
    if (seconds > 0)
        into->rate = (into->rate * into->seconds + from->rate * from->seconds) / seconds;
    else
        into->rate = larger(into->rate, from->rate);
    if (from->concurrency > into->concurrency)
        into->concurrency = from->concurrency;
    if (from->depth > into->depth)
        into->depth = from->depth;
    if (into->interrupted == 0)
        into->interrupted = from->interrupted;
    if (from->generator.threads > into->generator.threads)
        into->generator.threads = from->generator.threads;
    into->generator.cpu = larger(into->generator.cpu, from->generator.cpu);
    into->generator.periods += from->generator.periods;
    into->generator.throttled += from->generator.throttled;
    into->generator.busy = into->generator.busy || from->generator.busy;
    into->generator.late = into->generator.late || from->generator.late;
}

/** Merge times: from the begin of the first to the end of the last. 0 is a time that is not known. */
static void merge_times(struct summary *into, const struct summary *from)
{
    if (into->started_wall_ns == 0 ||
        (from->started_wall_ns != 0 && from->started_wall_ns < into->started_wall_ns))
        into->started_wall_ns = from->started_wall_ns;
    if (from->ended_wall_ns > into->ended_wall_ns)
        into->ended_wall_ns = from->ended_wall_ns;
    into->seconds += from->seconds;
}

void summary_set_seconds(struct summary *summary, double seconds)
{
    if (seconds > 0)
        summary->rate *= summary->seconds / seconds;
    summary->seconds = seconds;
    for (unsigned i = 0; i < summary->target_count; i++)
        summary_set_seconds(summary->targets[i], seconds);
}

/** Merge what each target has done. @return false: no memory */
static bool merge_targets(struct summary *into, const struct summary *from)
{
    for (unsigned i = 0; i < from->target_count; i++) {
        const char *name = from->targets[i]->target;
        struct summary *target = NULL;

        for (unsigned j = 0; j < into->target_count && target == NULL; j++)
            if (strcmp(into->targets[j]->target, name) == 0)
                target = into->targets[j];
        if (target == NULL)
            target = summary_add_target(into, name);
        if (target == NULL || !summary_merge(target, from->targets[i]))
            return false;
    }
    /* one that was not in both runs */
    for (unsigned i = 0; i < into->target_count; i++)
        summary_set_seconds(into->targets[i], into->seconds);
    return true;
}

bool summary_merge(struct summary *into, const struct summary *from)
{
    into->requested += from->requested;
    into->ok += from->ok;
    into->failed += from->failed;
    into->unmade += from->unmade;
    into->refused += from->refused;
    into->closed += from->closed;
    into->reconnected += from->reconnected;
    into->resent += from->resent;
    into->idle_requested += from->idle_requested;
    into->idle_connected += from->idle_connected;
    into->idle_ended += from->idle_ended;
    into->sent += from->sent;
    into->warm_up_seconds = larger(into->warm_up_seconds, from->warm_up_seconds);
    into->warm_sent += from->warm_sent;
    into->warm_verified += from->warm_verified;
    into->verified += from->verified;
    into->mismatched += from->mismatched;
    into->bytes += from->bytes;
    into->unrecorded += from->unrecorded;
    merge_settings(into, from);
    merge_times(into, from);
    measure_merge(&into->measure, &from->measure);
    for (unsigned i = 0; i < from->error_kinds; i++)
        summary_add_errors(into, from->errors[i].words, from->errors[i].count);
    summary_sort_errors(into);
    return merge_targets(into, from);
}

static double per_second(const struct summary *summary, uint64_t count)
{
    return summary->seconds > 0 ? (double)count / summary->seconds : 0;
}

double summary_rate(const struct summary *summary)
{
    return per_second(summary, summary->verified - summary->warm_verified);
}

double summary_sent_rate(const struct summary *summary)
{
    return per_second(summary, summary->sent - summary->warm_sent);
}
