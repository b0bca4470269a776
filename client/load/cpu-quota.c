/* SPDX-License-Identifier: MIT */
/*
 * The library's reading of the quota. See cpu-quota.h.
 *
 * ep_usable_cpus() is not enough: it counts whole CPUs, and a client that may use a twentieth of one
 * would never seem busy.
 */
#include "client/load/cpu-quota.h"

#include "pool/cpus-internal.h"

double cpu_quota_share(void)
{
    return cpu_share("");
}

/* Counters may start again if the process is moved to another cgroup: then nothing is known. */
static uint64_t since(uint64_t before, uint64_t now)
{
    return now >= before ? now - before : 0;
}

void cpu_quota_begin(struct summary_generator *generator)
{
    struct cpu_periods periods = {0};

    (void)cpu_throttling("", &periods);
    generator->periods = periods.all;
    generator->throttled = periods.throttled;
}

void cpu_quota_end(struct summary_generator *generator)
{
    struct cpu_periods periods = {0};

    (void)cpu_throttling("", &periods);
    generator->periods = since(generator->periods, periods.all);
    generator->throttled = since(generator->throttled, periods.throttled);
}
