/* SPDX-License-Identifier: MIT */
/* The machine's limits, compared with what a load needs. See machine-limits.h. */
#include "client/load/machine-limits.h"

#include "common/log.h"
#include "common/translate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors besides the sockets: the standard three, signals, wake-ups, barriers, files, a few. */
enum { OTHER_DESCRIPTORS = 16 };

/* What a session's thread itself needs of its stack: messages and the C library's printf. */
enum { STACK_BYTES = 64 << 10, STACK_OWN_BYTES = 40 << 10 };

/* What OpenSSL's arithmetic may need in addition, which differs from version to version. */
enum { STACK_TLS_BYTES = 192 << 10 };

/* A thread's stack is a mapping, and so is the guard below it. */
enum { MAPPINGS_OF_A_THREAD = 2 };

static unsigned sockets_needed(const struct load_settings *settings)
{
    return settings->sessions + settings->idle;
}

/** Read two numbers from a file in /proc. @return how many there are */
static int read_numbers(const char *path, uint64_t *first, uint64_t *second)
{
    FILE *file = fopen(path, "re");
    int count;

    if (file == NULL)
        return 0;
    count = fscanf(file, "%" SCNu64 " %" SCNu64, first, second); /* "max" is no number: no limit */
    fclose(file);
    return count;
}

static void prepare_descriptors(const struct load_settings *settings)
{
    unsigned sockets = sockets_needed(settings);
    unsigned loops = settings->threads + (settings->idle > 0 ? 1 : 0);
    rlim_t needed = (rlim_t)sockets + OTHER_DESCRIPTORS + (rlim_t)loops * LOOP_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= needed)
        return;
    log_warn("%u sessions need %" PRIu64 " descriptors, but the limit is %" PRIu64
             " and the sessions beyond it "
             "will fail; raise the hard limit (ulimit -Hn, as root) or lower --sessions",
             sockets, (uint64_t)needed, (uint64_t)limit.rlim_cur);
}

/** Warn if the ports do not suffice: each connection to one address and port takes a local one. */
static void check_ports(const struct load_settings *settings, const struct session_plan *plan)
{
    unsigned sources = plan->sources.count > 0 ? plan->sources.count : 1;
    /* each target has a port of its own for each of them */
    unsigned sockets = (sockets_needed(settings) + plan->target_count - 1) / plan->target_count;
    uint64_t first, last;

    if (plan->targets[0].addresses.at[0].storage.ss_family == AF_UNIX ||
        read_numbers("/proc/sys/net/ipv4/ip_local_port_range", &first, &last) != 2 || last < first)
        return;
    if ((last - first + 1) * sources < sockets)
        log_warn("%u sessions%s need as many local ports, but there are %" PRIu64
                 " and the sessions beyond "
                 "them will fail; widen net.ipv4.ip_local_port_range, give more addresses to "
                 "connect from (--source 127.0.0.1-127.0.0.8) or lower --sessions",
                 sockets, plan->target_count > 1 ? _(" of a target") : "",
                 (last - first + 1) * sources);
}

/** Warn about the limits on threads that can be read beforehand. */
static void check_threads(unsigned threads)
{
    static const struct {
        const char *path;
        const char *name;
        unsigned each; /* how much of it a thread takes */
    } limits[] = {
        {"/proc/sys/kernel/threads-max", "kernel.threads-max", 1},
        {"/proc/sys/vm/max_map_count", "vm.max_map_count", MAPPINGS_OF_A_THREAD},
        {"/sys/fs/cgroup/pids.max", N_("the cgroup's pids.max"), 1},
        {"/sys/fs/cgroup/pids/pids.max", N_("the cgroup's pids.max"), 1},
    };
    struct rlimit limit;

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint64_t most, unused;

        if (read_numbers(limits[i].path, &most, &unused) > 0 && most / limits[i].each < threads)
            log_warn("%u sessions need a thread each, but %s allows %" PRIu64
                     " at most and the sessions "
                     "beyond them will fail; raise it, or give --threads 1 so that they share one",
                     threads, translate(limits[i].name), most / limits[i].each);
    }
    /* this limit is not for root */
    if (geteuid() != 0 && getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur < threads)
        log_warn("%u sessions need a thread each, but ulimit -u is %" PRIu64
                 " and the sessions beyond it "
                 "will fail; raise it, or give --threads 1 so that they share one",
                 threads, (uint64_t)limit.rlim_cur);
}

void machine_limits_prepare(const struct load_settings *settings, const struct session_plan *plan)
{
    prepare_descriptors(settings);
    check_ports(settings, plan);
    if (settings->threads == 0)
        check_threads(settings->sessions);
}

/** Whether a target is reached from here. A datagram socket does not need the ports that TCP lacks. */
static bool can_be_reached(const struct session_target *target)
{
    const struct address *address = &target->addresses.at[0];
    int fd = socket(address->storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool reached =
        fd >= 0 && connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0;

    if (fd >= 0)
        close(fd);
    return reached;
}

void machine_limits_explain(const struct load_settings *settings, const struct session_plan *plan,
                            const struct summary *summary)
{
    /* of "Cannot assign requested address", without the letter that is small within a phrase */
    const char *words = strerror(EADDRNOTAVAIL) + 1;

    /* The same words mean that an address is not of this machine: that of --source, or ::1 without IPv6. */
    for (unsigned i = 0; i < summary->error_kinds; i++)
        if (strstr(summary->errors[i].words, words) != NULL &&
            strstr(summary->errors[i].words, "source: ") == NULL &&
            (summary->sent > 0 || can_be_reached(&plan->targets[0]))) {
            log_warn("local ports ran out%s; give more addresses to connect from (--source "
                     "127.0.0.1-127.0.0.8), widen net.ipv4.ip_local_port_range, or lower %s",
                     settings->churn
                         ? _(": a port is free again only a minute after its connection was "
                             "closed (TIME_WAIT)")
                         : "",
                     settings->churn ? _("the rate of connections (--think)") : "--sessions");
            return;
        }
}

size_t machine_limits_thread_stack(bool tls)
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
