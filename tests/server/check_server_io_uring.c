/* SPDX-License-Identifier: MIT */
/*
 * --model io-uring and kernels that forbid rings, or have older ones, or have too little room. What the
 * model has in common with the others is in the tests of all models.
 */
#include "common/transform.h"
#include "tests/kit/http.h"
#include "tests/kit/metrics.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define URING(...) ARGUMENTS("--model", "io-uring", __VA_ARGS__)

/* More than the buffers of both kernels hold. */
#define FLOOD 16000000

static double metric(struct kit *kit, const char *key)
{
    struct metrics *metrics = metrics_read(http_body(kit_admin_port(kit), "/metrics", 200));
    double value = metrics_value(metrics, key);

    free(metrics);
    return value;
}

/* Some clients at once, with replies of many sizes, each checked by the client. */
static void load(const struct kit *kit, const char *sessions, const char *messages)
{
    struct outcome outcome = program_run(
        (const char *const[]){"echo-client", "-n", sessions, "-m", messages, "--threads", "1",
                              "--size", "1-5000", "--depth", "4", "--quiet", "--port",
                              suite_text("%u", kit->program.port), NULL},
        NULL);

    outcome_expect(&outcome, 0, NULL, "");
}

/* Send without reading until the server cannot send either. @return how many bytes */
static size_t flood(struct kit *kit, int fd, const unsigned char *bytes, unsigned blocked)
{
    size_t sent = 0;

    do
        sent += tcp_pump(fd, bytes + sent, FLOOD - sent);
    while (metric(kit, "echopool_sessions{phase=\"sending\"}") < blocked);
    return sent;
}

static const char no_memory[] =
    "cannot start --model io-uring with 4 workers: no memory for a ring, which the kernel may "
    "count as locked memory (ulimit -l); try fewer --workers or a higher --limit\n";

#ifndef EP_SANITIZED

CASE("Refused")

static const struct {
    int error;
    const char *sentence;
} refusals[] = {
    {ENOSYS,
     "cannot start --model io-uring: this kernel has no io_uring, or a filter of system calls "
     "hides it; use --model event\n"},
    {EPERM, "cannot start --model io-uring: kernel.io_uring_disabled or a filter of system calls "
            "forbids io_uring; use --model event\n"},
    {EINVAL,
     "cannot start --model io-uring: this kernel's io_uring is older than that of Linux 5.13; "
     "use --model event\n"},
    {ENOMEM, no_memory},
};

/* Before the server says that it listens. */
LOOP_TEST(a_kernel_that_makes_no_rings, COUNT_OF(refusals))
{
    struct outcome outcome;

    program_let_fail((struct orders){.no_ring = refusals[_i].error});
    outcome = program_run(ARGUMENTS("echo-server", "--port", "0", "--model", "io-uring"), NULL);
    program_preload(NULL);
    outcome_expect(&outcome, 1, "", suite_text("echo-server: %s", refusals[_i].sentence));
}

/* Before Linux 5.13 a ring may refuse operations until completions are taken. */
TEST(a_kernel_whose_rings_are_busy)
{
    struct outcome outcome;

    program_let_fail((struct orders){.busy_rings = true});
    outcome = program_run(ARGUMENTS("echo-server", "--port", "0", "--model", "io-uring"), NULL);
    program_preload(NULL);
    outcome_expect(&outcome, 1, "",
                   "echo-server: cannot start --model io-uring: this kernel's io_uring is older "
                   "than that of Linux 5.13; use --model event\n");
}

/* What the kernel can do is not found out; it is not to blame. */
TEST(no_descriptor_to_try_out_receives)
{
    struct outcome outcome;

    program_let_fail((struct orders){.only = "socketpair", .first = 1, .last = 1, .error = EMFILE});
    outcome = program_run(ARGUMENTS("echo-server", "--port", "0", "--model", "io-uring"), NULL);
    program_preload(NULL);
    outcome_expect(&outcome, 1, "",
                   "echo-server: cannot start --model io-uring with 4 workers: Too many open "
                   "files; try fewer --workers or a higher --limit\n");
}

CASE("Older kernels")

