/* SPDX-License-Identifier: MIT */
/*
 * The reader of reports: a file is read whole, or a sentence says why not and nothing is added. What was
 * read is written as a report that says the same when it is read again, and can be merged and printed.
 */
#include "config.h"

#include "client/report/json.h"
#include "client/report/read.h"
#include "tests/fuzz/input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const bool target_takes_messages = false;

/** A run that has been read. */
struct run {
    struct summary summary;
    struct spans spans;
    bool is_read;
};

/** Read bytes as a report, times over into the same run. */
static void run_read(struct run *run, const void *bytes, size_t size, int times)
{
    int fd = memfd_create("report", MFD_CLOEXEC);
    char path[32], why[REPORT_WHY] = "";

    *run = (struct run){0};
    HOLDS(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && summary_init(&run->summary));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (int i = 0; i < times; i++) {
        size_t spans = run->spans.count;

        run->is_read = report_read(path, &run->summary, &run->spans, NULL, why);
        if (run->is_read)
            continue;
        HOLDS(why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
        HOLDS(i == 0 && run->spans.count == spans && run->summary.requested == 0);
        break;
    }
    close(fd);
}

static void run_clear(struct run *run)
{
    summary_clear(&run->summary);
    free(run->spans.span);
}

/** Write it as JSON, to be freed, or as text. */
static char *run_write(const struct run *run, bool json, size_t *size)
{
    struct report report = {.total = &run->summary};
    char *text = NULL;
    FILE *file = open_memstream(&text, size);

    HOLDS(file != NULL);
    if (json)
        HOLDS(report_json(file, &report));
    else
        report_text(file, &report);
    HOLDS(fclose(file) == 0);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    int before = lowest_free_fd();
    struct run run, again, twice;
    struct spans_overlap overlap;
    char *text, *same;
    size_t text_size, same_size;

    run_read(&run, input, size, 1);
    if (run.is_read) {
        HOLDS(spans_measure(&run.spans, &overlap));
        HOLDS(overlap.any_ns >= 0 && overlap.together_ns >= 0 &&
              overlap.together_ns <= overlap.any_ns);
        text = run_write(&run, true, &text_size);
        run_read(&again, text, text_size, 1);
        HOLDS(again.is_read);
        same = run_write(&again, true, &same_size);
        HOLDS(same_size == text_size && memcmp(same, text, same_size) == 0);
        run_clear(&again);
        free(same);
        free(text);
        run_read(&twice, input, size, 2);
        HOLDS(twice.is_read);
        free(run_write(&twice, false, &text_size));
        free(run_write(&twice, true, &text_size));
        run_clear(&twice);
    }
    run_clear(&run);
    HOLDS(lowest_free_fd() == before);
    return 0;
}
