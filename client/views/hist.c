/* SPDX-License-Identifier: MIT */
/*
 * --hist: the percentiles of the echo as HdrHistogram prints them, for its plotter and the tools that
 * read the same.
 *
 * The rows halve the distance to 100 % again and again, with five steps for each half: 0, 10, ... 50,
 * 55, ... 75, 77.5 and so on, until all values are passed. Values are milliseconds, which is what the
 * plotter takes them for. Under --rate they are counted from the schedule.
 */
#include "client/views/view.h"

#include "client/views/outlet.h"

#include <math.h>
#include <stdlib.h>

#define TICKS_PER_HALF 5
#define MS             1e6

/* What HdrHistogram calls the sizes of a histogram such as ours: see histogram.c. */
enum { BUCKETS = 30, SUB_BUCKETS = 2048 };

struct hist_view {
    struct view base;
    struct outlet *outlet;
};

/** The percentile of the row after that of a percentile. */
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
        /* Where the last value is reached, one row of it stands before that of 100 %. */
        while ((double)seen * 100 >= percent * (double)total) {
            outlet_print(outlet, "%12.3f %2.12f %10llu %14.2f\n",
                         (double)(seen < total ? bucket.high : histogram_max(histogram)) / MS,
                         percent / 100, (unsigned long long)seen, 1 / (1 - percent / 100));
            percent = next_percentile(percent);
            if (seen == total)
                break;
        }
    }
    if (total > 0)
        outlet_print(outlet, "%12.3f %2.12f %10llu\n", (double)histogram_max(histogram) / MS, 1.0,
                     (unsigned long long)total);
}

static void write_all(struct outlet *outlet, const struct histogram *histogram)
{
    outlet_print(outlet, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                 "1/(1-Percentile)");
    write_rows(outlet, histogram);
    outlet_print(outlet, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
                 histogram_mean(histogram) / MS, histogram_deviation(histogram) / MS);
    outlet_print(outlet, "#[Max     = %12.3f, Total count    = %12llu]\n",
                 (double)histogram_max(histogram) / MS,
                 (unsigned long long)histogram_count(histogram));
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
        free(hist); /* which leaves errno alone */
        return NULL;
    }
    return &hist->base;
}
