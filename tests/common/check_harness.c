/* SPDX-License-Identifier: MIT */
/*
 * The harness itself: a harness that lies makes every other test worthless.
 *
 * The programs here are shell scripts in a build tree made up for the test.
 */
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_BYTES (8u << 20)

static char *tree;

/* The suite that a test below starts has no folder of its own: it finds that of this one in TMPDIR. */
static void make_tree(void)
{
    tree = suite_text("%s/XXXXXX", getenv("TMPDIR"));
    ck_assert_ptr_nonnull(mkdtemp(tree));
    ck_assert_int_eq(setenv("TOP_BUILDDIR", tree, 1), 0);
}

static void remove_tree(void)
{
    static const char *const names[] = {"echo-server", "echo-client"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = suite_text("%s/%s", tree, names[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(tree), 0);
}

static void make_program(const char *name, const char *script)
{
    FILE *file;
    const char *path = suite_text("%s/%s", tree, name);

    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, 0755), 0);
}

static struct outcome run_client(const char *script, const char *input)
{
    make_program("echo-client", script);
    return program_run((const char *const[]){"echo-client", "-n", "50", NULL}, input);
}

CASE_WITH("Programs", make_tree, remove_tree)

TEST(a_program_runs_to_its_end)
{
    struct outcome outcome = run_client("echo \"$#:$1:$2\"; cat; echo oops >&2; exit 3", "in\nput");

    outcome_expect(&outcome, 3, "2:-n:50\nin\nput", "oops\n");
    outcome = run_client("cat", NULL);
    outcome_expect(&outcome, 0, "", "");
}

TEST(a_signal_is_128_and_its_number)
{
    struct outcome outcome = run_client("kill -KILL $$", NULL);

    ck_assert_int_eq(outcome.status, 128 + SIGKILL);
}

/* Each pipe is filled far beyond its size while the other is silent, in both orders. */
TEST(a_chatty_program_does_not_block)
{
    struct outcome outcome = run_client("head -c 3000000 /dev/zero | tr '\\0' x >&2\n"
                                        "head -c 3000000 /dev/zero | tr '\\0' y\n"
                                        "head -c 3000000 /dev/zero | tr '\\0' z >&2",
                                        NULL);

    ck_assert_int_eq(outcome.status, 0);
    ck_assert_uint_eq(strlen(outcome.out), 3000000);
    ck_assert_uint_eq(strlen(outcome.err), 6000000);
    ck_assert_uint_eq(strspn(outcome.err, "x"), 3000000);
}

TEST(a_long_input_is_given_whole)
{
    char *input = malloc(LONG_BYTES + 1);
    struct outcome outcome;

    memset(input, 'i', LONG_BYTES);
    input[LONG_BYTES] = '\0';
    outcome = run_client("wc -c", input);
    ck_assert_int_eq(atoi(outcome.out), (int)LONG_BYTES);
    outcome = run_client("exit 0", input); /* one that does not read it */
    ck_assert_int_eq(outcome.status, 0);
    free(input);
}

TEST(a_program_gets_clean_signals)
{
    const uint64_t usual = 0x7fffffff; /* 1 to 31; libc keeps 32 and 33 for itself */
    struct outcome outcome;
    uint64_t blocked, ignored;
    sigset_t all;

    sigfillset(&all);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &all, NULL), 0);
    ck_assert(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    outcome = run_client("grep -E '^Sig(Blk|Ign)' /proc/self/status", NULL);
    ck_assert_int_eq(
        sscanf(outcome.out, "SigBlk: %" SCNx64 " SigIgn: %" SCNx64, &blocked, &ignored), 2);
    ck_assert_uint_eq(blocked & usual, 0);
    ck_assert_uint_eq(ignored & usual, 0);
}

TEST(programs_inherit_nothing_of_each_other)
{
    const char *const count[] = {"echo-client", NULL};
    struct outcome alone, second;
    struct program other;

    make_program("echo-client", "[ \"$1\" = sleep ] && exec sleep 1000; ls /proc/self/fd | wc -l");
    alone = program_run(count, NULL);
    other = program_start((const char *const[]){"echo-client", "sleep", NULL});
    second = program_run(count, NULL);
    ck_assert_str_eq(alone.out, second.out);
    second = program_stop(&other);
}

START_TEST(a_program_that_is_not_there_fails_the_test)
{
    program_start((const char *const[]){"echo-client", NULL});
}

CASE_WITH("Servers", make_tree, remove_tree)

