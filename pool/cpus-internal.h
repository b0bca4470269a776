/* SPDX-License-Identifier: MIT */
/**
 * @file cpus-internal.h
 * The number of CPUs.
 */
#ifndef POOL_CPUS_INTERNAL_H
#define POOL_CPUS_INTERNAL_H

#include <stdint.h>

/** Count the CPUs that the calling thread may run on; at least 1. */
uint32_t usable_cpus(void);

#endif /* POOL_CPUS_INTERNAL_H */
