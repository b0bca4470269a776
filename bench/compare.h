/* SPDX-License-Identifier: MIT */
/**
 * @file compare.h
 * Compare servers in interleaved runs. Each round starts every server again, one after another, and
 * gives it the same work; each round begins with another server. The result for two servers is the
 * median of their ratios within each round.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/candidates.h"
#include "bench/company.h"
#include "bench/load.h"
#include "bench/measure.h"

#include <stdbool.h>

#define SIDES_MAX   12
#define TARGETS_MAX 6

/** One of the compared servers. */
struct side {
    const struct candidate *candidate;
    const char *const *more; /**< further arguments, ended by NULL; may be NULL */
    const char *name;        /**< NULL: the candidate's */
    struct company company;
};

enum work {
    WORK_ECHO,    /**< sessions that stay connected, message after message */
    WORK_CONNECT, /**< connect, one echo, close */
};

enum figure {
    CPU,     /**< CPU microseconds of the server's processes per echo, or connection */
    RATE,    /**< echoes, or connections, per second */
    P99,     /**< microseconds from sending to the reply, as measured by the load */
    IDLE_KB, /**< memory per idle session */
    DROPPED, /**< percentage of messages that --print dropped and counted */
    FIGURES_JUDGED,
};

/** A bound for one side, relative to another. RATE and DROPPED must be at least the
 * bound, the others at most. */
struct target {
    enum figure figure;
    unsigned side; /**< index into sides */
    unsigned base; /**< the side to divide by; IDLE_KB and DROPPED are not divided */
    double bound;
};

struct contest {
    const char *name; /**< for the command line */
    const char *title;
    enum work work;
    unsigned sessions; /**< 0: the number on the command line */
    unsigned threads;  /**< event loops of the load; 0: a thread for each session */
    unsigned part;     /**< send only every Nth message; 0: send all */
    bool tls;
    bool spread;                  /**< the server needs more than one CPU: not measured apart */
    struct side sides[SIDES_MAX]; /**< ended by one without a candidate; ratios are to the first */
    struct target targets[TARGETS_MAX]; /**< ended by one whose bound is 0 */
};

/** The CPUs of the server and the load. */
enum placement {
    ANYWHERE, /**< unpinned */
    APART,    /**< the server on the first CPU, the load and its company on the second */
    PLACEMENTS,
};

/** The extent of a run. */
struct extent {
    unsigned rounds;
    unsigned sessions;
    unsigned messages;    /**< per run, over all sessions */
    unsigned connections; /**< per run of WORK_CONNECT, over all clients */
    unsigned idle;        /**< replaces company.idle if that is not 0 */
};

/** The results of one side, one value per round. */
struct outcome {
    bool there;
    char why[200]; /**< if not, the reason */
    struct series figure[FIGURES_JUDGED];
    struct series p50;
    struct series memory_kb; /**< the server, all its sessions, its stacks in the kernel */
    struct series scrapes;   /**< replies to the scraper per second */
};

/** Run a contest without printing. `outcomes` is overwritten. */
void contest_measure(const struct contest *contest, const struct extent *extent,
                     enum placement placement, struct outcome outcomes[SIDES_MAX]);

/** Print the table and the verdicts. A target of a missing side is not judged. */
void contest_print(const struct contest *contest, const struct extent *extent,
                   enum placement placement, const struct outcome outcomes[SIDES_MAX]);

#endif /* BENCH_COMPARE_H */
