/* SPDX-License-Identifier: MIT */
/*
 * Since when a session was served.
 *
 * DESIGN
 * The server says nothing when it begins with a session. The first byte comes later, by all the time that
 * the first message takes, and a session that has a worker at once would seem to wait meanwhile. Three things
 * are known:
 *
 * - A session was served for at least as long before its first byte as its shortest echo took later; or, if
 *   it had no other message, as the fastest first reply of the run took.
 * - The server can serve as many sessions at once as it served at once for certain. While fewer are here, none
 *   waits; if more are, the next begins when one of them ends. Here sessions are taken to begin in the order
 *   of their first replies.
 * - It was not served for longer before its first byte than its longest echo took later. So the wait for
 *   workers that other clients hold is a wait.
 *
 * With TLS the first byte is of the handshake, which comes before the first message and takes little time:
 * there it counts as the beginning.
 */
#include "client/views/served.h"

#include <stdlib.h>

/* Moments of the sessions that were served, each of them by itself in order. */
struct moments {
    struct mark **marks; /* by served_ns */
    int64_t *ends;
    size_t count;
};

static int by_served(const void *one, const void *other)
{
    const struct mark *a = *(struct mark *const *)one, *b = *(struct mark *const *)other;

    return a->served_ns < b->served_ns ? -1 : a->served_ns > b->served_ns;
}

static int by_time(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

    return a < b ? -1 : a > b;
}

/** Whether the first byte answered the first message. */
static bool has_asked(const struct mark *mark)
{
    return mark->asked_ns >= 0 && mark->asked_ns < mark->first_byte_ns;
}

static int64_t latest(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

static int64_t fastest_reply_ns(const struct mark *marks, size_t count)
{
    int64_t fastest_ns = INT64_MAX;

    for (size_t i = 0; i < count; i++) {
        int64_t took_ns = marks[i].first_byte_ns - marks[i].asked_ns;

        if (mark_is_served(&marks[i]) && has_asked(&marks[i]) && took_ns < fastest_ns)
            fastest_ns = took_ns;
    }
    return fastest_ns;
}

/** Set served_ns to when each was served for certain. @return how many were served */
static size_t find_certain(struct mark *marks, size_t count)
{
    int64_t fastest_ns = fastest_reply_ns(marks, count);
    size_t served = 0;

    for (size_t i = 0; i < count; i++) {
        struct mark *mark = &marks[i];
        int64_t least_ns = mark->echo_ns_min > 0 ? mark->echo_ns_min : fastest_ns;

        mark->served_ns = mark_is_served(mark) ? mark->first_byte_ns : -1;
        served += mark_is_served(mark) ? 1 : 0;
        if (mark_is_served(mark) && has_asked(mark))
            mark->served_ns = latest(mark->asked_ns, mark->first_byte_ns - least_ns);
    }
    return served;
}

static bool sort(struct moments *moments, struct mark *marks, size_t count, size_t served)
{
    moments->marks = calloc(served + 1, sizeof moments->marks[0]);
    moments->ends = calloc(served + 1, sizeof moments->ends[0]);
    if (moments->marks == NULL || moments->ends == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (marks[i].served_ns < 0)
            continue;
        moments->ends[moments->count] = marks[i].ended_ns;
        moments->marks[moments->count++] = &marks[i];
    }
    qsort(moments->marks, served, sizeof moments->marks[0], by_served);
    qsort(moments->ends, served, sizeof moments->ends[0], by_time);
    return true;
}

/** Return how many were served at once for certain, at most. */
static size_t most_at_once(const struct moments *moments)
{
    size_t most = 0, ended = 0;

    for (size_t i = 0; i < moments->count; i++) {
        while (ended < i && moments->ends[ended] <= moments->marks[i]->served_ns)
            ended++;
        if (i + 1 - ended > most)
            most = i + 1 - ended;
    }
    return most;
}

bool served_find(struct mark *marks, size_t count)
{
    struct moments moments = {0};
    bool sorted = sort(&moments, marks, count, find_certain(marks, count));
    size_t places = sorted ? most_at_once(&moments) : 0;

    for (size_t i = 0; sorted && i < moments.count; i++) {
        struct mark *mark = moments.marks[i];
        int64_t since_ns = mark->asked_ns;

        if (!has_asked(mark) || mark->echo_ns_max == 0)
            continue;
        /* the earliest ends are those of the sessions that made room for later ones */
        if (i >= places)
            since_ns = latest(since_ns, moments.ends[i - places]);
        since_ns = latest(since_ns, mark->first_byte_ns - mark->echo_ns_max);
        if (since_ns < mark->served_ns)
            mark->served_ns = since_ns;
    }
    free(moments.marks);
    free(moments.ends);
    return sorted;
}
