/* SPDX-License-Identifier: MIT */
/* Adding up what the sessions did. */
#include "client/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool summary_init(struct summary *summary, unsigned requested)
{
    memset(summary, 0, sizeof *summary);
    summary->requested = requested;
    return measure_init(&summary->measure);
}

void summary_clear(struct summary *summary)
{
    measure_clear(&summary->measure);
}

/** There are few kinds, so a list will do; a server that invents words cannot make it grow. */
static void count_error(struct summary *summary, const char *words)
{
    unsigned kind = 0;

    while (kind < summary->error_kinds && strcmp(summary->errors[kind].words, words) != 0)
        kind++;
    if (kind >= SUMMARY_ERRORS) {
        kind = SUMMARY_ERRORS;
        words = "other errors";
    }
    if (kind == summary->error_kinds) {
        snprintf(summary->errors[kind].words, sizeof summary->errors[kind].words, "%s", words);
        summary->error_kinds++;
    }
    summary->errors[kind].count++;
}

void summary_add(struct summary *summary, const struct session *session)
{
    if (session->state == SESSION_OK)
        summary->ok++;
    else if (session->state == SESSION_REFUSED)
        summary->refused++;
    else
        summary->failed++;
    summary->sent += session->sent;
    summary->verified += session_verified(session);
    summary->mismatched += session->wrong ? 1 : 0;
    summary->bytes += session->bytes;
    if (session->state != SESSION_OK)
        count_error(summary, session->reason);
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

double summary_rate(const struct summary *summary)
{
    return summary->seconds > 0 ? (double)summary->verified / summary->seconds : 0;
}
