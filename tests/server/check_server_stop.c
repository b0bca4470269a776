/* SPDX-License-Identifier: MIT */
/*
 * The real server and its end: what was received before the signal is echoed, a session that waits gets
 * its turn, and nothing keeps the process longer than the drain timeout.
 */
#include "common/transform.h"
#include "tests/kit/http.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

CASE("Drain")

LOOP_TEST(without_sessions, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "4"));

    kit_signal(&kit, SIGINT);
    ck_assert_uint_eq(kit_wait_end(&kit, 0, NULL, NULL).accepted, 0);
}

/* Without time a session that is silent loses nothing either. */
LOOP_TEST(without_time_to_drain, MODELS)
{
    struct kit kit = kit_start(MODEL("--drain-timeout", "0"));
    int fd = kit_connect(&kit);

    say_goodbye(fd);
    kit_wait_in_flight(&kit, 0);
    kit_signal(&kit, SIGTERM);
    expect_tally(kit_wait_end(&kit, 0, NULL, NULL), 1, 0, 0);

    kit = kit_start(MODEL("--drain-timeout", "0"));
    fd = kit_connect(&kit);
    say_hello(fd);
    kit_signal(&kit, SIGTERM);
    expect_rest(fd, "", 0);
    expect_tally(kit_wait_end(&kit, 0, NULL, "\nstopped: 1\n"), 1, 0, 0);
}

/* Blocked in recv(), which only a shutdown of the socket ends. */
LOOP_TEST(with_an_idle_session, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "4", "--drain-timeout", "20s"));
    uint64_t count = tested_models[_i].one_at_a_time ? 1 : 2; /* a stop leaves the backlog alone */
    int talked = kit_connect(&kit);
    int silent = count > 1 ? kit_connect(&kit) : -1;

    say_hello(talked);
    kit_wait_in_flight(&kit, count);
    kit_signal(&kit, SIGTERM);
    expect_rest(talked, "", 0);
    if (count > 1)
        expect_rest(silent, "", 0);
    expect_tally(kit_wait_end(&kit, 0, NULL, NULL), count, 0, 0);
}

/* Bytes that had arrived but were not read yet, of sessions that are served and that wait. */
LOOP_TEST(nothing_received_is_lost, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "1", "--queue", QUEUE("5"), "--delay", "10ms",
                                     "--drain-timeout", "20s"));
    unsigned char *bytes = some_bytes(20000, 5);
    /* A stop leaves the backlog alone. */
    unsigned count = tested_models[_i].one_at_a_time || tested_models[_i].workers_accept ? 1 : 6;
    int fds[6];

    for (unsigned i = 0; i < count; i++) {
        fds[i] = kit_connect(&kit);
        tcp_send(fds[i], bytes, 20000);
    }
    kit_wait_in_flight(&kit, count);
    kit_signal(&kit, SIGTERM);
    for (unsigned i = 0; i < count; i++)
        expect_rest(fds[i], bytes, 20000);
    expect_tally(kit_wait_end(&kit, 0, NULL, NULL), count, 0, 0);
}

/* What a thread does, as /proc says it. */
struct doing {
    bool runs;        /* it does not sleep */
    long system_call; /* otherwise: in which it does */
};

static bool runs(struct doing doing)
{
    return doing.runs;
}

static bool waits_on_a_futex(struct doing doing)
{
    return !doing.runs && doing.system_call == SYS_futex;
}

/* Whether a thread of this process does something like that. */
static bool some_thread_of(pid_t pid, bool (*like)(struct doing))
{
    char path[300];
    bool found = false;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    if (tasks == NULL)
        return false; /* it has just ended */
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        struct doing doing = {0};
        snprintf(path, sizeof path, "/proc/%d/task/%s/syscall", (int)pid, task->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        doing.runs = fscanf(file, "%ld", &doing.system_call) != 1;
        found = found || like(doing);
        fclose(file);
    }
    closedir(tasks);
    return found;
}

/* Whether one of the processes that serve, or else a thread of the server, does something like that. */
static bool some_thread(const struct kit *kit, bool (*like)(struct doing))
{
    pid_t pids[4];
    unsigned count = kit_processes(kit, pids, 4);
    bool found = count == 0 && some_thread_of(kit->program.pid, like);

    for (unsigned i = 0; i < count; i++)
        found = found || some_thread_of(pids[i], like);
    return found;
}

static bool has_a_session_at_its_end(void *context)
{
    const char *stats = http_body(kit_admin_port(context), "/stats.json", 200);

    return strstr(stats, "\"closing\": 1") != NULL;
}

