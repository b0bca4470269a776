/* SPDX-License-Identifier: MIT */
/* The clock: see clock-internal.h. */
#include "pool/clock-internal.h"

int64_t ep_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

int64_t deadline_after(int64_t timeout_ns)
{
    int64_t now;

    if (timeout_ns == EP_FOREVER)
        return NO_DEADLINE;
    now = ep_now_ns();
    if (timeout_ns <= 0)
        return now;
    return timeout_ns < NO_DEADLINE - 1 - now ? now + timeout_ns : NO_DEADLINE - 1;
}