TEST(a_server_tells_its_port_and_stops)
{
    struct outcome outcome;
    struct program server;

    make_program("echo-server",
                 "trap 'echo stopped; exit 0' TERM\n"
                 "head -c 200000 /dev/zero | tr '\\0' e >&2\n"
                 "printf 'listening on 127.0.0.1:40123\\nmodel: %s\\n' \"$*\"\n" /* one write */
                 "while :; do sleep 0.01; done");
    server = server_start((const char *const[]){"--workers", "4", NULL});
    ck_assert_uint_eq(server.port, 40123);
    ck_assert_str_eq(server.address, "127.0.0.1:40123");
    outcome = program_stop(&server);
    outcome_expect(&outcome, 0,
                   "listening on 127.0.0.1:40123\n"
                   "model: --port 0 --workers 4\nstopped\n",
                   NULL);
    ck_assert_uint_eq(strlen(outcome.err), 200000);
}

TEST(a_server_on_ipv6)
{
    struct program server;

    make_program("echo-server", "echo \"listening on [::1]:7\"");
    server = server_start(NULL);
    ck_assert_uint_eq(server.port, 7);
    ck_assert_str_eq(server.address, "[::1]:7");
    program_wait(&server);
}

static const char *const bad_servers[] = {
    "echo cannot listen >&2; exit 1", "echo hello; exec sleep 100",
    "echo listening on 127.0.0.1; exec sleep 100", "echo listening on 127.0.0.1:0; exec sleep 100",
    "printf 'listening on 127.0.0.1:80'"};

START_TEST(a_server_that_does_not_listen_fails_the_test)
{
    make_program("echo-server", bad_servers[_i]);
    server_start(NULL);
}

TEST(error_text_is_waited_for_and_kept)
{
    struct outcome outcome;
    struct program program;

    make_program("echo-client", "echo first >&2; echo out; printf sec >&2; sleep 0.01\n"
                                "echo ond >&2; read line </dev/null; exec sleep 100");
    program = program_start((const char *const[]){"echo-client", NULL});
    wait_for_error_text(&program, "second\n");
    wait_for_error_text(&program, "first"); /* said before, not forgotten */
    outcome = program_stop(&program);
    outcome_expect(&outcome, 128 + SIGTERM, "out\n", "first\nsecond\n");
}

START_TEST(error_text_that_never_comes_fails_the_test)
{
    struct program program;

    make_program("echo-client", "echo something else >&2");
    program = program_start((const char *const[]){"echo-client", NULL});
    wait_for_error_text(&program, "second");
}

CASE_WITH("What dies with what", make_tree, remove_tree)

static bool is_gone(void *context)
{
    return kill(*(pid_t *)context, 0) != 0 && errno == ESRCH;
}

TEST(a_program_dies_with_its_test)
{
    int pid_pipe[2];
    pid_t test, program;

    make_program("echo-client", "exec sleep 1000");
    ck_assert_int_eq(pipe(pid_pipe), 0);
    test = fork();
    if (test == 0) { /* what a test is when its time limit strikes */
        struct program started = program_start((const char *const[]){"echo-client", NULL});
        (void)!write(pid_pipe[1], &started.pid, sizeof started.pid);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(pid_pipe[0], &program, sizeof program), sizeof program);
    ck_assert_int_eq(kill(program, 0), 0);
    ck_assert_int_eq(kill(test, SIGKILL), 0);
    ck_assert_int_eq(waitpid(test, NULL, 0), test);
    wait_until(is_gone, &program);
}

CASE("Sockets")

/* An echo server in a thread: one session, upper-casing if told so, gone wrong if told so. */
struct echoer {
    pthread_t thread;
    int listener;
    uint16_t port;
    bool upper;
    size_t flip; /* this byte of the stream comes back wrong; 0: none does */
};

static void *serve_one(void *context)
{
    struct echoer *echoer = context;
    int fd = accept(echoer->listener, NULL, NULL);
    unsigned char bytes[5000];
    size_t before = 0;
    ssize_t got;

    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        for (size_t i = 0; i < (size_t)got; i++) {
            if (echoer->upper && bytes[i] >= 'a' && bytes[i] <= 'z')
                bytes[i] = (unsigned char)(bytes[i] - 32);
            if (before + i == echoer->flip && echoer->flip != 0)
                bytes[i] ^= 1;
        }
        before += (size_t)got;
        tcp_send(fd, bytes, (size_t)got);
    }
    close(fd);
    return NULL;
}

static struct echoer echoer;

static int echoer_start(bool upper, size_t flip)
{
    echoer = (struct echoer){.upper = upper, .flip = flip};
    echoer.listener = tcp_listen(&echoer.port);
    echoer.thread = thread_start(serve_one, &echoer);
    return tcp_connect(echoer.port);
}