/* They wait for sessions as an event loop does, and say so. */
LOOP_TEST(a_kernel_that_lends_nothing, 2)
{
    struct kit kit;

    program_let_fail((struct orders){.no_lending = _i == 0, .no_repeat = _i == 1});
    kit = kit_start(URING("--admin", "0"));
    program_preload(NULL);
    ck_assert_double_eq(metric(&kit, "echopool_ring_buffers"), 0);
    load(&kit, "20", "50");
    kit_finish(&kit, true, "echo needs as many system calls as with --model event");
}

static const unsigned unknown[] = {
    IORING_SETUP_DEFER_TASKRUN,
    IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
    IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
};

LOOP_TEST(a_kernel_that_knows_fewer_flags, COUNT_OF(unknown))
{
    unsigned char *bytes = some_bytes(FLOOD, 9);
    struct kit kit;
    size_t sent;
    int fd;

    program_let_fail((struct orders){.ring_flags = unknown[_i]});
    kit = kit_start(URING("--admin", "0"));
    program_preload(NULL);
    ck_assert_double_gt(metric(&kit, "echopool_ring_buffers"), 0);
    load(&kit, "20", "50");
    fd = tcp_connect_narrow(kit.program.port);
    sent = flood(&kit, fd, bytes, 1);
    shutdown(fd, SHUT_WR);
    expect_rest(fd, bytes, sent);
    close(fd);
    kit_finish(&kit, true, NULL);
}

CASE("Cancellations")

/* Send as long as the server receives. */
static size_t send_until_it_stops(struct kit *kit, int fd, const unsigned char *bytes, size_t sent)
{
    for (int stopped = 0; stopped < 20 && sent < FLOOD; stopped++) {
        size_t more = tcp_pump(fd, bytes + sent, FLOOD - sent);
        sent += more;
        if (more > 0)
            stopped = 0;
        (void)metric(kit, "echopool_ring_enters_total"); /* gives it some time */
    }
    return sent;
}

/*
 * The first attempts to stop the receive of a session find none. The session tries again, or it would receive
 * whatever a client sends that never reads.
 */
TEST(a_cancellation_that_finds_nothing)
{
    unsigned char *bytes = some_bytes(FLOOD, 3);
    struct kit kit;
    size_t sent;
    int fd;

    program_let_fail((struct orders){.no_cancels = 3});
    kit = kit_start(URING("--workers", "1", "--admin", "0", "--write-timeout", "0"));
    program_preload(NULL);
    fd = tcp_connect_narrow(kit.program.port);
    sent = send_until_it_stops(&kit, fd, bytes, flood(&kit, fd, bytes, 1));
    ck_assert_uint_lt(sent, FLOOD);
    shutdown(fd, SHUT_WR);
    expect_rest(fd, bytes, sent);
    close(fd);
    kit_finish(&kit, true, NULL);
    free(bytes);
}

CASE("Little room")

/* Completions overflow their queue, and operations wait for room in theirs. */
TEST(rings_that_overflow)
{
    struct kit kit;

    program_let_fail((struct orders){.small_rings = true});
    kit = kit_start(URING("--workers", "1"));
    program_preload(NULL);
    load(&kit, "200", "50");
    kit_finish(&kit, true, NULL);
}

#endif

CASE("Buffers")

/*
 * Check whether the kernel counts rings as locked memory of this user: before Linux 5.12, and later without
 * CAP_IPC_LOCK.
 */
static bool rings_are_locked(void)
{
#ifdef HAVE_LIBURING
    struct io_uring_params none = {0};
    int fd = (int)syscall(SYS_io_uring_setup, 1, &none);

    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == ENOMEM;
#else
    return false;
#endif
}

/* The server may lock no memory: it serves, or says that it may not. */
TEST(without_locked_memory)
{
    struct rlimit before, none = {0};
    struct kit kit;
    bool locked;

    ck_assert_int_eq(getrlimit(RLIMIT_MEMLOCK, &before), 0);
    none.rlim_max = before.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    locked = rings_are_locked();
    if (locked) {
        struct outcome outcome =
            program_run(ARGUMENTS("echo-server", "--port", "0", "--model", "io-uring"), NULL);
        outcome_expect(&outcome, 1, "", suite_text("echo-server: %s", no_memory));
        return;
    }
    kit = kit_start(URING("--workers", "2"));
    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &before), 0);
    load(&kit, "20", "50");
    kit_finish(&kit, true, NULL);
}

