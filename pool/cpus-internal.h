/* SPDX-License-Identifier: MIT */
/**
 * @file cpus-internal.h
 * How many CPUs there are for the pool: those of the affinity mask, and the cgroups' share of them.
 */
#ifndef POOL_CPUS_INTERNAL_H
#define POOL_CPUS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

/** Count the CPUs that the calling thread may run on; at least 1. What can run at one instant. */
uint32_t allowed_cpus(void);

/**
 * Return the CPU time per second that the process may use: the allowed CPUs, or the least quota of
 * its cgroup and of those above it, if that is less. With a quota of 5 ms in 100 ms it is 0.05.
 *
 * @param root  in front of /proc and of the cgroups' mount points; "" except in tests
 */
double cpu_share(const char *root);

/** Periods of a CPU quota so far, of all processes of the cgroup. */
struct cpu_periods {
    uint64_t all;       /**< in which one of them ran */
    uint64_t throttled; /**< in which the quota was used up, and they had to wait for the next */
};

/**
 * Read how often the quota of cpu_share() has stopped the processes of its cgroup.
 *
 * @param root  as of cpu_share()
 * @return      false: there is no quota below the allowed CPUs, or it is not known
 */
bool cpu_throttling(const char *root, struct cpu_periods *periods);

#endif /* POOL_CPUS_INTERNAL_H */
