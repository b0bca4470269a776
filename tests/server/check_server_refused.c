/* SPDX-License-Identifier: MIT */
/*
 * The real server and a kernel, or a library, that refuses what it needs: memory for an event base, a place
 * among the watches of epoll (fs.epoll.max_user_watches), or room for a byte in a socket. At the start that
 * is a sentence and status 1, before the server claims to listen; later it passes. The failures come from
 * kit/shim.c, which is preloaded into the server; not with a sanitizer, which must be loaded first itself.
 */
#include "common/calls.h"
#include "tests/kit/http.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef EP_SANITIZED

/* Let epoll refuse some sockets. */
static void refuse_watches(bool listeners, unsigned first, unsigned last)
{
    program_let_fail((struct orders){.only = "epoll_ctl",
                                     .first = first,
                                     .last = last,
                                     .error = ENOSPC,
                                     .listeners = listeners,
                                     .connections = !listeners});
}

static void expect_no_start(const char *const arguments[], const char *sentence)
{
    struct outcome outcome = program_run(arguments, NULL);

    program_preload(NULL);
    ck_assert_msg(outcome.status == 1, "status %d, said: %s", outcome.status, outcome.err);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_msg(strstr(outcome.err, sentence) != NULL, "said: %s", outcome.err);
}

CASE("Start")

TEST(no_memory_for_an_event_base)
{
    /* the first is the main loop's */
    program_let_fail((struct orders){.only = "event_config_new", .first = 2, .last = UINT_MAX});
    expect_no_start(ARGUMENTS("echo-server", "--port", "0", "--model", "event"),
                    "cannot start --model event with 4 workers: Cannot allocate memory");
}

/* The command line is right: the status is not that of a wrong one. */
LOOP_TEST(an_address_that_cannot_be_looked_up, 3)
{
    static const int codes[] = {EAI_MEMORY, EAI_AGAIN, EAI_FAIL};

    /* the first is that of --host */
    program_let_fail(
        (struct orders){.only = "getaddrinfo", .first = 2, .last = UINT_MAX, .error = codes[_i]});
    expect_no_start(ARGUMENTS("echo-server", "--port", "0", "--admin", "0"),
                    suite_text("--admin 0: %s; try", gai_strerror(codes[_i])));
}

LOOP_TEST(an_admin_port_that_cannot_be_watched, 2)
{
    refuse_watches(true, 1, 1);
    expect_no_start(ARGUMENTS("echo-server", "--port", "0", _i == 0 ? "--admin" : "--agent", "0"),
                    ": No space left on device; raise fs.epoll.max_user_watches");
}

LOOP_TEST(a_port_that_cannot_be_watched, MODELS)
{
    refuse_watches(true, 1, 1);
    expect_no_start(ARGUMENTS("echo-server", "--port", "0", "--model", tested_models[_i].model,
                              "--hold", tested_models[_i].hold),
                    "cannot watch the listening socket: No space left on device; raise "
                    "fs.epoll.max_user_watches");
}

