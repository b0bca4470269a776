/* SPDX-License-Identifier: MIT */
/**
 * @file search.h
 * --find-rate 'p99<5ms': which rate is next, and how each one went. run.c runs the loads.
 *
 *     search_init(&search, "p99<5ms", why);
 *     for (double rate = 100; rate > 0; rate = search_next(&search))
 *         search_judge(&search, rate, &summary);                  of a load with this rate
 *
 * The rate is doubled until it does not hold. Then it is halved between the highest that held and the
 * lowest that did not, until these two are within SEARCH_WITHIN of each other.
 *
 * A rate holds if all conditions do and the schedule was kept: no more than one message in twenty was still
 * unanswered at the end, and no more than one session in twenty was refused. Otherwise 'failed=0' would
 * hold at each rate, however little of it was sent.
 */
#ifndef CLIENT_REPORT_SEARCH_H
#define CLIENT_REPORT_SEARCH_H

#include "client/report/expect.h"
#include "client/report/summary.h"

#include <stdbool.h>

/** The most loads of a search: with 22 of them doubling gets from 100 messages a second to 200 million. */
enum { SEARCH_STEPS = 28 };

#define SEARCH_WITHIN 1.05

enum search_outcome {
    SEARCH_HELD,
    SEARCH_NOT_HELD,
    SEARCH_CLIENT, /**< not held, and the client was busy, behind its schedule, or without all its sessions */
};

struct search_step {
    double rate;
    enum search_outcome outcome;
    char found[EXPECT_SENTENCE]; /**< the first condition, or the first that does not hold */
};

/** What is known at the end. */
enum search_end {
    SEARCH_FOUND,
    SEARCH_TOO_HIGH,   /**< not even the first rate holds */
    SEARCH_LIMITED,    /**< by the client, at the lowest rate that did not hold */
    SEARCH_UNFINISHED, /**< each rate held until the steps were used up, or the run was interrupted */
};

struct search {
    const char *conditions;
    struct expect *expect;
    unsigned count;
    struct search_step steps[SEARCH_STEPS];
    const struct search_step *best; /**< the highest rate that held; NULL: none did */
    const struct search_step *less; /**< the lowest rate that did not hold; NULL: all did */
};

/**
 * @param conditions  kept, not copied
 * @param why         on failure, see expect_parse()
 * @return            false: the conditions cannot be understood, or for want of memory
 */
bool search_init(struct search *search, const char *conditions, char why[static EXPECT_SENTENCE]);
void search_clear(struct search *search);

/** Take the result of the next step. */
void search_judge(struct search *search, double rate, const struct summary *summary);

/**
 * Say again what was found in a step, for a message.
 *
 * @param summary  of the step
 */
void search_explain(const struct search *search, const struct summary *summary,
                    char found[static EXPECT_SENTENCE]);

/** @return the rate of the next step; 0: the search is over */
double search_next(const struct search *search);

enum search_end search_end(const struct search *search);

/** @return "held", "not held" or "client": the word of an outcome in reports */
const char *search_word(enum search_outcome outcome);

#endif /* CLIENT_REPORT_SEARCH_H */