LOOP_TEST(long_echoes_do_not_lock_up, 2)
{
    unsigned char *bytes = malloc(4 * LONG_BYTES);
    int fd = echoer_start(_i == 1, 0);

    for (size_t i = 0; i < 4 * LONG_BYTES; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    tcp_echo(fd, "x", 1, _i == 1);
    tcp_echo(fd, bytes, 0, _i == 1);
    tcp_echo(fd, bytes, 4 * LONG_BYTES, _i == 1);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    thread_join(echoer.thread);
    close(fd);
    close(echoer.listener);
    free(bytes);
}

START_TEST(one_wrong_byte_fails_the_test)
{
    char bytes[10000] = {0};
    int fd = echoer_start(false, 7777);

    tcp_echo(fd, bytes, sizeof bytes, false);
}

START_TEST(upper_is_not_none_fails_the_test)
{
    int fd = echoer_start(false, 0);

    tcp_echo(fd, "text", 4, true);
}

TEST(end_of_file_differs_from_a_reset)
{
    for (int with_reset = 0; with_reset < 2; with_reset++) {
        char bytes[10];
        uint16_t port;
        bool reset = !with_reset;
        int listener = tcp_listen(&port);
        int fd = tcp_connect(port);
        int peer = accept(listener, NULL, NULL);
        tcp_send(peer, "0123456789", 10);
        tcp_receive(fd, bytes, 5);
        ck_assert_mem_eq(bytes, "01234", 5);
        if (with_reset) {
            tcp_receive(fd, bytes, 5);
            tcp_reset(peer);
            ck_assert_uint_eq(tcp_receive_all(fd, bytes, 10, &reset), 0);
        } else {
            close(peer);
            ck_assert_uint_eq(tcp_receive_all(fd, bytes, 5, &reset), 5);
            ck_assert_mem_eq(bytes, "56789", 5);
        }
        ck_assert(reset == with_reset);
        close(fd);
        close(listener);
    }
}

START_TEST(an_early_end_fails_the_test)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    int fd = tcp_connect(port);
    int peer = accept(listener, NULL, NULL);
    char bytes[10];

    tcp_send(peer, "12345", 5);
    close(peer);
    tcp_receive(fd, bytes, 6);
}

START_TEST(more_than_expected_fails_the_test)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    int fd = tcp_connect(port);
    int peer = accept(listener, NULL, NULL);
    char bytes[10];
    bool reset;

    tcp_send(peer, "12345", 5);
    close(peer);
    tcp_receive_all(fd, bytes, 4, &reset);
}

/* Whether a server could listen on a port. @param tells  it says that it wants this very port, as ours do */
static bool can_listen(uint16_t port, bool tells)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool can;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){tells}, sizeof(int)), 0);
    can = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
    close(fd);
    return can;
}

/* The kernel gives it to no program that asks for any port: such a program would be a server after all. */
TEST(an_unused_port_stays_unused)
{
    uint16_t port = tcp_unused_port();

    ck_assert(!can_listen(port, false));
    ck_assert(can_listen(port, true));
}

CASE_WITH("Looking at processes", make_tree, remove_tree)

static pthread_barrier_t both;

static void *meet_twice(void *context)
{
    pthread_barrier_wait(&both);
    pthread_barrier_wait(&both);
    return context;
}

TEST(threads_and_descriptors_are_counted)
{
    unsigned threads = process_threads(getpid());
    unsigned descriptors = process_descriptors(getpid());
    pthread_t thread;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ck_assert_uint_ge(threads, 1);
    ck_assert_uint_eq(process_descriptors(getpid()), descriptors + 1);
    close(fd);
    wait_for_descriptors(getpid(), descriptors);

    ck_assert_int_eq(pthread_barrier_init(&both, NULL, 2), 0);
    thread = thread_start(meet_twice, NULL);
    pthread_barrier_wait(&both);
    ck_assert_uint_ge(process_threads(getpid()), threads + 1);
    pthread_barrier_wait(&both);
    thread_join(thread);
    pthread_barrier_destroy(&both);
}

TEST(cpu_time_is_that_of_the_process)
{
    struct program program;
    struct rusage usage;
    int64_t before, waited;

    make_program("echo-client", "while :; do :; done");
    program = program_start((const char *const[]){"echo-client", NULL});
    ck_assert_uint_eq(process_threads(program.pid), 1);
    before = process_cpu_ns(program.pid);
    while (process_cpu_ns(program.pid) < before + 20000000) /* it runs, so its clock does */
        sched_yield();
    waited = process_cpu_ns(program.pid);
    program_stop(&program);
    ck_assert_int_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
    /* rusage is rounded to the microsecond, for user and system time each */
    ck_assert_int_le(waited, ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
                                 (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + 2) * 1000);
}

