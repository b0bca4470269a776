/* SPDX-License-Identifier: MIT */
/*
 * --hist: the percentiles of the echo in the format of HdrHistogram, for its plotter and other tools
 * that read it.
 *
 * The rows halve the distance to 100 % again and again, with five steps for each half: 0, 10, ... 50,
 * 55, ... 75, 77.5 and so on, until all values are passed. Values are in milliseconds, the unit that
 * the plotter expects. With --rate they count from the schedule.
 */
#include "client/views/view.h"

#include "client/views/outlet.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define TICKS_PER_HALF 5
#define MS             1e6

/* The sizes of our histogram in the terms of HdrHistogram: see histogram.c. */
enum { BUCKETS = 30, SUB_BUCKETS = 2048 };

struct hist_view {
    struct view base;
    struct outlet *outlet;
};

/** @return the percentile of the row after that of a percentile */
static double next_percentile(double percent)
{
    double halvings = floor(log2(100 / (100 - percent))) + 1;

    return percent + 100 / (TICKS_PER_HALF * exp2(halvings));
}

static void write_rows(struct outlet *outlet, const struct histogram *histogram)
{
    struct histogram_bucket bucket = {0};
    uint64_t total = histogram_count(histogram), seen = 0;
    double percent = 0;

    while (seen < total && histogram_walk(histogram, &bucket)) {
        seen += bucket.count;
        /* When the last value is reached, it has one row before that of 100 %. */
        while ((double)seen * 100 >= percent * (double)total) {
            outlet_print(outlet, "%12.3f %2.12f %10" PRIu64 " %14.2f\n",
                         (double)(seen < total ? bucket.high : histogram_max(histogram)) / MS,
                         percent / 100, seen, 1 / (1 - percent / 100));
            percent = next_percentile(percent);
            if (seen == total)
                break;
        }
    }
    if (total > 0)
        outlet_print(outlet, "%12.3f %2.12f %10" PRIu64 "\n", (double)histogram_max(histogram) / MS,
                     1.0, total);
}

static void write_all(struct outlet *outlet, const struct histogram *histogram)
{
    outlet_print(outlet, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                 "1/(1-Percentile)");
    write_rows(outlet, histogram);
    outlet_print(outlet, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
                 histogram_mean(histogram) / MS, histogram_deviation(histogram) / MS);
    outlet_print(outlet, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
                 (double)histogram_max(histogram) / MS, histogram_count(histogram));
    outlet_print(outlet, "#[Buckets = %12d, SubBuckets     = %12d]\n", BUCKETS, SUB_BUCKETS);
}

static bool hist_close(struct view *view, const struct summary *total)
{
    struct hist_view *hist = (struct hist_view *)view;
    int code;

    write_all(hist->outlet, total->measure.times[MEASURE_ECHO]);
    code = outlet_close(hist->outlet, "", 0);
    free(hist);
    return code == 0;
}

static const struct view_ops hist_ops = {.close = hist_close};

struct view *view_hist_new(const char *path)
{
    struct hist_view *hist = calloc(1, sizeof *hist);

    if (hist == NULL)
        return NULL;
    hist->base.ops = &hist_ops;
    hist->outlet = outlet_open(path);
    if (hist->outlet == NULL) {
        free(hist); /* keeps errno */
        return NULL;
    }
    return &hist->base;
}
