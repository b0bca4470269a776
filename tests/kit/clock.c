/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program: its wall clock is ahead by CLOCK_AHEAD_MS milliseconds, as on a machine whose clock is
 * wrong, and is set by CLOCK_STEP_MS after each reading. A time namespace has no wall clock of its own.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long milliseconds(const char *variable)
{
    const char *value = getenv(variable);

    return value != NULL ? atol(value) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static atomic_long readings;
    long result = syscall(SYS_clock_gettime, clock, now);
    long ahead_ms;

    if (result != 0 || clock != CLOCK_REALTIME)
        return (int)result;
    ahead_ms = milliseconds("CLOCK_AHEAD_MS") +
               atomic_fetch_add(&readings, 1) * milliseconds("CLOCK_STEP_MS");
    now->tv_sec += ahead_ms / 1000;
    now->tv_nsec += ahead_ms % 1000 * 1000000L;
    if (now->tv_nsec < 0 || now->tv_nsec >= 1000000000L) {
        now->tv_sec += now->tv_nsec < 0 ? -1 : 1;
        now->tv_nsec += now->tv_nsec < 0 ? 1000000000L : -1000000000L;
    }
    return 0;
}