/* clang-format off */
/* The reason is the kernel's, and the advice is for this kind of address. */
static const struct {
    const char *call;
    unsigned number; /* of the one that fails, from 1 */
    int error;
    const char *words[4];
    const char *sentence;
} refusals[] = {
    {"bind", 1, EACCES, {"--port", "0"}, "; ports below 1024 need root, try --port 8090\n"},
    {"bind", 1, EACCES, {"--host", "unix:"}, "Permission denied; try a folder of your own\n"},
    {"bind", 1, EPERM, {"--port", "0"}, "127.0.0.1:0: Operation not permitted\n"},
    {"bind", 1, EPERM, {"--host", "unix:"}, "; --socket-group needs root"},
    {"bind", 1, EINVAL, {"--port", "0"}, "127.0.0.1:0: Invalid argument\n"},
    {"bind", 1, EINVAL, {"--host", "unix:"}, "; --socket-group needs a group"},
    {"bind", 1, EADDRNOTAVAIL, {"--port", "0"}, "; this machine has no such address, try --host 127.0.0.1\n"},
    {"socket", 1, EAFNOSUPPORT, {"--host", "::1"}, "; this machine has no IPv6, try --host 127.0.0.1\n"},
    {"fchmod", 1, EROFS, {"--host", "unix:"}, "Read-only file system\n"},
    {"bind", 2, EACCES, {"--port", "0", "--admin", "80"}, "--admin 80: cannot listen on 127.0.0.1:80: Permission denied; ports below 1024 need root\n"},
    {"bind", 2, EADDRNOTAVAIL, {"--port", "0", "--admin", "0"}, "; this machine has no such address\n"},
    {"getrlimit", 1, EPERM, {"--limit", "nofile=64"}, "cannot set --limit nofile: Operation not permitted"},
    {"socketpair", 1, EMFILE, {"--model", "prefork", "--port", "0"}, "cannot start --model prefork with 4 workers: Too many open files; try fewer --workers"},
    {"fork", 1, EAGAIN, {"--model", "prefork", "--port", "0"}, "cannot start the workers of --model prefork: Resource temporarily unavailable; try fewer --workers or a higher --limit"},
    {"pidfd_open", 1, EPERM, {"--model", "process-pool"}, "cannot prepare --model process-pool: Operation not permitted; the kernel or a filter of system calls refuses what worker processes need, try --model thread-pool\n"},
    {"pidfd_open", 1, ENOSYS, {"--model", "prefork", "--port", "0"}, "Function not implemented; the kernel or a filter of system calls refuses what worker processes need, try"},
    {"pthread_create", 1, EPERM, {"--model", "thread-pool", "--port", "0"}, "Operation not permitted; the kernel or a filter of system calls refuses what threads need, try --model iterative\n"},
    {"setrlimit", 1, EPERM, {"--limit", "nofile=64"}, "cannot set --limit nofile: Operation not permitted"},
};
/* clang-format on */

LOOP_TEST(advice_for_each_refusal, COUNT_OF(refusals))
{
    struct orders orders = {
        .first = refusals[_i].number, .last = refusals[_i].number, .error = refusals[_i].error};
    const char *const *words = refusals[_i].words;
    const char *value = words[1];
    char *folder = suite_template();

    ck_assert_ptr_nonnull(mkdtemp(folder));
    if (strcmp(value, "unix:") == 0)
        value = suite_text("unix:%s/echo", folder);
    snprintf(orders.only, sizeof orders.only, "%s", refusals[_i].call);
    program_let_fail(orders);
    expect_no_start(ARGUMENTS("echo-server", words[0], value, words[2], words[3]),
                    refusals[_i].sentence);
}

/* As the C library waits. */
#    ifdef SYS_epoll_wait
#        define WAITING SYS_epoll_wait
#    else
#        define WAITING SYS_epoll_pwait
#    endif

/* No model could do without: it is noticed before the server claims to listen. */
LOOP_TEST(a_filter_that_forbids_waiting, MODELS)
{
    program_let_fail((struct orders){.denied = WAITING, .error = EPERM});
    expect_no_start(ARGUMENTS("echo-server", "--port", "0", "--model", tested_models[_i].model,
                              "--hold", tested_models[_i].hold),
                    "the event loop cannot wait: Operation not permitted; the kernel or a filter");
}

/* It would hang, spin, abort or serve no one later. Without write() there is no sentence either. */
static const struct {
    struct call call;
    const char *model; /* that has to do without; NULL: none can; "": nor can the client */
} forbidden[] = {
#    ifdef SYS_poll
    {CALL(poll), ""},
#    endif
    {CALL(ppoll), ""},
    {CALL(write), ""},
    {CALL(rt_sigprocmask), ""},
    {CALL(futex), ""},
    {CALL(read), NULL},
    {CALL(close), NULL},
    {CALL(recvfrom), NULL},
    {CALL(sendto), NULL},
    {CALL(rt_sigaction), NULL},
    {CALL(accept4), NULL},
    {CALL(fcntl), "process-pool"},
    {CALL(sendmsg), "process-pool"},
    {CALL(sendmsg), "prefork"},
    {CALL(recvmsg), "prefork"},
    {CALL(getpid), "prefork"},
    {CALL(getppid), "prefork"},
};

