/* SPDX-License-Identifier: MIT */
/* CPUs: see cpus-internal.h. */
#include "pool/cpus-internal.h"

#include <sched.h>
#include <unistd.h>

uint32_t usable_cpus(void)
{
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than fit into cpu_set_t */
    return online > 0 ? (uint32_t)online : 1;
}
