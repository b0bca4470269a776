/* SPDX-License-Identifier: MIT */
/* Limits that the server sets on itself: see limits.h. */
#include "server/limits.h"

#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The limit on descriptors where the system does not report it: what nearly all systems allow. */
#define NOFILE_USUAL 1024

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

/* The least stack of a thread: more than 64 KiB on arm64, and where a CPU has many registers to save. */
static uint64_t least_stack(void)
{
    long bytes = sysconf(_SC_THREAD_STACK_MIN);

    return bytes > 0 && (uint64_t)bytes > 64 * KIB ? (uint64_t)bytes : 64 * KIB;
}

/* One `name=value` of the list. */
static bool parse_item(const char *item, struct limits *limits)
{
    if (strncmp(item, "as=", 3) == 0)
        return limits->as_bytes == 0 &&
               parse_size(item + 3, 16 * MIB, 1024 * GIB, &limits->as_bytes);
    if (strncmp(item, "nofile=", 7) == 0)
        return limits->nofile == 0 && parse_number(item + 7, 16, 1048576, &limits->nofile);
    if (strncmp(item, "stack=", 6) == 0)
        return limits->stack_bytes == 0 &&
               parse_size(item + 6, least_stack(), GIB, &limits->stack_bytes);
    return false;
}

bool limits_parse(const char *text, struct limits *limits)
{
    struct limits parsed = {0};
    char item[40]; /* a longer one cannot be valid */

    for (const char *rest = text;;) {
        size_t length = strcspn(rest, ",");
        if (length >= sizeof item)
            return false;
        memcpy(item, rest, length);
        item[length] = '\0';
        if (!parse_item(item, &parsed))
            return false;
        if (rest[length] == '\0')
            break;
        rest += length + 1;
    }
    *limits = parsed;
    return true;
}

static int set_soft(__rlimit_resource_t resource, uint64_t value)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return -errno;
    if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max)
        return -EPERM;
    limit.rlim_cur = value;
    return setrlimit(resource, &limit) == 0 ? 0 : -errno;
}

int limits_apply(const struct limits *limits, const char **name)
{
    int rc = 0;

    if (limits->nofile > 0) {
        *name = "nofile";
        rc = set_soft(RLIMIT_NOFILE, limits->nofile);
    }
    if (rc == 0 && limits->as_bytes > 0) {
        *name = "as";
        mallopt(M_ARENA_MAX, 1);
        rc = set_soft(RLIMIT_AS, limits->as_bytes);
    }
    return rc;
}

uint64_t limits_stack_bytes(const struct limits *limits)
{
    pthread_attr_t attributes;
    size_t bytes = 0;

    if (limits->stack_bytes > 0)
        return limits->stack_bytes;
    if (pthread_attr_init(&attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &bytes);
        pthread_attr_destroy(&attributes);
    }
    return bytes;
}

uint64_t limits_used_bytes(void)
{
    uint64_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (statm == NULL)
        return 0;
    if (fscanf(statm, "%" SCNu64, &pages) != 1)
        pages = 0;
    fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t limits_thread_bytes(const struct limits *limits)
{
    return limits_stack_bytes(limits) + (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t limits_predict_threads(const struct limits *limits, uint64_t used_bytes)
{
    if (used_bytes >= limits->as_bytes)
        return 0;
    return (limits->as_bytes - used_bytes) / limits_thread_bytes(limits);
}

uint64_t limits_raise_nofile(uint64_t needed)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < needed) {
        rlim_t wanted = needed;
        if (limit.rlim_max != RLIM_INFINITY && wanted > limit.rlim_max)
            wanted = limit.rlim_max;
        limit.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

uint64_t limits_most_nofile(const struct limits *limits)
{
    struct rlimit limit;

    if (limits->nofile > 0)
        return limits->nofile;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : NOFILE_USUAL;
}