CASE("Failures")

TEST(whatever_is_wrong_fails_the_test)
{
    struct outcome outcome;

    ck_assert_int_eq(setenv("TOP_BUILDDIR", "/proc/self", 1), 0); /* .../exe is this program */
    outcome = program_run((const char *const[]){"exe", "failures", NULL}, NULL);
    ck_assert_msg(outcome.status == 0, "%s%s", outcome.out, outcome.err);
}

/*
 * The tests named ..._fails_the_test have to. They are a suite of their own, which this program
 * runs when it is started with an argument. @return an exit status: 0 where every one failed
 */
static int run_failures(void)
{
    Suite *suite = suite_create("failures");
    TCase *failures = tcase_create("Failures");
    SRunner *runner = srunner_create(suite);
    TestResult **results;
    int status = EXIT_SUCCESS;

    suite_add_tcase(suite, failures);
    tcase_add_unchecked_fixture(failures, make_tree, remove_tree);
    tcase_add_test(failures, a_program_that_is_not_there_fails_the_test);
    tcase_add_loop_test(failures, a_server_that_does_not_listen_fails_the_test, 0,
                        COUNT_OF(bad_servers));
    tcase_add_test(failures, error_text_that_never_comes_fails_the_test);
    tcase_add_test(failures, one_wrong_byte_fails_the_test);
    tcase_add_test(failures, upper_is_not_none_fails_the_test);
    tcase_add_test(failures, an_early_end_fails_the_test);
    tcase_add_test(failures, more_than_expected_fails_the_test);
    /* Not one tree per test: a test that fails does not come as far as its teardown. */
    unsetenv("CK_TAP_LOG_FILE_NAME");
    srunner_run_all(runner, CK_SILENT);
    results = srunner_results(runner);
    for (int i = 0; i < srunner_ntests_run(runner); i++) {
        printf("%s: %s\n", tr_tcname(results[i]), tr_msg(results[i]));
        if (tr_rtype(results[i]) != CK_FAILURE)
            status = EXIT_FAILURE;
    }
    if (srunner_ntests_run(runner) != 6 + (int)COUNT_OF(bad_servers))
        status = EXIT_FAILURE;
    free(results);
    srunner_free(runner);
    return status;
}

int main(int argc, char *argv[])
{
    (void)argv;
    return argc > 1 ? run_failures() : suite_run();
}

CASE("Files")

/* Leave a folder with a file in it, and fail. Runs in the suite that the test below starts. */
static void leave(const char *note)
{
    char *left = suite_template();

    ck_assert_ptr_nonnull(mkdtemp(left));
    const char *command =
        suite_text("echo left >'%s/file'; printf %%s '%s' >'%s'", left, left, note);
    ck_assert_int_eq(system(command), 0);
    ck_abort_msg("on purpose");
}

TEST(what_a_test_leaves_is_removed)
{
    char *note = suite_template();
    char left[64] = "";
    FILE *file;

    if (getenv("NOTE") != NULL)
        leave(getenv("NOTE"));
    const char *command =
        suite_text("env -u CK_TAP_LOG_FILE_NAME CK_RUN_CASE=Files NOTE='%s' /proc/%d/exe >'%s.out'",
                   note, (int)getpid(), note);
    ck_assert_int_ne(system(command), 0);
    file = fopen(note, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(left, sizeof left, file));
    fclose(file);
    ck_assert_int_eq(access(left, F_OK), -1);
    *strrchr(left, '/') = '\0';
    ck_assert_int_eq(access(left, F_OK), -1);
    ck_assert_str_ne(left, getenv("TMPDIR"));
}

CASE("What hangs")

/* The suite that this starts has a limit of a second, for a test that would never end. */
TEST(what_hangs_is_shown)
{
    char *said = suite_template();

    while (getenv("HANGS") != NULL)
        pause();
    const char *command =
        suite_text("env -u CK_TAP_LOG_FILE_NAME CK_RUN_CASE='What hangs' HANGS=yes "
                   "CK_DEFAULT_TIMEOUT=1 /proc/%d/exe >'%s'",
                   (int)getpid(), said);
    ck_assert_int_ne(system(command), 0);
    command = suite_text("grep -q '^# a test hangs: process [0-9]*: /proc/' '%s' && "
                         "grep -q '^# .*: [A-Z] in .*, system call' '%s' || ! cat '%s'",
                         said, said, said);
    ck_assert_int_eq(system(command), 0);
}
