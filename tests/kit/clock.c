/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program: its wall clock is ahead by CLOCK_AHEAD_MS milliseconds, as on a machine whose clock is
 * wrong. A time namespace has no wall clock of its own.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const char *ahead = getenv("CLOCK_AHEAD_MS");
    long result = syscall(SYS_clock_gettime, clock, now);

    if (result != 0 || clock != CLOCK_REALTIME || ahead == NULL)
        return (int)result;
    now->tv_nsec += atol(ahead) * 1000000L;
    now->tv_sec += now->tv_nsec / 1000000000L;
    now->tv_nsec %= 1000000000L;
    return 0;
}
