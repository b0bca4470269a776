/* SPDX-License-Identifier: MIT */
/*
 * Service times: see service-time.h.
 *
 * DESIGN. The generator is SplitMix64: a counter that grows by a fixed step, and a function that
 * scrambles it (common/random.h). A session's state is one number, which lies in the session and so
 * goes along to whichever worker, or process, serves it next. Sequences of two sessions must not
 * overlap, and with counters as seeds they would, each being the other one shifted; so a session
 * begins at its scrambled number.
 */
#include "server/session/service-time.h"

#include "common/parse.h"

#include <string.h>

bool service_time_parse(const char *text, int64_t max_ns, struct service_time *time)
{
    static const char prefix[] = "exp:";
    bool exponential = strncmp(text, prefix, strlen(prefix)) == 0;
    int64_t mean_ns;

    if (!parse_duration(exponential ? text + strlen(prefix) : text, max_ns, &mean_ns))
        return false;
    *time = (struct service_time){.mean_ns = mean_ns, .exponential = exponential};
    return true;
}

uint64_t service_time_begin(uint64_t session)
{
    return random_mix(session);
}

int64_t service_time_next(const struct service_time *time, uint64_t *state)
{
    if (!time->exponential)
        return time->mean_ns;
    *state += RANDOM_STEP;
    /* 1 is in, and 0 is not: it has no logarithm */
    return (int64_t)(random_exponential(random_fraction(random_mix(*state)) + 0x1p-53) *
                     (double)time->mean_ns);
}
