/* SPDX-License-Identifier: MIT */
/*
 * Measure what separate address spaces cost: threads compared with processes that do exactly the same.
 *
 * Members of a ring, all on one CPU, pass a message around: each waits for it, upper-cases it as for an echo,
 * and sends it to the next. So every hop is a recv, a send, and a switch to the next member, as for an echo with
 * many busy sessions. The members are threads of one process, or processes forked from it.
 *
 * The figure is the CPU time of all members for each hop, so that other programs on the CPU disturb it little.
 */
#include "bench/child.h"
#include "bench/measure.h"
#include "common/log.h"
#include "common/must.h"
#include "common/transform.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMBERS_MAX   50
#define MESSAGE_BYTES 128
#define STACK_BYTES   (256u << 10)
#define WARM_PART     20

static const unsigned sizes[] = {2, 10, MEMBERS_MAX};
#define SIZES (sizeof sizes / sizeof sizes[0])

enum kind { THREADS, PROCESSES, KINDS };

struct ring;

struct member {
    struct ring *ring;
    unsigned number;
    pthread_t thread;
    pid_t process;
};

struct ring {
    enum kind kind;
    unsigned count;
    int in[MEMBERS_MAX];                /* each member receives from its own, */
    int out[MEMBERS_MAX];               /* and sends to the next one's */
    struct member members[MEMBERS_MAX]; /* the first is the caller */
};

/* Receive the message and send it on. @return false: the ring is at its end */
static bool pass(const struct ring *ring, unsigned number)
{
    unsigned char bytes[MESSAGE_BYTES];

    if (recv(ring->in[number], bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return false;
    transform_apply(TRANSFORM_UPPER, bytes, sizeof bytes);
    return send(ring->out[(number + 1) % ring->count], bytes, sizeof bytes, MSG_NOSIGNAL) ==
           (ssize_t)sizeof bytes;
}

static void *member_main(void *argument)
{
    const struct member *member = argument;

    while (pass(member->ring, member->number))
        continue;
    return NULL;
}

static void member_start(struct member *member)
{
    pthread_attr_t attributes;

    if (member->ring->kind == PROCESSES) {
        member->process = fork();
        if (member->process < 0)
            log_fatal("cannot fork a member: %s", strerror(errno));
        if (member->process > 0)
            return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        member_main(member);
        _exit(EXIT_OK);
    }
    MUST(pthread_attr_init(&attributes));
    MUST(pthread_attr_setstacksize(&attributes, STACK_BYTES));
    MUST(pthread_create(&member->thread, &attributes, member_main, member));
    pthread_attr_destroy(&attributes);
}

static void ring_start(struct ring *ring, enum kind kind, unsigned count)
{
    ring->kind = kind;
    ring->count = count;
    for (unsigned i = 0; i < count; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            log_fatal("cannot make a pair of sockets: %s", strerror(errno));
        ring->in[i] = ends[0];
        ring->out[i] = ends[1];
    }
    for (unsigned i = 1; i < count; i++) {
        ring->members[i] = (struct member){.ring = ring, .number = i};
        member_start(&ring->members[i]);
    }
}

static void ring_end(struct ring *ring)
{
    for (unsigned i = 0; i < ring->count; i++)
        shutdown(ring->in[i], SHUT_RDWR); /* the copies in other processes too */
    for (unsigned i = 1; i < ring->count; i++)
        if (ring->kind == PROCESSES)
            waitpid(ring->members[i].process, NULL, 0);
        else
            MUST(pthread_join(ring->members[i].thread, NULL));
    for (unsigned i = 0; i < ring->count; i++) {
        close(ring->in[i]);
        close(ring->out[i]);
    }
}

static void go_round(const struct ring *ring, uint64_t laps)
{
    for (uint64_t i = 0; i < laps; i++)
        if (!pass(ring, 0))
            log_fatal("a member of the ring is gone");
}

/* @return nanoseconds of CPU time for each hop */
static double measure(enum kind kind, unsigned count, uint64_t hops)
{
    static struct ring ring;
    unsigned char message[MESSAGE_BYTES] = {0};
    uint64_t laps = hops / count + 1;
    int64_t cpu;

    ring_start(&ring, kind, count);
    if (send(ring.out[0], message, sizeof message, MSG_NOSIGNAL) != (ssize_t)sizeof message)
        log_fatal("cannot send the message: %s", strerror(errno));
    go_round(&ring, laps / WARM_PART + 1);
    cpu = family_cpu_ns(getpid());
    go_round(&ring, laps);
    cpu = family_cpu_ns(getpid()) - cpu;
    ring_end(&ring);
    return (double)cpu / (double)(laps * count);
}

int main(int argc, char *argv[])
{
    static struct series ns[SIZES][KINDS];
    uint64_t rounds = 9, hops = 100000;
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &rounds, "runs of each; the median counts"},
        {"hops", 100, UINT64_C(1) << 40, &hops, "messages per run, over all members"},
        {.name = NULL},
    };

    if (read_numbers(argc, argv,
                     "bench_switch [OPTION]...\n"
                     "What a switch between processes costs more than one between threads.",
                     options) < argc)
        log_usage("unexpected argument; see --help");
    pin_to_first_cpu();
    for (uint64_t round = 0; round < rounds; round++)
        for (size_t size = 0; size < SIZES; size++)
            for (unsigned i = 0; i < KINDS; i++) {
                enum kind kind = (enum kind)((i + round) % KINDS);
                series_add(&ns[size][kind], measure(kind, sizes[size], hops));
            }
    printf("A ring that passes a message on, on one CPU: nanoseconds of CPU time for each hop,\n"
           "median (quartiles) of %u interleaved rounds of %llu hops\n",
           (unsigned)rounds, (unsigned long long)hops);
    printf("  %-10s %22s  %22s  %s\n", "members", "threads", "processes", "ratio");
    for (size_t size = 0; size < SIZES; size++) {
        struct series ratio = series_ratio(&ns[size][PROCESSES], &ns[size][THREADS]);
        printf("  %-10u", sizes[size]);
        for (unsigned kind = 0; kind < KINDS; kind++)
            printf(" %6.0f (%6.0f to %6.0f)", series_median(&ns[size][kind]),
                   series_percentile(&ns[size][kind], 25), series_percentile(&ns[size][kind], 75));
        printf("  %.3f (%.3f to %.3f)\n", series_median(&ratio), series_percentile(&ratio, 25),
               series_percentile(&ratio, 75));
    }
    return EXIT_OK;
}