/*
 * A client that reads slowly, and sends once more when its session is at its end, but before it was
 * sent end of file: that is echoed, too.
 */
LOOP_TEST(late_bytes_do_not_destroy_the_echo, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "1", "--drain-timeout", "20s", "--admin", "0"));
    unsigned char *bytes = some_bytes(12004, 6);
    int fd = tcp_connect_narrow(kit.program.port);

    tcp_send(fd, bytes, 12000);
    kit_wait_in_flight(&kit, 1);
    kit_signal(&kit, SIGTERM);
    wait_until(has_a_session_at_its_end, &kit);
    tcp_send(fd, bytes + 12000, 4);
    expect_rest(fd, bytes, 12004);
    expect_tally(kit_wait_end(&kit, 0, NULL, "\nstopped: 1\n"), 1, 0, 0);
}

/* A message that comes after the client was sent end of file is lost, and the server says so. */
LOOP_TEST(a_message_after_the_end_is_lost, MODELS)
{
    struct kit kit = kit_start(MODEL("--drain-timeout", "20s"));
    int fd = kit_connect(&kit);
    char byte;

    say_hello(fd);
    kit_signal(&kit, SIGTERM);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    tcp_send(fd, "late", 4);
    expect_tally(kit_wait_end(&kit, 1, "1 sessions were cut", "\ncut: 1\n"), 0, 1, 0);
    close(fd);
}

/* A client that has gone before it had its echo is no loss of the stop. */
LOOP_TEST(who_has_gone_is_not_cut, MODELS)
{
    struct kit kit = kit_start(MODEL("--delay", "500ms", "--drain-timeout", "20s"));
    int fd = kit_connect(&kit);

    say_hello(fd);
    tcp_send(fd, "hello", 5);
    close(fd);
    kit_signal(&kit, SIGTERM);
    expect_tally(kit_wait_end(&kit, 0, NULL, NULL), 1, 0, 0);
}

/* A client that still waits in the kernel's backlog learns why it is not served. */
LOOP_TEST(the_backlog_is_not_reset, MODELS)
{
    struct kit kit = kit_start(
        MODEL("--workers", "1", "--queue", "0", "--max-sessions", "1", "--drain-timeout", "20s"));
    const struct tested_model *tested = &tested_models[_i];
    int served = kit_connect(&kit);
    int waits;
    struct tally tally;

    say_hello(served);
    waits = kit_connect(&kit);
    tcp_send(waits, "hello", 5);
    kit_signal(&kit, SIGTERM);
    expect_busy(waits);
    expect_rest(served, "", 0);
    tally = kit_wait_end(&kit, 0, NULL, tested->never_pauses ? NULL : "\nstopped: 1\n");
    ck_assert_uint_eq(tally.served, 1);
    ck_assert_uint_eq(tally.rejected, 1);
}

struct stream_state {
    int fd;
    atomic_bool stop;
};

/* Send and receive without a pause, and ignore how it ends. */
static void *keep_talking(void *argument)
{
    struct stream_state *state = argument;
    char bytes[100] = "x";

    while (!atomic_load(&state->stop))
        if (send(state->fd, bytes, sizeof bytes, MSG_NOSIGNAL) <= 0 ||
            recv(state->fd, bytes, sizeof bytes, 0) <= 0)
            break;
    return NULL;
}

CASE("Cut")

/*
 * A session that is never quiet goes on until the drain timeout, and then it is cut. All that it
 * says has arrived before the stop, so that it does not depend on when its client gets a CPU.
 */
LOOP_TEST(with_a_session_that_never_rests, MODELS)
{
    static const char bytes[8192] = {'x'};
    struct kit kit = kit_start(
        MODEL("--workers", "4", "--buffer", "1", "--delay", "5ms", "--drain-timeout", "500ms"));
    int fd = kit_connect(&kit);
    char first;

    tcp_send(fd, bytes, sizeof bytes);
    tcp_receive(fd, &first, 1);
    kit_signal(&kit, SIGTERM);
    expect_tally(kit_wait_end(&kit, 1, "1 sessions were cut", "\ncut: 1\n"), 0, 1, 0);
    close(fd);
}

enum { TALKERS = 8 };

/* A client that sends a message, waits for its echo, and goes on until it sees end of file. */
struct talker {
    pthread_t thread;
    int fd;
    bool lost; /* a message was not answered */
};

