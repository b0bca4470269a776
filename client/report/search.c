/* SPDX-License-Identifier: MIT */
/* The search for the highest rate that holds. See search.h. */
#include "client/report/search.h"

#include "client/session/pace.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* A rate is not kept if more than one in this many was left out. */
#define KEPT_PART 20

/* The client was late if its p99 of lag is at least one in this many of the p99 of the echo. */
#define LATE_PART 4

bool search_init(struct search *search, const char *conditions, char why[static EXPECT_SENTENCE])
{
    *search = (struct search){.conditions = conditions, .expect = expect_parse(conditions, why)};
    return search->expect != NULL;
}

void search_clear(struct search *search)
{
    expect_free(search->expect);
}

/** Whether all conditions hold. @param found  the first one that does not, or else the first */
static bool all_hold(const struct expect *expect, const struct summary *summary,
                     enum expect_place place, char found[static EXPECT_SENTENCE])
{
    for (size_t i = 0; i < expect_count(expect); i++)
        if (!expect_holds(expect, i, summary, place, found))
            return false;
    (void)expect_holds(expect, 0, summary, place, found);
    return true;
}

/** Whether the server took what the schedule asked for. @param found  on failure what it left out */
static bool kept_schedule(const struct summary *summary, enum expect_place place,
                          char found[static EXPECT_SENTENCE])
{
    uint64_t due = histogram_count(summary->measure.times[MEASURE_ECHO]);
    uint64_t unanswered = summary->measure.unanswered;

    if (summary->mismatched > 0) {
        snprintf(found, EXPECT_SENTENCE,
                 expect_words(place, N_("%" PRIu64 " replies had wrong bytes")),
                 summary->mismatched);
        return false;
    }
    if (summary->refused > summary->requested / KEPT_PART) {
        snprintf(found, EXPECT_SENTENCE,
                 expect_words(place, N_("%" PRIu64 " of %" PRIu64 " sessions were refused")),
                 summary->refused, summary->requested);
        return false;
    }
    if (unanswered > due / KEPT_PART) {
        snprintf(found, EXPECT_SENTENCE,
                 expect_words(place, N_("%" PRIu64 " of %" PRIu64 " messages were not answered")),
                 unanswered, due);
        return false;
    }
    return true;
}

/** Whether a rate holds. */
static bool rate_holds(const struct search *search, const struct summary *summary,
                       enum expect_place place, char found[static EXPECT_SENTENCE])
{
    return all_hold(search->expect, summary, place, found) && kept_schedule(summary, place, found);
}

/** Whether the client's own delay is a good part of the times, which a server that is full makes long by itself. */
static bool was_late(const struct summary *summary)
{
    return summary->generator.late &&
           histogram_percentile(summary->measure.times[MEASURE_LAG], 99) >=
               histogram_percentile(summary->measure.times[MEASURE_ECHO], 99) / LATE_PART;
}

/** Whether the client's own delay, or sessions that it could not make, spoil the figures of the server. */
static bool was_the_client(const struct summary *summary)
{
    return summary->generator.busy || summary->unmade > 0 || was_late(summary);
}

void search_judge(struct search *search, double rate, const struct summary *summary)
{
    struct search_step *step = &search->steps[search->count++];

    step->rate = rate;
    if (rate_holds(search, summary, EXPECT_REPORT, step->found)) {
        step->outcome = SEARCH_HELD;
        search->best = step;
        return;
    }
    step->outcome = was_the_client(summary) ? SEARCH_CLIENT : SEARCH_NOT_HELD;
    search->less = step;
}

void search_explain(const struct search *search, const struct summary *summary,
                    char found[static EXPECT_SENTENCE])
{
    (void)rate_holds(search, summary, EXPECT_MESSAGE, found);
}

double search_next(const struct search *search)
{
    if (search->best == NULL || search->count == SEARCH_STEPS)
        return 0;
    if (search->less != NULL)
        return search->less->rate > search->best->rate * SEARCH_WITHIN
                   ? (search->best->rate + search->less->rate) / 2
                   : 0;
    return search->best->rate < PACE_RATE_MAX ? fmin(search->best->rate * 2, PACE_RATE_MAX) : 0;
}

enum search_end search_end(const struct search *search)
{
    /* interrupted, or the steps were used up */
    if (search->less == NULL ||
        (search->best != NULL && search->less->rate > search->best->rate * SEARCH_WITHIN))
        return SEARCH_UNFINISHED;
    if (search->less->outcome == SEARCH_CLIENT)
        return SEARCH_LIMITED;
    return search->best != NULL ? SEARCH_FOUND : SEARCH_TOO_HIGH;
}

const char *search_word(enum search_outcome outcome)
{
    static const char *const words[] = {"held", "not held", "client"};

    return words[outcome];
}
