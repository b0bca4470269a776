/* SPDX-License-Identifier: MIT */
/**
 * @file family.h
 * What the processes that descend from this one use: those of --model fork, and of a pool the zygote and
 * its workers.
 */
#ifndef SERVER_ADMIN_FAMILY_H
#define SERVER_ADMIN_FAMILY_H

#include <stdint.h>

struct family_usage {
    uint64_t resident_bytes; /**< pages that several processes share count in each */
    int64_t cpu_ns; /**< with that of their own children that have ended; in ticks of 10 ms */
};

/** Add up all descendants that live. Nothing is added if /proc does not list them. */
void family_add(struct family_usage *usage);

#endif /* SERVER_ADMIN_FAMILY_H */
