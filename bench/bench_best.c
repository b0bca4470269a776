/* SPDX-License-Identifier: MIT */
/*
 * The event model against the best of today: bare loops, and the usual servers with other libraries and
 * in other languages, each under several loads.
 *
 * A ratio holds for a load. A load of one event loop uses one CPU and wakes the server rarely, with many
 * messages at a time. A load with a thread for each session competes with the server for every CPU, and
 * the scheduler decides who runs. So both are measured, with few and with many sessions, unpinned and
 * apart (compare.h).
 *
 * With a FILE, the figures are also written there, as tab-separated values; best-into-readme makes the
 * table and the picture of README.md of them.
 */
#include "bench/candidates.h"
#include "bench/compare.h"
#include "common/log.h"

#include <stdio.h>

#define LOADS 4
#define EVENT 1 /* index of the side that the others are compared with */

/* clang-format off */
#define SIDE(server) {.candidate = &(server)}

static const struct contest best = {
    .name = "best",
    .sides = {SIDE(floor_epoll), SIDE(model_event), SIDE(floor_uring), SIDE(model_io_uring),
              SIDE(peer_bufferevent), SIDE(peer_uv), SIDE(peer_go), SIDE(peer_tokio)},
    .targets = {{CPU, EVENT, 0, 1.05}, {RATE, EVENT, 0, 0.95}, {CPU, EVENT, 6, 1.0}, {RATE, EVENT, 6, 1.0}},
};
/* clang-format on */

static const char *const placement_words[PLACEMENTS] = {[ANYWHERE] = "unpinned", [APART] = "apart"};

static void print_heads(FILE *file)
{
    fputs("threads\tsessions\tbytes\tplacement\trounds\tserver\tcpu_us\trate\tp50_us\tp99_us\t"
          "event_cpu\tevent_rate\tleft_out\n",
          file);
}

/* The event model's figure divided by this one's, within each round. */
static double of_event(const struct outcome *event, const struct outcome *outcome,
                       enum figure figure)
{
    struct series ratio = series_ratio(&event->figure[figure], &outcome->figure[figure]);

    return series_median(&ratio);
}

/* Print a line for each server. The last columns are ratios of the event model to it. */
static void print_rows(FILE *file, const struct contest *contest, const struct extent *extent,
                       enum placement placement, const struct outcome outcomes[SIDES_MAX])
{
    for (size_t i = 0; i < SIDES_MAX && contest->sides[i].candidate != NULL; i++) {
        const struct outcome *outcome = &outcomes[i];
        fprintf(file, "%u\t%u\t%d\t%s\t%u\t%s\t", contest->threads, contest->sessions,
                LOAD_MESSAGE_BYTES, placement_words[placement], extent->rounds,
                contest->sides[i].candidate->name);
        if (!outcome->there) {
            fprintf(file, "\t\t\t\t\t\t%s\n", outcome->why);
            continue;
        }
        fprintf(file, "%.3f\t%.0f\t%.0f\t%.0f\t%.3f\t%.3f\t\n",
                series_median(&outcome->figure[CPU]), series_median(&outcome->figure[RATE]),
                series_median(&outcome->p50), series_median(&outcome->figure[P99]),
                of_event(&outcomes[EVENT], outcome, CPU),
                of_event(&outcomes[EVENT], outcome, RATE));
    }
}

int main(int argc, char *argv[])
{
    static struct outcome outcomes[SIDES_MAX];
    uint64_t rounds = 7, sessions = 50, many = 1000, messages = 100000, placements = 3;
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &rounds, "runs of each server; the median counts"},
        {"sessions", 1, 5000, &sessions, "sessions at once, few"},
        {"many", 1, 5000, &many, "sessions at once, many"},
        {"messages", 100, 1000000000, &messages, "echoes per run, over all sessions"},
        {"placements", 1, 3, &placements, "1: unpinned; 2: server and load apart; 3: both"},
        {.name = NULL},
    };
    int at = read_numbers(argc, argv,
                          "bench_best [OPTION]... [FILE.tsv]\n"
                          "Compare the event model with the best of today under several loads.",
                          options);
    FILE *file = argv[at] != NULL ? fopen(argv[at], "we") : NULL;
    const struct {
        const char *title;
        unsigned threads;
        unsigned sessions;
    } loads[LOADS] = {{"one load thread", 1, (unsigned)sessions},
                      {"one load thread, many sessions", 1, (unsigned)many},
                      {"a load thread for each session", 0, (unsigned)sessions},
                      {"a load thread for each of many sessions", 0, (unsigned)many}};
    struct extent extent = {.rounds = (unsigned)rounds, .messages = (unsigned)messages};

    if (argv[at] != NULL && argv[at + 1] != NULL)
        log_usage("unexpected argument %s; see --help", argv[at + 1]);
    if (argv[at] != NULL && file == NULL)
        log_fatal("cannot write to %s: %m", argv[at]);
    (void)raise_descriptor_limit();
    printf("The best of today: closed loop, messages of %d bytes, %u echoes per run, median\n"
           "(quartiles) of %u interleaved rounds, ratio to the first line within each round.\n",
           LOAD_MESSAGE_BYTES, extent.messages, extent.rounds);
    if (file != NULL)
        print_heads(file);
    for (size_t i = 0; i < LOADS; i++)
        for (enum placement placement = ANYWHERE; placement < PLACEMENTS; placement++) {
            struct contest contest = best;
            contest.title = loads[i].title;
            contest.threads = loads[i].threads;
            contest.sessions = loads[i].sessions;
            if ((placements & 1u << placement) == 0 || (placement == APART && cpus_allowed() < 2))
                continue;
            contest_measure(&contest, &extent, placement, outcomes);
            contest_print(&contest, &extent, placement, outcomes);
            if (file != NULL)
                print_rows(file, &contest, &extent, placement, outcomes);
        }
    if (file != NULL && fclose(file) != 0)
        log_fatal("cannot write to %s: %m", argv[at]);
    return EXIT_OK;
}
