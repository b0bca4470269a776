/* SPDX-License-Identifier: MIT */
/*
 * Service times: see service-time.h.
 *
 * DESIGN. The generator is SplitMix64 (Steele, Lea and Flood, 2014): a counter that grows by a fixed
 * step, and a function that scrambles it. A session's state is one number, which lies in the session
 * and so goes along to whichever worker, or process, serves it next. Sequences of two sessions must
 * not overlap, and with counters as seeds they would, each being the other one shifted; so a session
 * begins at its scrambled number.
 *
 * An exponential time is -ln(u) means, with u even in (0, 1]. The logarithm is our own: libm's would
 * be right too, but not the same to the last bit everywhere, and it is the only thing that we would
 * want of that library.
 */
#include "server/service-time.h"

#include "common/parse.h"

#include <string.h>

#define STEP      UINT64_C(0x9e3779b97f4a7c15) /* 2^64 divided by the golden ratio, made odd */
#define LN_2      0.69314718055994530942
#define BITS_OF_U 53 /* as many as a double has */

static uint64_t scramble(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* -ln(numerator / 2^53), for a numerator from 1 to 2^53. */
static double minus_log(uint64_t numerator)
{
    int exponent = 63 - __builtin_clzll(numerator);
    double fraction = (double)numerator / (double)(UINT64_C(1) << exponent); /* from 1 to below 2 */
    double s = (fraction - 1) / (fraction + 1);
    double power = s;
    double sum = 0;

    /* ln f = 2 artanh s, and s is below 1/3: each term is less than a ninth of the one before. */
    for (int i = 1; i <= 27; i += 2, power *= s * s)
        sum += power / i;
    return (BITS_OF_U - exponent) * LN_2 - 2 * sum;
}

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
    return scramble(session);
}

int64_t service_time_next(const struct service_time *time, uint64_t *state)
{
    double means;

    if (!time->exponential)
        return time->mean_ns;
    *state += STEP;
    means = minus_log((scramble(*state) >> (64 - BITS_OF_U)) + 1);
    if (means > SERVICE_TIME_MOST)
        means = SERVICE_TIME_MOST;
    return (int64_t)(means * (double)time->mean_ns);
}
