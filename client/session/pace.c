/* SPDX-License-Identifier: MIT */
/*
 * When a session sends. See pace.h.
 *
 * Random times are not drawn from a shared stream of numbers: each is a hash of its session and its
 * sequence number, so that it is the same in every run, whatever the other sessions do.
 */
#include "client/session/pace.h"

#include "common/clock.h"
#include "common/random.h"

#include <math.h>

/** A fraction, at least 0 and less than 1. */
static double fraction(unsigned session, uint64_t sequence)
{
    return random_fraction(random_mix(sequence + random_mix((uint64_t)session + RANDOM_STEP)));
}

static double exponential(double mean, unsigned session, uint64_t sequence)
{
    return mean * random_exponential(1 - fraction(session, sequence));
}

int64_t spread_draw(const struct spread *spread, unsigned session, uint64_t sequence)
{
    switch (spread->kind) {
    case SPREAD_CONSTANT: return spread->from_ns;
    case SPREAD_EVEN:
        return spread->from_ns + (int64_t)(fraction(session, sequence) *
                                           (double)(spread->to_ns - spread->from_ns + 1));
    case SPREAD_EXPONENTIAL:
        return (int64_t)exponential((double)spread->from_ns, session, sequence);
    case SPREAD_NONE: break;
    }
    return 0;
}

void pace_init(struct pace *pace, double rate, bool random, unsigned session, unsigned sessions)
{
    *pace = (struct pace){.random = random, .session = session};
    if (!(rate > 0))
        return;
    pace->gap_ns = (double)sessions * SECOND_NS / rate;
    pace->first_ns =
        random ? exponential(pace->gap_ns, session, 0) : (double)session * SECOND_NS / rate;
    pace->next_ns = pace->first_ns;
}

void pace_skip(struct pace *pace, int64_t until_ns)
{
    if (until_ns <= 0)
        return;
    /* A Poisson process may begin at any time. In a round of turns the others' turns must stay. */
    if (pace->random)
        pace->first_ns += (double)until_ns;
    else if (pace->first_ns < (double)until_ns)
        pace->first_ns += ceil(((double)until_ns - pace->first_ns) / pace->gap_ns) * pace->gap_ns;
    pace->next_ns = pace->first_ns;
}

void pace_leave_out(struct pace *pace, uint64_t count)
{
    pace->sequence += count;
    pace->next_ns += (double)count * pace->gap_ns;
}

void pace_back(struct pace *pace, uint64_t count)
{
    for (; count > 0; count--) {
        if (pace->random)
            pace->next_ns -= exponential(pace->gap_ns, pace->session, pace->sequence);
        pace->sequence--;
        if (!pace->random)
            pace->next_ns = pace->first_ns + (double)pace->sequence * pace->gap_ns;
    }
}

void pace_next(struct pace *pace)
{
    pace->sequence++;
    if (pace->random)
        pace->next_ns += exponential(pace->gap_ns, pace->session, pace->sequence);
    else /* not a sum of gaps: a million additions would round a million times */
        pace->next_ns = pace->first_ns + (double)pace->sequence * pace->gap_ns;
}