LOOP_TEST(a_filter_that_forbids_a_call, 2 * COUNT_OF(forbidden))
{
    const struct call *call = &forbidden[_i / 2].call;
    const char *model = forbidden[_i / 2].model;
    const int error = _i % 2 == 0 ? EPERM : ENOSYS;
    const bool of_all = model == NULL || *model == '\0';
    const char *sentence =
        call->number == SYS_write
            ? ""
            : suite_text("%s%s%s(): %s; the kernel or a filter of system calls refuses",
                         of_all ? "cannot do without " : "cannot prepare --model ",
                         of_all ? "" : suite_text("%s: ", model), call->name, strerror(error));

    program_let_fail((struct orders){.denied = (unsigned)call->number, .error = error});
    expect_no_start(
        ARGUMENTS("echo-server", "--port", "0", "--model", of_all ? "iterative" : model), sentence);
    if (model == NULL || !of_all)
        return;
    program_let_fail((struct orders){.denied = (unsigned)call->number, .error = error});
    expect_no_start(ARGUMENTS("echo-client", "--sessions", "1"), sentence);
}

/* As the C library reads the time that a thread has used. */
#    ifdef SYS_clock_gettime64
#        define READING_A_CLOCK SYS_clock_gettime64
#    else
#        define READING_A_CLOCK SYS_clock_gettime
#    endif

TEST(a_filter_that_forbids_the_clock_of_burn)
{
    program_let_fail((struct orders){.denied = READING_A_CLOCK, .error = EPERM});
    expect_no_start(ARGUMENTS("echo-server", "--port", "0", "--burn", "1ms"),
                    "cannot measure --burn: clock_gettime(): Operation not permitted; use --delay");
}

/*
 * The command line is right, as far as the server knows. The name of a group is looked up with a buffer of this size.
 */
TEST(a_group_that_cannot_be_looked_up)
{
    program_let_fail(
        (struct orders){.only = "malloc", .bytes = 1024, .first = 1, .last = UINT_MAX});
    expect_no_start(
        ARGUMENTS("echo-server", "--host", "unix:/nonexistent/echo", "--socket-group", "root"),
        "cannot look up --socket-group root: Cannot allocate memory");
}

/* The port that the kernel has picked for the first address is taken for the second: it picks another. */
TEST(a_port_that_is_taken_for_another_address)
{
    struct kit kit;

    program_let_fail((struct orders){.only = "bind", .first = 2, .last = 3, .error = EADDRINUSE});
    kit = kit_start(ARGUMENTS("--host", "127.0.0.1", "--host", "127.0.0.2"));
    program_preload(NULL);
    say_goodbye(kit_connect(&kit));
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 1);
}

CASE("Later")

static const struct {
    const char *model;
    const char *hold;
} watching[] = {{"iterative", "session"}, {"event", "session"}, {"thread-pool", "message"}};

/*
 * A client does not read, and there is no memory for what cannot be written to it: its session fails, and the
 * next client is served.
 */
LOOP_TEST(an_echo_that_cannot_be_kept, COUNT_OF(watching))
{
    static const char bytes[65536];
    struct orders *orders =
        program_let_fail((struct orders){.only = "malloc", .first = 1, .last = UINT_MAX});
    struct tally tally;
    struct kit kit;
    int fd;

    atomic_store(&orders->armed, false);
    kit = kit_start(
        ARGUMENTS("--model", watching[_i].model, "--hold", watching[_i].hold, "--workers", "2"));
    program_preload(NULL);
    fd = kit_connect(&kit);
    say_hello(fd);
    atomic_store(&orders->armed, true);
    while (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
        ;
    atomic_store(&orders->armed, false);
    close(fd);
    ck_assert_uint_gt(atomic_load(&orders->failed), 0);
    say_goodbye(kit_connect(&kit));
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 1);
    ck_assert_uint_eq(tally.failed, 1);
}

