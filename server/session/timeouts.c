/* SPDX-License-Identifier: MIT */
/*
 * The time limits of sessions: see timeouts.h.
 *
 * DESIGN. A session counts its moves (session_move()) and reads no clock. For each session the timer
 * remembers the count and when it first saw it: while the count stays the same, the session has not moved
 * since. That time is up to one period late, and so are the verdicts.
 *
 * A judged session that does not end within a second is shut down in both directions: it may be sending to
 * a client that receives nothing, and one that another process serves may be stopped.
 */
#include "server/session/timeouts.h"

#include "common/clock.h"
#include "server/session/session.h"

#include <stdlib.h>

#define PERIOD_LEAST_NS INT64_C(10000000)
#define PERIOD_MOST_NS  SECOND_NS
#define PATIENCE_NS     SECOND_NS

struct timeouts {
    struct shared *shared;
    struct timeouts_limits limits;
    struct event *tick;
    void (*tend)(void *context);
    void *context;
    int64_t period_ns;
    int64_t now_ns;  /* of the current check, or of the last one */
    int64_t lost_ns; /* by how much the current check is late, if by a period or more */
};

/* Get the limit of a phase and the verdict when it is reached. 0: none */
static int64_t limit_of(const struct timeouts_limits *limits, enum phase phase,
                        enum outcome *verdict)
{
    switch (phase) {
    case PHASE_HANDSHAKE: *verdict = OUTCOME_HANDSHAKE_TIMEOUT; return limits->handshake_ns;
    case PHASE_RECEIVING:
    case PHASE_PARKED: *verdict = OUTCOME_IDLE_TIMEOUT; return limits->idle_ns;
    case PHASE_CLOSING: /* the last of TLS is on the way */
    case PHASE_SENDING: *verdict = OUTCOME_WRITE_TIMEOUT; return limits->write_ns;
    default: return 0;
    }
}

/* Give the verdict, and if the session has not ended for some time, shut down both directions. */
static void judge(struct session *session, enum outcome verdict, int64_t late_ns)
{
    bool judged = atomic_load(&session->verdict) != OUTCOME_SERVED;

    session_judge(session, judged && late_ns >= PATIENCE_NS ? OUTCOME_WRITE_TIMEOUT : verdict);
}

static void look_at(struct accounting_entry *entry, void *context)
{
    const struct timeouts *timeouts = context;
    const struct timeouts_limits *limits = &timeouts->limits;
    struct session *session = (struct session *)entry;
    uint64_t progress = atomic_load_explicit(&session->progress, memory_order_relaxed);
    int64_t begun_ns = atomic_load_explicit(&entry->begun_ns, memory_order_relaxed);
    enum phase phase = session_phase(session);
    enum outcome verdict = OUTCOME_SERVED;
    int64_t limit_ns = limit_of(limits, phase, &verdict);

    if (session->seen_ns == 0 || progress != session->progress_seen) {
        session->progress_seen = progress;
        session->seen_ns = timeouts->now_ns;
    } else {
        session->seen_ns += timeouts->lost_ns;
    }
    /* A handshake moves at its client's pace: its limit counts from the beginning. */
    if (begun_ns == 0)
        return;
    int64_t waited_ns = timeouts->now_ns - (phase == PHASE_HANDSHAKE ? begun_ns : session->seen_ns);
    int64_t here_ns = timeouts->now_ns - begun_ns;
    if (limit_ns > 0 && waited_ns >= limit_ns)
        judge(session, verdict, waited_ns - limit_ns);
    else if (limits->session_ns > 0 && here_ns >= limits->session_ns)
        judge(session, OUTCOME_SESSION_TIMEOUT, here_ns - limits->session_ns);
}

static void on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct timeouts *timeouts = argument;
    int64_t last_ns = timeouts->now_ns;

    (void)fd;
    (void)what;
    timeouts->now_ns = clock_now_ns();
    timeouts->lost_ns = timeouts->now_ns - last_ns - timeouts->period_ns;
    if (last_ns == 0 || timeouts->lost_ns < timeouts->period_ns)
        timeouts->lost_ns = 0;
    accounting_each(timeouts->shared->accounting, look_at, timeouts);
    if (timeouts->tend != NULL)
        timeouts->tend(timeouts->context);
}

/* Get the period of the checks. 0: there is no limit */
static int64_t period_ns(const struct timeouts_limits *limits)
{
    const int64_t all[] = {limits->handshake_ns, limits->idle_ns, limits->write_ns,
                           limits->session_ns};
    int64_t shortest = 0;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] > 0 && (shortest == 0 || all[i] < shortest))
            shortest = all[i];
    if (shortest == 0)
        return 0;
    shortest /= 16;
    return shortest < PERIOD_LEAST_NS  ? PERIOD_LEAST_NS
           : shortest > PERIOD_MOST_NS ? PERIOD_MOST_NS
                                       : shortest;
}

struct timeouts *timeouts_new(struct event_base *base, struct shared *shared,
                              const struct timeouts_limits *limits, void (*tend)(void *context),
                              void *context)
{
    struct timeouts *timeouts = calloc(1, sizeof *timeouts);
    int64_t period = period_ns(limits);
    struct timeval every = clock_timeval(period);

    if (timeouts == NULL)
        return NULL;
    *timeouts = (struct timeouts){
        .shared = shared,
        .limits = *limits,
        .period_ns = period,
        .tend = tend,
        .context = context,
        .tick = event_new(base, -1, EV_PERSIST, on_tick, timeouts),
    };
    if (timeouts->tick == NULL || (period > 0 && event_add(timeouts->tick, &every) != 0)) {
        timeouts_free(timeouts);
        return NULL;
    }
    return timeouts;
}

void timeouts_free(struct timeouts *timeouts)
{
    if (timeouts == NULL)
        return;
    if (timeouts->tick != NULL)
        event_free(timeouts->tick);
    free(timeouts);
}
