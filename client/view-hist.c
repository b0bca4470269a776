/* SPDX-License-Identifier: MIT */
/*
 * --hist: the percentiles of the echo as HdrHistogram prints them, for its plotter and the tools that
 * read the same.
 *
 * The rows halve the distance to 100 % again and again, with five steps for each half: 0, 10, ... 50,
 * 55, ... 75, 77.5 and so on, until all values are passed. Values are milliseconds, which is what the
 * plotter takes them for. Under --rate they are counted from the schedule.
 */
#include "client/view.h"

#include "common/log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKS_PER_HALF 5
#define MS             1e6

/* What HdrHistogram calls the sizes of a histogram such as ours: see histogram.c. */
enum { BUCKETS = 30, SUB_BUCKETS = 2048 };

struct hist_view {
    struct view base;
    FILE *file;
    char *path; /* for sentences */
};

/** The percentile of the row after that of a percentile. */
static double next_percentile(double percent)
{
    double halvings = floor(log2(100 / (100 - percent))) + 1;

    return percent + 100 / (TICKS_PER_HALF * exp2(halvings));
}

static void write_rows(FILE *file, const struct histogram *histogram)
{
    struct histogram_bucket bucket = {0};
    uint64_t total = histogram_count(histogram), seen = 0;
    double percent = 0;

    while (seen < total && histogram_walk(histogram, &bucket)) {
        seen += bucket.count;
        /* Where the last value is reached, one row of it stands before that of 100 %. */
        while ((double)seen * 100 >= percent * (double)total) {
            fprintf(file, "%12.3f %2.12f %10llu %14.2f\n",
                    (double)(seen < total ? bucket.high : histogram_max(histogram)) / MS,
                    percent / 100, (unsigned long long)seen, 1 / (1 - percent / 100));
            percent = next_percentile(percent);
            if (seen == total)
                break;
        }
    }
    if (total > 0)
        fprintf(file, "%12.3f %2.12f %10llu\n", (double)histogram_max(histogram) / MS, 1.0,
                (unsigned long long)total);
}

static void write_all(FILE *file, const struct histogram *histogram)
{
    fprintf(file, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    write_rows(file, histogram);
    fprintf(file, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", histogram_mean(histogram) / MS,
            histogram_deviation(histogram) / MS);
    fprintf(file, "#[Max     = %12.3f, Total count    = %12llu]\n",
            (double)histogram_max(histogram) / MS, (unsigned long long)histogram_count(histogram));
    fprintf(file, "#[Buckets = %12d, SubBuckets     = %12d]\n", BUCKETS, SUB_BUCKETS);
}

static bool hist_close(struct view *view, const struct summary *total)
{
    struct hist_view *hist = (struct hist_view *)view;
    bool written;
    int closed;

    write_all(hist->file, total->measure.times[MEASURE_ECHO]);
    written = !ferror(hist->file);
    closed = hist->file == stdout ? fflush(stdout) : fclose(hist->file);
    written = closed == 0 && written;
    /* Whose reader has left does not want to hear of it. */
    if (!written && errno != EPIPE)
        log_error("cannot write %s: %s", hist->path, strerror(errno));
    free(hist->path);
    free(hist);
    return written;
}

static const struct view_ops hist_ops = {.close = hist_close};

struct view *view_hist_new(const char *path)
{
    struct hist_view *hist = calloc(1, sizeof *hist);
    bool standard = strcmp(path, "-") == 0;

    if (hist == NULL)
        return NULL;
    hist->base.ops = &hist_ops;
    hist->path = strdup(standard ? "standard output" : path);
    hist->file = hist->path == NULL ? NULL : standard ? stdout : fopen(path, "we");
    if (hist->file == NULL) {
        int error = errno;

        free(hist->path);
        free(hist);
        errno = error;
        return NULL;
    }
    return &hist->base;
}