/* Accepting was paused because the only worker was taken; it goes on once epoll takes the port again. */
TEST(a_port_that_is_watched_again)
{
    struct kit kit;
    int first, second;

    refuse_watches(true, 2, 3);
    kit = kit_start(ARGUMENTS("--workers", "1", "--queue", "0"));
    program_preload(NULL);
    first = kit_connect(&kit);
    say_hello(first);
    second = kit_connect(&kit);
    close(first);
    say_goodbye(second);
    ck_assert_uint_eq(kit_finish(&kit, true, "No space left on device").served, 2);
}

/* The same for the admin port, which pauses for a turn of the loop after some connections. */
TEST(an_admin_port_that_is_watched_again)
{
    struct kit kit;

    refuse_watches(true, 4, 5); /* after its own, and two of the listening socket */
    kit = kit_start(ARGUMENTS("--admin", "0"));
    program_preload(NULL);
    for (int i = 0; i < 40; i++)
        http_body(kit_admin_port(&kit), "/livez", 200);
    wait_for_error_text(&kit.program, "No space left on device");
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_finish(&kit, true, "No space left on device");
}

/*
 * Memory runs out while a client connects to the admin port and asks: for each allocation in turn, and for all
 * from it on. The server survives, and answers the next client.
 */
LOOP_TEST(an_admin_port_without_memory, 2)
{
    struct orders *orders = program_let_fail((struct orders){.only = "malloc"});
    struct kit kit;
    char reply[1000];
    bool reset;
    int fd;

    atomic_store(&orders->armed, false);
    kit = kit_start(ARGUMENTS("--admin", "0"));
    program_preload(NULL);
    do {
        orders->first++;
        orders->last = _i == 0 ? orders->first : UINT_MAX;
        atomic_store(&orders->calls, 0);
        atomic_store(&orders->failed, 0);
        atomic_store(&orders->armed, true);
        fd = tcp_connect(kit_admin_port(&kit));
        tcp_send(fd, "GET /livez HTTP/1.0\r\n\r\n", 23);
        (void)tcp_receive_all(fd, reply, sizeof reply, &reset);
        close(fd);
        atomic_store(&orders->armed, false);
        http_body(kit_admin_port(&kit), "/livez", 200);
    } while (atomic_load(&orders->failed) > 0);
    ck_assert_uint_gt(orders->first, 10);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_finish(&kit, true, NULL);
}

/* A signal reaches the loop although the kernel has no memory for a byte that a process writes to itself. */
LOOP_TEST(a_signal_without_memory, MODELS)
{
    struct orders *orders = program_let_fail(
        (struct orders){.only = "write", .first = 1, .last = UINT_MAX, .error = ENOBUFS});
    struct kit kit;

    atomic_store(&orders->armed, false);
    kit = kit_start(MODEL("--quiet"));
    program_preload(NULL);
    say_goodbye(kit_connect(&kit));
    kit_wait_in_flight(&kit, 0);
    atomic_store(&orders->armed, true);
    kit_signal(&kit, SIGTERM);
    ck_assert_int_eq(program_wait(&kit.program).status, 0);
}

