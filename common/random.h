/* SPDX-License-Identifier: MIT */
/**
 * @file random.h
 * Numbers that look random and are not: the same in every run, for those who want to see a run again.
 *
 * Threads: any; nothing is kept here.
 */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stdint.h>

/** What a counter of SplitMix64 grows by: 2^64 divided by the golden ratio, made odd. */
#define RANDOM_STEP UINT64_C(0x9e3779b97f4a7c15)

/** No time that random_exponential() draws is longer than so many means. */
#define RANDOM_MOST_MEANS 20

/** Mix all bits of a number into each other: how SplitMix64 ends (Steele, Lea and Flood, 2014). */
static inline uint64_t random_mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

/** A number from 0 to 1, without 1, of the 53 bits that a double has, from mixed ones. */
static inline double random_fraction(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/**
 * An exponentially distributed number with the mean 1.
 *
 * @param u  even in (0, 1]; the draw is -ln(u). It has no end: one beyond RANDOM_MOST_MEANS, which
 *           comes once in 485 million, is cut to that
 */
double random_exponential(double u);

#endif /* COMMON_RANDOM_H */
