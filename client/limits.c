/* SPDX-License-Identifier: MIT */
/* Descriptors, local ports and stacks, compared with what a run is going to need. */
#include "client/limits.h"

#include "common/log.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors besides the sockets: the standard three, signals, wake-up, and three to spare. */
enum { OTHER_DESCRIPTORS = 8 };

/* What a session's thread needs of its stack for itself: messages and the C library's printf. */
enum { STACK_BYTES = 64 << 10, STACK_OWN_BYTES = 40 << 10 };

/* What OpenSSL's arithmetic may need besides, which differs from version to version. */
enum { STACK_TLS_BYTES = 192 << 10 };

static void prepare_descriptors(unsigned sessions)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)sessions + OTHER_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= needed)
        return;
    log_warn("%u sessions need %llu descriptors, but the limit is %llu and the sessions beyond it "
             "will fail; raise the hard limit (ulimit -Hn, as root) or lower --sessions",
             sessions, (unsigned long long)needed, (unsigned long long)limit.rlim_cur);
}

/** A connection to one address and port takes a local port of its own. */
static void check_ports(unsigned sessions)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    unsigned first, last;

    if (file == NULL)
        return;
    if (fscanf(file, "%u %u", &first, &last) == 2 && last >= first && last - first + 1 < sessions)
        log_warn("%u sessions need as many local ports, but there are %u and the sessions beyond "
                 "them will fail; widen net.ipv4.ip_local_port_range or lower --sessions",
                 sessions, last - first + 1);
    fclose(file);
}

void limits_prepare(unsigned sessions)
{
    prepare_descriptors(sessions);
    check_ports(sessions);
}

size_t limits_thread_stack(bool tls)
{
    long page = sysconf(_SC_PAGESIZE);
    /* the C library's own share; it grows with the processor's registers and is not a constant */
    long least = sysconf(_SC_THREAD_STACK_MIN);
    size_t bytes = STACK_BYTES;

    if (least > 0 && (size_t)least + STACK_OWN_BYTES > bytes)
        bytes = (size_t)least + STACK_OWN_BYTES;
    if (tls)
        bytes += STACK_TLS_BYTES;
    if (page > 0)
        bytes = (bytes + (size_t)page - 1) / (size_t)page * (size_t)page;
    return bytes;
}
