/* SPDX-License-Identifier: MIT */
/**
 * @file compare.h
 * Servers side by side: each round starts every one of them afresh, one after the other, gives all
 * the same work, and begins with another one. What is said of two servers is the median of their
 * ratios within each round.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/candidates.h"
#include "bench/company.h"
#include "bench/load.h"
#include "bench/measure.h"

#include <stdbool.h>

#define SIDES_MAX   8
#define TARGETS_MAX 6

/** One of the servers. */
struct side {
    const struct candidate *candidate;
    const char *const *more; /**< further arguments, ended by NULL; may be NULL */
    const char *name;        /**< NULL: the candidate's */
    struct company company;
};

enum work {
    WORK_ECHO,    /**< sessions that stay, message after message */
    WORK_CONNECT, /**< connect, one echo, close */
};

enum figure {
    CPU,     /**< microseconds of the server's processes for each echo, or connection */
    RATE,    /**< echoes, or connections, in a second */
    P99,     /**< microseconds from sending to having it back, as the load sees it */
    IDLE_KB, /**< memory of each idle session */
    DROPPED, /**< messages of a hundred that --print left out, and counted */
    FIGURES_JUDGED,
};

/** What one side must be beside another. RATE and DROPPED must be at least the
 * bound, the others at most. */
struct target {
    enum figure figure;
    unsigned side; /**< index into sides */
    unsigned base; /**< divided by this one's; IDLE_KB and DROPPED are not divided */
    double bound;
};

struct contest {
    const char *name; /**< for the command line */
    const char *title;
    enum work work;
    unsigned sessions; /**< 0: as many as were asked for */
    unsigned part;     /**< one in so many of the messages is enough; 0: all of them */
    bool tls;
    struct side sides[SIDES_MAX]; /**< ended by one without a candidate; ratios are to the first */
    struct target targets[TARGETS_MAX]; /**< ended by one whose bound is 0 */
};

/** Where the server and the load run. */
enum placement {
    ANYWHERE, /**< nothing pinned */
    APART,    /**< the server on the first CPU, the load and what else is beside it on the second */
    PLACEMENTS,
};

/** How much of it. */
struct extent {
    unsigned rounds;
    unsigned sessions;
    unsigned messages;    /**< of a run, over all its sessions */
    unsigned connections; /**< of a run of WORK_CONNECT, over all its clients */
    unsigned idle;        /**< in the place of company.idle, where that is not 0 */
};

/** What came out for one side, one value a round. */
struct outcome {
    bool there;
    char why[200]; /**< why it is not */
    struct series figure[FIGURES_JUDGED];
    struct series p50;
    struct series scrapes; /**< answers to the scraper in a second */
};

/** Run it, without a word. `outcomes` is overwritten. */
void contest_measure(const struct contest *contest, const struct extent *extent,
                     enum placement placement, struct outcome outcomes[SIDES_MAX]);

/** Print the table and the verdicts. Where a side is not there its target is not judged. */
void contest_print(const struct contest *contest, const struct extent *extent,
                   enum placement placement, const struct outcome outcomes[SIDES_MAX]);

#endif /* BENCH_COMPARE_H */
