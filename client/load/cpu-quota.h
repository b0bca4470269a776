/* SPDX-License-Identifier: MIT */
/**
 * @file cpu-quota.h
 * How much CPU time the client may use, and how often the quota of its cgroup has stopped it.
 */
#ifndef CLIENT_LOAD_CPU_QUOTA_H
#define CLIENT_LOAD_CPU_QUOTA_H

#include "client/report/summary.h"

/** CPU time per second: the CPUs that it may run on, or the quota, such as 0.05, if that is less. */
double cpu_quota_share(void);

/** Begin to count periods of the quota. */
void cpu_quota_begin(struct summary_generator *generator);

/** Set how many there were since cpu_quota_begin(), and in how many the client had to wait. */
void cpu_quota_end(struct summary_generator *generator);

#endif /* CLIENT_LOAD_CPU_QUOTA_H */
