/* SPDX-License-Identifier: MIT */
/**
 * @file version-internal.h
 * Options of a program that was compiled for a newer library.
 */
#ifndef POOL_VERSION_INTERNAL_H
#define POOL_VERSION_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Whether the reserved words of some options are zero. */
#define NOTHING_RESERVED(options)                                                                  \
    words_are_zero((options)->reserved, sizeof(options)->reserved / sizeof *(options)->reserved)

static inline bool words_are_zero(const uint64_t *words, size_t count)
{
    uint64_t any = 0;

    for (size_t i = 0; i < count; i++)
        any |= words[i];
    return any == 0;
}

#endif /* POOL_VERSION_INTERNAL_H */