/*
 * Clients that send and never read cannot have their echoes sent. They keep no buffer: another client is served
 * exactly, and in the end all buffers are free. With --buffer 64K the ring has fewer buffers than there are
 * such clients.
 */
TEST(clients_that_never_read_keep_no_buffer)
{
    enum { CLIENTS = 40 };
    struct kit kit = kit_start(
        URING("--workers", "1", "--buffer", "64K", "--admin", "0", "--write-timeout", "0"));
    unsigned char *bytes = some_bytes(FLOOD, 7);
    size_t sent[CLIENTS] = {0};
    int fds[CLIENTS], reader;

    ck_assert_double_lt(metric(&kit, "echopool_ring_buffers"), CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = tcp_connect_narrow(kit.program.port);
    do /* all by turns: one that waited for room may get some later */
        for (int i = 0; i < CLIENTS; i++)
            sent[i] += tcp_pump(fds[i], bytes + sent[i], FLOOD - sent[i]);
    while (metric(&kit, "echopool_sessions{phase=\"sending\"}") < CLIENTS);
    reader = kit_connect(&kit);
    for (int i = 0; i < 50; i++)
        tcp_echo(reader, bytes + i, 5000, true);
    close(reader); /* wakes the ring: until then it keeps the buffer of the last echo */
    while (metric(&kit, "echopool_ring_buffers_lent") > 0)
        continue;
    load(&kit, "20", "20");
    close_all(fds, CLIENTS);
    kit_wait_in_flight(&kit, 0);
    kit_finish(&kit, true, NULL);
    free(bytes);
}

#ifndef EP_SANITIZED /* a sanitizer has memory of its own */
/* Each has two large buffers at most, however much it sends at once. All buffers of the ring are 2 MiB. */
TEST(clients_that_never_read_have_little_memory)
{
    enum { CLIENTS = 8, BUFFER = 65536, ALL = 2 * 1024 * 1024 };
    struct kit kit = kit_start(
        URING("--workers", "1", "--buffer", "64K", "--admin", "0", "--write-timeout", "0"));
    double before = metric(&kit, "echopool_resident_memory_bytes"), grown;
    unsigned char *bytes = some_bytes(FLOOD, 7);
    int fds[CLIENTS];

    kit_connect_all(&kit, fds, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        send_until_it_stops(&kit, fds[i], bytes, flood(&kit, fds[i], bytes, (unsigned)i + 1));
    grown = metric(&kit, "echopool_resident_memory_bytes") - before;
    ck_assert_double_lt(grown, ALL + 2 * 2 * BUFFER * CLIENTS); /* twice, for what malloc() keeps */
    close_all(fds, CLIENTS);
    kit_wait_in_flight(&kit, 0);
    kit_finish(&kit, true, NULL);
    free(bytes);
}
#endif

CASE("Echoes that fall short")

static bool an_echo_does_not_fit(struct kit *kit)
{
    return metric(kit, "echopool_sessions{phase=\"sending\"}") > 0;
}

/*
 * The client reads nothing until an echo does not fit, and sends nothing after that. What arrives behind such an
 * echo waits for it, and is not counted as sent meanwhile.
 */
TEST(the_rest_of_the_last_echo)
{
    enum { PART = 50000 };
    struct kit kit = kit_start(URING("--workers", "1", "--buffer", "64K", "--admin", "0"));
    unsigned char *bytes = some_bytes(FLOOD, 5), *echo = malloc(FLOOD);
    int fd = tcp_connect_narrow(kit.program.port);
    size_t sent = 0;

    ck_assert_ptr_nonnull(echo);
    do {
        tcp_send(fd, bytes + sent, PART);
        sent += PART;
        while (metric(&kit, "echopool_bytes_total{direction=\"sent\"}") < (double)sent &&
               !an_echo_does_not_fit(&kit))
            continue;
    } while (!an_echo_does_not_fit(&kit));
    tcp_receive(fd, echo, sent);
    transform_apply(TRANSFORM_UPPER, bytes, sent);
    ck_assert_mem_eq(echo, bytes, sent);
    close(fd);
    kit_finish(&kit, true, NULL);
    free(bytes);
    free(echo);
}
