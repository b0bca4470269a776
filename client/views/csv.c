/* SPDX-License-Identifier: MIT */
/*
 * --csv: a row for each session, in the order in which they ended, in the format of RFC 4180.
 *
 * Times count from the begin of the run, before the first session connects: counted from the
 * barrier, what happens before it would have negative times. With --steps they count from the begin
 * of the first step, so that all rows share one time axis.
 */
#include "client/views/view.h"

#include "client/views/figures.h"
#include "client/views/outlet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct csv {
    struct view view;
    struct outlet *outlet;
    bool begun;
    int64_t origin_ns;
    unsigned step;
};

static void begin(struct view *view, const struct progress *progress)
{
    struct csv *csv = (struct csv *)view;

    if (!csv->begun)
        csv->origin_ns = progress->now_ns;
    csv->begun = true;
    csv->step = progress->step;
}

/** Put a time and a comma; the comma alone if the session did not come so far. */
static void put_time(const struct csv *csv, int64_t ns)
{
    char text[FIGURES_ROOM];

    outlet_print(csv->outlet, "%s,", ns != 0 ? figures_us(text, ns - csv->origin_ns) : "");
}

/** Put a text in quotes, with each quote in it doubled. */
static void put_quoted(struct outlet *outlet, const char *text)
{
    outlet_put(outlet, "\"", 1);
    for (const char *quote; (quote = strchr(text, '"')) != NULL; text = quote + 1) {
        outlet_put(outlet, text, (size_t)(quote - text));
        outlet_put(outlet, "\"\"", 2);
    }
    outlet_put(outlet, text, strlen(text));
    outlet_put(outlet, "\"", 1);
}

static void session(struct view *view, const struct session_record *record)
{
    struct csv *csv = (struct csv *)view;
    char longest[FIGURES_ROOM];

    outlet_print(csv->outlet, "%u,%u,%" PRIu64 ",%d,%s,", csv->step, record->session,
                 record->connection, record->idle ? 1 : 0, session_state_word(record->state));
    put_time(csv, record->begun_ns);
    put_time(csv, record->connected_ns);
    put_time(csv, record->first_byte_ns);
    put_time(csv, record->finishing_ns);
    put_time(csv, record->ended_ns);
    outlet_print(csv->outlet, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%d,%s,", record->sent,
                 record->verified, record->bytes, record->mismatched ? 1 : 0,
                 record->echo_ns_max != 0 ? figures_us(longest, record->echo_ns_max) : "");
    put_quoted(csv->outlet, record->reason);
    outlet_put(csv->outlet, ",", 1);
    put_quoted(csv->outlet, record->target);
    outlet_put(csv->outlet, "\r\n", 2);
}

static bool close_csv(struct view *view, const struct summary *total)
{
    struct csv *csv = (struct csv *)view;
    int code = outlet_close(csv->outlet, "the sessions", 0);

    (void)total;
    free(csv);
    return code == 0;
}

struct view *view_csv_new(const char *path)
{
    static const struct view_ops ops = {.begin = begin, .session = session, .close = close_csv};
    static const char header[] =
        "step,session,connection,idle,state,arrived_us,connected_us,first_byte_us,finishing_us,"
        "ended_us,sent,verified,bytes,mismatched,echo_max_us,reason,target\r\n";
    struct csv *csv = calloc(1, sizeof *csv);

    if (csv == NULL)
        return NULL;
    csv->view.ops = &ops;
    csv->outlet = outlet_open(path);
    if (csv->outlet == NULL) {
        free(csv); /* keeps errno */
        return NULL;
    }
    outlet_put(csv->outlet, header, sizeof header - 1);
    return &csv->view;
}
