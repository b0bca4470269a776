/* SPDX-License-Identifier: MIT */
/* What the end-to-end tests of the server share: see server.h. */
#include "tests/kit/server.h"

#include "common/clock.h"
#include "common/transform.h"
#include "tests/kit/suite.h"

#include <dirent.h>
#include <inttypes.h>
#ifdef HAVE_LIBURING
#    include <linux/io_uring.h>
#endif
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROBE_BYTES 65536

/* clang-format off */
const struct tested_model tested_models[] = {
    {.model = "iterative", .hold = "session", .one_at_a_time = true, .stalls_the_loop = true},
    {.model = "thread", .hold = "session", .never_pauses = true},
    {.model = "fork", .hold = "session", .never_pauses = true},
    {.model = "thread-pool", .hold = "session"},
    {.model = "thread-pool", .hold = "message"},
    {.model = "process-pool", .hold = "session"},
    {.model = "event", .hold = "session"},
    {.model = "thread-accept", .hold = "session", .workers_accept = true},
#ifndef __SANITIZE_THREAD__ /* server.h says why */
    {.model = "prefork", .hold = "session", .workers_accept = true},
#endif
    {.model = "io-uring", .hold = "session"},
};

const char *const pool_models[] = {"thread-pool", "process-pool"};
const char *const process_models[] = {"fork", "process-pool", "prefork"};
/* clang-format on */

_Static_assert(sizeof tested_models / sizeof tested_models[0] == ALL_MODELS,
               "every model is tested");

#ifdef HAVE_LIBURING
bool has_io_uring(void)
{
    static bool asked, has;
    struct io_uring_params none = {0};
    int fd;

    if (asked)
        return has;
    fd = (int)syscall(SYS_io_uring_setup, 1, &none);
    asked = true;
    has = fd >= 0;
    if (has)
        close(fd);
    else
        fprintf(stderr, "--model io-uring is not tested: %m\n");
    return has;
}
#else
bool has_io_uring(void)
{
    return false;
}
#endif

/* --- the accounting ------------------------------------------------------------------------ */

static const char *last_line_with(const char *text, const char *start)
{
    const char *found = NULL;

    for (const char *at = text; (at = strstr(at, start)) != NULL; at++)
        if (at == text || at[-1] == '\n')
            found = at;
    return found;
}

struct tally tally_of(const char *output)
{
    const char *line = last_line_with(output, "accepted ");
    struct tally t = {0};

    ck_assert_msg(line != NULL, "no accounting in: %s", output);
    ck_assert_msg(sscanf(line,
                         "accepted %" SCNu64 " = served %" SCNu64 " + rejected %" SCNu64
                         " + timed out %" SCNu64 " + failed %" SCNu64 " + in flight %" SCNu64,
                         &t.accepted, &t.served, &t.rejected, &t.timed_out, &t.failed,
                         &t.in_flight) == 6,
                  "this is no accounting: %s", line);
    ck_assert_uint_eq(t.accepted, t.served + t.rejected + t.timed_out + t.failed + t.in_flight);
    return t;
}

void expect_tally(struct tally tally, uint64_t served, uint64_t timed_out, uint64_t failed)
{
    ck_assert_uint_eq(tally.served, served);
    ck_assert_uint_eq(tally.rejected, 0);
    ck_assert_uint_eq(tally.timed_out, timed_out);
    ck_assert_uint_eq(tally.failed, failed);
}

/* Waiting for another whole line than those that were there. */
struct more_output {
    struct kit *kit;
    size_t before;
    int64_t asked_ns;
};

static bool has_more_accounting(void *context)
{
    struct more_output *more = context;
    const char *line = strstr(program_output(&more->kit->program) + more->before, "accepted ");

    if (line != NULL && strchr(line, '\n') != NULL)
        return true;
#ifdef __SANITIZE_THREAD__
    /* ThreadSanitizer loses one in some hundred signals that come while the server does not sleep. */
    if (clock_now_ns() - more->asked_ns > INT64_C(10000000000)) {
        kit_signal(more->kit, SIGUSR1);
        more->asked_ns = clock_now_ns();
    }
#endif
    return false;
}

struct tally kit_ask(struct kit *kit)
{
    struct more_output more = {
        .kit = kit, .before = strlen(program_output(&kit->program)), .asked_ns = clock_now_ns()};

    kit_signal(kit, SIGUSR1);
    wait_until(has_more_accounting, &more);
    return tally_of(program_output(&kit->program));
}

struct tally kit_wait_in_flight(struct kit *kit, uint64_t in_flight)
{
    struct tally tally;

    do
        tally = kit_ask(kit);
    while (tally.in_flight != in_flight);
    return tally;
}

struct tally kit_wait_ended(struct kit *kit, uint64_t accepted)
{
    struct tally tally;

    do
        tally = kit_ask(kit);
    while (tally.accepted < accepted || tally.in_flight > 0);
    return tally;
}

static bool has_few_threads(void *context)
{
    const struct kit *kit = context;

    return process_threads(kit->program.pid) <= kit->threads + FOREIGN_THREADS;
}

void kit_wait_threads(struct kit *kit)
{
    wait_until(has_few_threads, kit);
}

/* --- processes ----------------------------------------------------------------------------- */

