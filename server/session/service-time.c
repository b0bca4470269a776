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

#include "common/clock.h"
#include "common/parse.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

static bool goes_on(const _Atomic uint32_t *stop)
{
    return atomic_load_explicit(stop, memory_order_relaxed) == 0;
}

static void sleep_unless(int64_t ns, _Atomic uint32_t *stop)
{
    int64_t until_ns = clock_now_ns() + ns;

    while (ns > 0 && goes_on(stop)) {
        struct timespec left = clock_timespec(ns);
        syscall(SYS_futex, stop, FUTEX_WAIT, 0, &left, NULL, 0);
        ns = until_ns - clock_now_ns();
    }
}

int service_time_check_clock(void)
{
    struct timespec now;

    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0 ? 0 : -errno;
}

static void burn_unless(int64_t ns, const _Atomic uint32_t *stop)
{
    struct timespec start;
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    do {
        for (volatile unsigned i = 0; i < 1000; i++)
            ;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - start.tv_sec) * SECOND_NS + now.tv_nsec - start.tv_nsec < ns &&
             goes_on(stop));
}

void service_time_spend(const struct service_time *delay, const struct service_time *burn,
                        uint64_t *state, _Atomic uint32_t *stop)
{
    int64_t delay_ns = service_time_next(delay, state);
    int64_t burn_ns = service_time_next(burn, state);

    if (delay_ns > 0)
        sleep_unless(delay_ns, stop);
    if (burn_ns > 0)
        burn_unless(burn_ns, stop);
}