static void *talk_without_end(void *argument)
{
    struct talker *talker = argument;
    char byte;

    while (recv(talker->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
        if (send(talker->fd, "x", 1, MSG_NOSIGNAL) != 1 || recv(talker->fd, &byte, 1, 0) != 1) {
            talker->lost = true;
            break;
        }
    close(talker->fd);
    return NULL;
}

/*
 * Sessions that are never quiet go on until the drain timeout, and then end between two messages. The
 * machine may stop a client between its look and its message until its session counts as
 * silent: then that message is lost, and the server has to know that.
 */
LOOP_TEST(talkers_end_at_a_boundary, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "8", "--drain-timeout", "300ms"));
    unsigned count = tested_models[_i].one_at_a_time ? 1 : TALKERS;
    struct talker talkers[TALKERS] = {0};
    unsigned lost = 0;

    for (unsigned i = 0; i < count; i++) {
        talkers[i].fd = kit_connect(&kit);
        say_hello(talkers[i].fd);
    }
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(pthread_create(&talkers[i].thread, NULL, talk_without_end, &talkers[i]),
                         0);
    kit_signal(&kit, SIGTERM);
    for (unsigned i = 0; i < count; i++) {
        pthread_join(talkers[i].thread, NULL);
        lost += talkers[i].lost;
    }
    expect_tally(kit_wait_end(&kit, lost > 0, lost > 0 ? "sessions were cut" : NULL,
                              lost < count ? "\nstopped: " : "\ncut: "),
                 count - lost, lost, 0);
}

/* One whose client talks on comes to rest in the end: it is drained like any other. */
LOOP_TEST(with_a_session_that_comes_to_rest, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "4", "--drain-timeout", "20s"));
    struct stream_state state = {.fd = kit_connect(&kit)};
    pthread_t talker;

    tcp_echo(state.fd, "hello", 5, true);
    ck_assert_int_eq(pthread_create(&talker, NULL, keep_talking, &state), 0);
    kit_signal(&kit, SIGTERM);
    atomic_store(&state.stop, true);
    pthread_join(talker, NULL);
    expect_rest(state.fd, "", 0);
    expect_tally(kit_wait_end(&kit, 0, NULL, NULL), 1, 0, 0);
}

/* Sleeping for --delay ends with the verdict on the session, a futex that processes share. */
static bool sleeps(void *kit)
{
    return some_thread(kit, waits_on_a_futex);
}

/* A worker that sleeps, and one that waits for a client who never reads, are both reached. */
LOOP_TEST(a_cut_ends_a_sleep, MODELS)
{
    if (tested_models[_i].stalls_the_loop)
        return; /* the loop sleeps, too, and does not see the signal */
    struct kit kit = kit_start(MODEL("--workers", tested_models[_i].workers_accept ? "2" : "1",
                                     "--delay", "600s", "--drain-timeout", "100ms"));
    int sleeping = kit_connect(&kit);
    int waiting = kit_connect(&kit);

    tcp_send(sleeping, "hello", 5);
    kit_wait_in_flight(&kit, 2);
    wait_until(sleeps, &kit);
    kit_signal(&kit, SIGTERM);
    kit_wait_end(&kit, 1, "sessions were cut", "\ncut: ");
    close(sleeping);
    close(waiting);
}

