/* SPDX-License-Identifier: MIT */
/**
 * @file ring-counts.h
 * What all rings of --model io-uring have done, as the admin port shows it.
 */
#ifndef SERVER_MODELS_RING_COUNTS_H
#define SERVER_MODELS_RING_COUNTS_H

#include <stdint.h>

struct ring_counts {
    uint64_t enters;      /**< system calls that handed operations over, or waited */
    uint64_t submissions; /**< operations that were handed over */
    uint64_t completions; /**< that were taken from the rings */
    uint64_t shortages;   /**< receives that ended because every buffer of the ring was lent */
    uint64_t buffers;     /**< that the rings lend to receives */
    uint64_t lent;        /**< of these, the ones that hold bytes of a session now */
};

#endif /* SERVER_MODELS_RING_COUNTS_H */