/* That client is sent away, and the next one is served. */
LOOP_TEST(a_connection_that_cannot_be_watched, COUNT_OF(watching))
{
    struct tally tally;
    struct kit kit;
    char bytes[200];
    bool reset;
    int fd;

    refuse_watches(false, 1, 1);
    kit = kit_start(
        ARGUMENTS("--model", watching[_i].model, "--hold", watching[_i].hold, "--workers", "2"));
    program_preload(NULL);
    fd = kit_connect(&kit);
    (void)tcp_receive_all(fd, bytes, sizeof bytes, &reset);
    close(fd);
    fd = kit_connect(&kit);
    say_goodbye(fd);
    tally = kit_finish(&kit, true, "No space left on device");
    ck_assert_uint_eq(tally.served, 1);
    ck_assert_uint_eq(tally.failed + tally.rejected, 1);
}

/*
 * There is a process that may have begun to echo when the server finds out that it cannot watch it: nothing
 * may come behind these bytes. The next client is served, if not within the back-off.
 */
TEST(a_process_that_cannot_be_watched)
{
    struct kit kit;
    char bytes[200];
    bool reset, served = false;
    size_t size;
    int fd;

    program_let_fail((struct orders){.only = "pidfd_open", .first = 1, .last = 1, .error = ENOMEM});
    kit = kit_start(ARGUMENTS("--model", "fork"));
    program_preload(NULL);
    fd = kit_connect(&kit);
    size = tcp_receive_all(fd, bytes, sizeof bytes, &reset);
    ck_assert_msg(size == 0, "the client got: %.*s", (int)size, bytes);
    close(fd);
    while (!served) {
        fd = kit_connect(&kit);
        tcp_send(fd, "hello", 5);
        tcp_receive(fd, bytes, 5);
        served = memcmp(bytes, "HELLO", 5) == 0;
        ck_assert(served || memcmp(bytes, "BUSY ", 5) == 0);
        close(fd);
    }
    ck_assert_uint_ge(kit_finish(&kit, true, NULL).rejected, 1);
}

struct attempts {
    struct orders *orders;
    unsigned before;
};

static bool has_tried_more(void *context)
{
    const struct attempts *attempts = context;

    return atomic_load(&attempts->orders->failed) > attempts->before + 20;
}

static bool has_ended(void *pid)
{
    char state = 'Z';
    FILE *file = fopen(suite_text("/proc/%d/stat", (int)*(const pid_t *)pid), "re");

    if (file != NULL) {
        ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
    }
    return state == 'Z';
}

/* A worker dies while its reports of two sessions cannot be read: they are read later, and count. */
TEST(reports_of_a_worker_that_has_died)
{
    struct attempts attempts = {
        .orders = program_let_fail(
            (struct orders){.only = "recvmsg", .first = 1, .last = UINT_MAX, .error = ENOMEM})};
    struct kit kit;
    char bytes[8];
    bool reset;
    pid_t pid;
    int fd;

    atomic_store(&attempts.orders->armed, false);
    kit = kit_start(ARGUMENTS("--model", "prefork", "--workers", "1"));
    program_preload(NULL);
    fd = kit_connect(&kit);
    say_hello(fd);
    kit_wait_in_flight(&kit, 1);
    kit_wait_processes(&kit, &pid, 1);
    atomic_store(&attempts.orders->armed, true);
    close(fd);
    fd = kit_connect(&kit);
    say_hello(fd); /* after the report that the first has ended */
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_uint_eq(tcp_receive_all(fd, bytes, sizeof bytes, &reset), 0);
    close(fd);
    wait_until(has_ended, &pid);
    attempts.before = atomic_load(&attempts.orders->failed);
    wait_until(has_tried_more, &attempts);
    atomic_store(&attempts.orders->armed, false);
    say_goodbye(kit_connect(&kit));
    kit_wait_in_flight(&kit, 0);
    expect_tally(kit_finish(&kit, true, "was killed by signal 9"), 2, 0, 1);
}

static bool has_failed(void *orders)
{
    return atomic_load(&((struct orders *)orders)->failed) > 0;
}

static bool is_ready(void *kit)
{
    return http_get(kit_admin_port(kit), "/readyz").status == 200;
}

static bool is_not_ready(void *kit)
{
    return !is_ready(kit);
}