/* The parent of a process and whether it is called so; 0 where there is no such process. */
static pid_t parent_of(pid_t pid, const char *name, bool *is_called)
{
    char path[32];
    char called[32];
    int parent;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*d (%31[^)]) %*c %d", called, &parent) != 2)
        parent = 0;
    fclose(file);
    *is_called = parent != 0 && strcmp(called, name) == 0;
    return parent;
}

unsigned kit_processes(const struct kit *kit, pid_t pids[], unsigned most)
{
    DIR *all = opendir("/proc");
    unsigned count = 0;

    ck_assert_ptr_nonnull(all);
    for (struct dirent *entry; count < most && (entry = readdir(all)) != NULL;) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        bool is_zygote = false;
        bool through_zygote = false;
        pid_t parent = pid > 0 ? parent_of(pid, "ep-zygote", &is_zygote) : 0;

        if (parent == 0 || is_zygote)
            continue;
        if (parent == kit->program.pid ||
            (parent_of(parent, "ep-zygote", &through_zygote) == kit->program.pid && through_zygote))
            pids[count++] = pid;
    }
    closedir(all);
    return count;
}

void kit_wait_processes(const struct kit *kit, pid_t pids[], unsigned count)
{
    pid_t found[256];

    ck_assert_uint_lt(count, 256);
    while (kit_processes(kit, found, 256) != count)
        poll(NULL, 0, 1);
    memcpy(pids, found, count * sizeof pids[0]);
}

/* --- life ---------------------------------------------------------------------------------- */

struct kit kit_start(const char *const arguments[])
{
    struct kit kit = {.program = server_start(arguments)};

    kit_ask(&kit); /* by its answer the loop runs and all is set up */
    kit.descriptors = process_descriptors(kit.program.pid);
    kit.threads = process_threads(kit.program.pid);
    return kit;
}

int kit_connect(struct kit *kit)
{
    return connect_to(kit->program.address);
}

void kit_connect_all(struct kit *kit, int fds[], int count)
{
    for (int i = 0; i < count; i++)
        fds[i] = kit_connect(kit);
}

void say_hello(int fd)
{
    tcp_echo(fd, "hello", 5, true);
}

void say_goodbye(int fd)
{
    say_hello(fd);
    close(fd);
}

void close_all(const int fds[], int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

uint16_t kit_admin_port(struct kit *kit)
{
    static const char words[] = "\nadmin on http://127.0.0.1:";
    const char *line = strstr(program_output(&kit->program), words);
    uint16_t port = 0;

    ck_assert_msg(line != NULL, "no admin port in: %s", program_output(&kit->program));
    ck_assert_int_eq(sscanf(line + sizeof words - 1, "%" SCNu16, &port), 1);
    return port;
}

void kit_signal(const struct kit *kit, int number)
{
    ck_assert_int_eq(kill(kit->program.pid, number), 0);
}

struct tally kit_wait_end(struct kit *kit, int status, const char *complaint,
                          const char *last_words)
{
    struct outcome outcome = program_wait(&kit->program);
    struct tally tally;

    ck_assert_msg(outcome.status == status, "status %d, said: %s", outcome.status, outcome.err);
    if (complaint == NULL)
        ck_assert_str_eq(outcome.err, "");
    else
        ck_assert_msg(strstr(outcome.err, complaint) != NULL, "\"%s\" is not in: %s", complaint,
                      outcome.err);
    if (last_words != NULL)
        ck_assert_msg(strstr(outcome.out, last_words) != NULL, "\"%s\" is not in: %s", last_words,
                      outcome.out);
    tally = tally_of(outcome.out);
    return tally;
}

struct tally kit_finish(struct kit *kit, bool upper, const char *complaint)
{
    unsigned char *bytes = some_bytes(PROBE_BYTES, 4711);
    struct tally tally;
    int probe;

    kit_wait_in_flight(kit, 0);
    probe = kit_connect(kit);
    tcp_echo(probe, bytes, PROBE_BYTES, upper);
    close(probe);
    kit_wait_in_flight(kit, 0);
    wait_for_descriptors(kit->program.pid, kit->descriptors);
    kit_wait_threads(kit);

    kit_signal(kit, SIGTERM);
    tally = kit_wait_end(kit, 0, complaint, NULL);
    ck_assert_uint_eq(tally.in_flight, 0);
    tally.accepted--;
    tally.served--;
    return tally;
}

/* --- bytes --------------------------------------------------------------------------------- */

void expect_rest(int fd, const void *bytes, size_t size)
{
    unsigned char *expected = malloc(size + 1);
    unsigned char *received = malloc(size + 1);
    bool reset;

    ck_assert(expected != NULL && received != NULL);
    memcpy(expected, bytes, size);
    transform_apply(TRANSFORM_UPPER, expected, size);
    ck_assert_uint_eq(tcp_receive_all(fd, received, size, &reset), size);
    ck_assert_msg(!reset, "the session ended with a reset");
    ck_assert_mem_eq(received, expected, size);
    free(expected);
    free(received);
    close(fd);
}

void expect_busy(int fd)
{
    char line[512];
    bool reset;
    size_t size = tcp_receive_all(fd, line, sizeof line - 1, &reset);

    line[size] = '\0';
    ck_assert_msg(!reset, "a reset came after: %s", line);
    ck_assert_msg(strncmp(line, "BUSY ", 5) == 0 && size > 6, "this is not BUSY: %s", line);
    ck_assert_msg(strchr(line, '\n') == line + size - 1, "not one whole line: %s", line);
    close(fd);
}