LOOP_TEST(a_cut_ends_a_blocked_write, MODELS)
{
    static const char bytes[65536];
    struct kit kit =
        kit_start(MODEL("--workers", "1", "--write-timeout", "0", "--drain-timeout", "100ms"));
    int deaf = kit_connect(&kit);

    say_hello(deaf);
    while (some_thread(&kit, runs) ||
           send(deaf, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue; /* until neither side can go on */
    kit_signal(&kit, SIGTERM);
    expect_tally(kit_wait_end(&kit, 1, "1 sessions were cut", "\ncut: 1\n"), 0, 1, 0);
    close(deaf);
}

/* Whether a new client is refused: then the first signal has been handled. */
static bool is_refused(void *context)
{
    const struct kit *kit = context;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(kit->program.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, (struct sockaddr *)&address, sizeof address) != 0;

    close(fd);
    return refused;
}

CASE("Lame duck")

/* Wait until the server has handled the signal to stop, and is not ready. */
static void wait_lame_duck(struct kit *kit)
{
    struct http_reply reply;

    do
        reply = http_get(kit_admin_port(kit), "/readyz");
    while (reply.status == 200);
    ck_assert_int_eq(reply.status, 503);
    ck_assert_ptr_nonnull(strstr(reply.body, "lame duck"));
}

/* Not ready, and serving old and new clients all the same, until a second signal. */
LOOP_TEST(a_lame_duck_serves, MODELS)
{
    struct kit kit = kit_start(MODEL("--admin", "0", "--shutdown-delay", "600s"));
    int before = kit_connect(&kit), after;

    say_hello(before);
    kit_signal(&kit, SIGTERM);
    wait_lame_duck(&kit);
    http_body(kit_admin_port(&kit), "/livez", 200);
    say_hello(before);
    close(before);
    kit_wait_in_flight(&kit, 0);
    after = kit_connect(&kit);
    say_hello(after);
    kit_signal(&kit, SIGTERM);
    expect_rest(after, "", 0);
    expect_tally(kit_wait_end(&kit, 0, NULL, "not ready, and accepting for another 600.000 s"), 2,
                 0, 0);
}

/* The delay passes without a second signal. */
LOOP_TEST(a_delay_passes, MODELS)
{
    struct kit kit = kit_start(MODEL("--shutdown-delay", "20ms"));

    say_goodbye(kit_connect(&kit));
    kit_wait_in_flight(&kit, 0);
    kit_signal(&kit, SIGTERM);
    expect_tally(kit_wait_end(&kit, 0, NULL, "not ready, and accepting for another 0.020 s"), 1, 0,
                 0);
}

/* The second signal ends the delay, and only the third one the server. */
TEST(a_third_signal_ends_at_once)
{
    struct kit kit = kit_start(ARGUMENTS("--admin", "0", "--shutdown-delay", "600s", "--delay",
                                         "600s", "--drain-timeout", "600s"));
    int fd = kit_connect(&kit);

    tcp_send(fd, "hello", 5);
    kit_wait_in_flight(&kit, 1);
    kit_signal(&kit, SIGTERM);
    wait_lame_duck(&kit);
    kit_signal(&kit, SIGTERM);
    wait_until(is_refused, &kit);
    kit_signal(&kit, SIGTERM);
    kit_wait_end(&kit, 1, "at once by another signal", NULL);
    close(fd);
}

CASE("Signals")

LOOP_TEST(a_second_signal_ends_at_once, MODELS)
{
    if (tested_models[_i].stalls_the_loop)
        return; /* so that it does not even see the first one */
    struct kit kit =
        kit_start(MODEL("--workers", "1", "--delay", "600s", "--drain-timeout", "600s"));
    int fd = kit_connect(&kit);
    struct outcome outcome;
    char bytes[16];
    bool reset;

    tcp_send(fd, "hello", 5);
    kit_wait_in_flight(&kit, 1);
    kit_signal(&kit, SIGTERM);
    wait_until(is_refused, &kit);
    kit_signal(&kit, SIGTERM);
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_msg(strstr(outcome.err, "at once by another signal") != NULL, "said: %s",
                  outcome.err);
    /* A process that served has ended as well: none holds the connection open. */
    ck_assert_uint_eq(tcp_receive_all(fd, bytes, sizeof bytes, &reset), 0);
    close(fd);
}

static bool is_zombie(void *pid)
{
    char state = '\0';
    FILE *file = fopen(suite_text("/proc/%d/stat", (int)*(const pid_t *)pid), "re");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
    fclose(file);
    return state == 'Z';
}

/* The last session has ended, and a process does not end: a tracer holds it, as a frozen cgroup does. */
TEST(a_second_signal_ends_the_end)
{
    struct kit kit = kit_start(ARGUMENTS("--model", "process-pool", "--workers", "1"));
    pid_t worker, zygote;

    kit_wait_processes(&kit, &worker, 1);
    zygote = process_parent(worker);
    if (ptrace(PTRACE_SEIZE, zygote, NULL, NULL) != 0) { /* it is forbidden here */
        kit_finish(&kit, true, NULL);
        return;
    }
    ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, zygote, NULL, NULL), 0);
    ck_assert_int_eq(waitpid(zygote, NULL, __WALL), zygote);
    kit_signal(&kit, SIGTERM);
    wait_until(is_zombie, &worker);
    kit_signal(&kit, SIGTERM);
    wait_until(is_zombie, &kit.program.pid);
    ck_assert_int_eq(ptrace(PTRACE_DETACH, zygote, NULL, NULL), 0); /* it has the pipes, too */
    kit_wait_end(&kit, 1, "at once by another signal", NULL);
}

/* Signals by the hundred land on the loop's thread and disturb no echo. */
LOOP_TEST(a_storm_of_signals, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "4"));
    int fd = kit_connect(&kit);

    for (int i = 0; i < 300; i++) {
        kit_signal(&kit, i % 3 == 0 ? SIGUSR1 : SIGPIPE);
        say_hello(fd);
    }
    close(fd);
    expect_tally(kit_finish(&kit, true, NULL), 1, 0, 0);
}
