/* SPDX-License-Identifier: MIT */
/* client/view-hist: the text of HdrHistogram, row by row. */
#include "client/views/view.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct summary summary;
static char *path;

static void setup(void)
{
    path = suite_template();

    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(summary_init(&summary));
}

static void teardown(void)
{
    summary_clear(&summary);
    unlink(path);
}

static void record(int64_t ns, uint64_t times)
{
    histogram_record_many(summary.measure.times[MEASURE_ECHO], ns, times);
}

/* What the view writes about the summary; to be freed. */
static char *written(void)
{
    struct view *view = view_hist_new(path);
    char *text = NULL;
    size_t room = 0;
    FILE *file;

    ck_assert_ptr_nonnull(view);
    ck_assert_int_eq(view->period_ns, 0);
    ck_assert(view->ops->close(view, &summary));
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    if (getdelim(&text, &room, '\0', file) < 0)
        ck_abort_msg("nothing was written");
    fclose(file);
    return text;
}

#define HEAD "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"

CASE_WITH("Core", setup, teardown)

/* 1,023 ms, 2,046 ms and 3 s: rows as HdrHistogram has them for three different values. The deviation
 * is that of the middles of their buckets. */
TEST(three_values)
{
    char *text;

    record(1022999999, 1);
    record(2045999999, 1);
    record(3000000000, 1);
    text = written();
    ck_assert_str_eq(text, HEAD "    1023.410 0.000000000000          1           1.00\n"
                                "    1023.410 0.100000000000          1           1.11\n"
                                "    1023.410 0.200000000000          1           1.25\n"
                                "    1023.410 0.300000000000          1           1.43\n"
                                "    2046.820 0.400000000000          2           1.67\n"
                                "    2046.820 0.500000000000          2           2.00\n"
                                "    2046.820 0.550000000000          2           2.22\n"
                                "    2046.820 0.600000000000          2           2.50\n"
                                "    2046.820 0.650000000000          2           2.86\n"
                                "    3000.000 0.700000000000          3           3.33\n"
                                "    3000.000 1.000000000000          3\n"
                                "#[Mean    =     2023.000, StdDeviation   =      807.203]\n"
                                "#[Max     =     3000.000, Total count    =            3]\n"
                                "#[Buckets =           30, SubBuckets     =         2048]\n");
    free(text);
}

/* One value of 11 is reached at 9.09 %: a row for 0 %, and one for the first of the others. */
TEST(a_level_is_skipped_where_nothing_is)
{
    char *text;

    record(2000, 1);
    record(4000, 10);
    text = written();
    ck_assert_str_eq(text, HEAD "       0.002 0.000000000000          1           1.00\n"
                                "       0.004 0.100000000000         11           1.11\n"
                                "       0.004 1.000000000000         11\n"
                                "#[Mean    =        0.004, StdDeviation   =        0.001]\n"
                                "#[Max     =        0.004, Total count    =           11]\n"
                                "#[Buckets =           30, SubBuckets     =         2048]\n");
    free(text);
}

/* With each halving of the distance to 100 % there are five rows, as long as values are left. */
TEST(the_distance_is_halved)
{
    static const double levels[] = {0,   0.1,  0.2,   0.3, 0.4,   0.5,  0.55,  0.6,   0.65,
                                    0.7, 0.75, 0.775, 0.8, 0.825, 0.85, 0.875, 0.8875};
    char *text, *row;
    unsigned long long count, last = 0;
    double value, level, odds;
    unsigned rows = 0;

    for (int64_t ms = 1; ms <= 100000; ms++)
        record(ms * 1000, 1);
    text = written();
    row = strstr(text, "\n\n") + 2;
    while (sscanf(row, "%lf %lf %llu %lf", &value, &level, &count, &odds) == 4 && level < 1) {
        if (rows < sizeof levels / sizeof levels[0])
            ck_assert_double_eq(level, levels[rows]);
        ck_assert_uint_ge(count, last);
        ck_assert_double_ge((double)count / 100000, level - 1e-12);
        ck_assert_double_eq_tol(value, (double)count / 1000, 0.06 + value / 1000);
        ck_assert_double_eq_tol(odds, 1 / (1 - level), 0.01);
        last = count;
        rows++;
        row = strchr(row, '\n') + 1;
    }
    /* The last bucket has a thousandth of the values at most: ten to eleven halvings. */
    ck_assert_uint_eq(last, 100000);
    ck_assert_uint_ge(rows, 50);
    ck_assert_uint_le(rows, 60);
    ck_assert_ptr_eq(strstr(row, "     100.000 1.000000000000     100000\n"), row);
    free(text);
}

TEST(no_values_are_no_rows)
{
    char *text = written();

    ck_assert_str_eq(text, HEAD "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
                                "#[Max     =        0.000, Total count    =            0]\n"
                                "#[Buckets =           30, SubBuckets     =         2048]\n");
    free(text);
}

TEST(a_file_that_cannot_be_opened)
{
    ck_assert_ptr_null(view_hist_new("/nowhere/hist"));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_ptr_null(view_hist_new("/etc"));
    ck_assert_int_eq(errno, EISDIR);
}

TEST(a_full_disk_is_noticed)
{
    struct view *view = view_hist_new("/dev/full");

    ck_assert_ptr_nonnull(view);
    ck_assert(!view->ops->close(view, &summary));
}