/* Workers have died, and no process can be made: a server that can serve no one is not ready, and has no worker. */
TEST(no_worker_is_left)
{
    struct orders *orders = program_let_fail(
        (struct orders){.only = "fork", .first = 1, .last = UINT_MAX, .error = EAGAIN});
    struct http_reply reply;
    struct kit kit;
    pid_t pids[2];

    atomic_store(&orders->armed, false);
    kit = kit_start(ARGUMENTS("--model", "prefork", "--workers", "2", "--admin", "0"));
    program_preload(NULL);
    kit_wait_processes(&kit, pids, 2);
    ck_assert(is_ready(&kit));
    atomic_store(&orders->armed, true);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(kill(pids[i], SIGKILL), 0);
    wait_until(has_failed, orders); /* perhaps only for the first that died */
    wait_until(is_not_ready, &kit);
    reply = http_get(kit_admin_port(&kit), "/readyz");
    ck_assert_int_eq(reply.status, 503);
    ck_assert_ptr_nonnull(strstr(reply.body, "there is no worker"));
    reply = http_get(kit_admin_port(&kit), "/metrics");
    ck_assert_ptr_nonnull(strstr(reply.body, "echopool_workers{state=\"idle\"} 0\n"));
    atomic_store(&orders->armed, false);
    wait_until(is_ready, &kit);
    say_goodbye(kit_connect(&kit));
    kit_wait_in_flight(&kit, 0);
    kit_finish(&kit, true, "cannot replace a worker");
}

/* Check for a line in a reply of the admin port. */
static void expect_line(struct kit *kit, const char *path, const char *line)
{
    const char *body = http_body(kit_admin_port(kit), path, 200);

    ck_assert_msg(strstr(body, line) != NULL, "\"%s\" is not in: %s", line, body);
}

CASE("Unknown")

/* Without /proc the server serves, and does not claim to have no threads and no memory. */
LOOP_TEST(without_proc, MODELS)
{
    static const char *const unknown[] = {"\"threads\": null", "\"resident_bytes\": null",
                                          "\"virtual_bytes\": null", "\"descriptors\": null"};
    struct kit kit;

    program_let_fail((struct orders){.no_proc = true});
    kit = kit_start(MODEL("--admin", "0"));
    program_preload(NULL);
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        expect_line(&kit, "/stats.json", unknown[i]);
    ck_assert_ptr_null(
        strstr(http_body(kit_admin_port(&kit), "/metrics", 200), "\nechopool_threads "));
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_finish(&kit, true, NULL);
}

/* Also the file of a unix socket gets its mode. */
TEST(a_unix_socket_without_proc)
{
    char *folder = suite_template();
    struct stat file;
    struct kit kit;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *host = suite_text("unix:%s/echo", folder);
    program_let_fail((struct orders){.no_proc = true});
    kit = kit_start(ARGUMENTS("--host", host, "--socket-mode", "666"));
    program_preload(NULL);
    ck_assert_int_eq(lstat(host + strlen("unix:"), &file), 0);
    ck_assert_uint_eq(file.st_mode, S_IFSOCK | 0666);
    kit_finish(&kit, true, NULL);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* Where the limits cannot be asked for, the server takes the usual ones, and serves. */
LOOP_TEST(without_prlimit, MODELS)
{
    struct kit kit;
    int fd;

    program_let_fail((struct orders){.denied = SYS_prlimit64, .error = EPERM});
    kit = kit_start(MODEL("--admin", "0"));
    program_preload(NULL);
    ck_assert_ptr_null(strstr(program_output(&kit.program), "sessions at most 0,"));
    expect_line(&kit, "/readyz", "ready");
    expect_line(&kit, "/stats.json", "\"descriptor_limit\": null");
    fd = kit_connect(&kit);
    say_goodbye(fd);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_finish(&kit, true, NULL);
}

#else

CASE("Start")

TEST(not_with_a_sanitizer)
{
}

#endif
