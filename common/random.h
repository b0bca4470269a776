/* SPDX-License-Identifier: MIT */
/**
 * @file random.h
 * Numbers that look random and are the same in every run, so that a run can be repeated.
 *
 * Threads: any; there is no state here.
 */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stdint.h>

/** The step of a SplitMix64 counter: 2^64 divided by the golden ratio, made odd. */
#define RANDOM_STEP UINT64_C(0x9e3779b97f4a7c15)

/** random_exponential() returns at most this many means. */
#define RANDOM_MOST_MEANS 20

/** Mix all bits of a number: the last step of SplitMix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t random_mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

/** Make a number from 0 to 1, without 1, of 53 mixed bits, which is what a double holds. */
static inline double random_fraction(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/**
 * Draw an exponentially distributed number with the mean 1.
 *
 * @param u  uniform in (0, 1]; the draw is -ln(u), cut to RANDOM_MOST_MEANS once in 485 million
 */
double random_exponential(double u);

#endif /* COMMON_RANDOM_H */
