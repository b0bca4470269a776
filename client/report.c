/* SPDX-License-Identifier: MIT */
/* The summary as a table. */
#include "client/report.h"

static double us(int64_t ns)
{
    return (double)ns / 1000;
}

/** A row of percentiles; dashes where nothing was measured. */
static void show_times(FILE *file, const char *label, const struct histogram *histogram)
{
    static const double percents[] = {50, 90, 99, 99.9};

    fprintf(file, "  %-11s", label);
    if (histogram_count(histogram) == 0) {
        fprintf(file, " %10s %10s %10s %10s %10s\n", "-", "-", "-", "-", "-");
        return;
    }
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++)
        fprintf(file, " %10.1f", us(histogram_percentile(histogram, percents[i])));
    fprintf(file, " %10.1f\n", us(histogram_max(histogram)));
}

void report_text(FILE *file, const struct summary *summary)
{
    fprintf(file, "sessions     %u requested: %u ok, %u failed, %u refused\n", summary->requested,
            summary->ok, summary->failed, summary->refused);
    fprintf(file, "messages     %llu sent: %llu verified, %llu mismatched\n",
            (unsigned long long)summary->sent, (unsigned long long)summary->verified,
            (unsigned long long)summary->mismatched);
    fprintf(file, "bytes        %llu verified in %.3f s: %.0f echoes/s\n",
            (unsigned long long)summary->bytes, summary->seconds, summary_rate(summary));
    fprintf(file, "latency us   %10s %10s %10s %10s %10s\n", "p50", "p90", "p99", "p99.9", "max");
    show_times(file, "connect", summary->measure.connect);
    show_times(file, "queue wait", summary->measure.queue_wait);
    if (histogram_count(summary->measure.handshake) > 0)
        show_times(file, "handshake", summary->measure.handshake);
    show_times(file, "echo", summary->measure.echo);
    if (summary->error_kinds > 0)
        fprintf(file, "errors\n");
    for (unsigned i = 0; i < summary->error_kinds; i++)
        fprintf(file, "  %-10llu %s\n", (unsigned long long)summary->errors[i].count,
                summary->errors[i].words);
    if (summary->interrupted != 0)
        fprintf(file, "interrupted: this is what was done so far\n");
}
