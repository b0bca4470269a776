/* SPDX-License-Identifier: MIT */
/*
 * The real server and faults that belong to no module of its own: many bytes, many clients, clients
 * that are gone before they are accepted, signals of every kind, an output that takes nothing, a
 * system that gives nothing. docs/faults.md has the whole list, and which test holds what.
 *
 * To have something happen before the server sees it, a test stops the server (SIGSTOP) instead of
 * being faster than it.
 */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Stop the server's process, all of its threads, and return when they stand still. */
static void freeze(const struct kit *kit)
{
    siginfo_t stopped;

    kit_signal(kit, SIGSTOP);
    ck_assert_int_eq(waitid(P_PID, (id_t)kit->program.pid, &stopped, WSTOPPED | WNOWAIT), 0);
}

static void thaw(const struct kit *kit)
{
    kit_signal(kit, SIGCONT);
}

/* --- memory -------------------------------------------------------------------------------- */

enum { MEBIBYTE = 1 << 20, PROCESSES_MAX = 16 };

#ifndef EP_SANITIZED
/* What a process has in RAM; 0 where it has ended. */
static size_t resident_bytes(pid_t pid)
{
    size_t pages = 0;
    FILE *file;
    const char *path = suite_text("/proc/%d/statm", (int)pid);

    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %zu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The same of the server and of all processes that serve for it. */
static size_t family_resident_bytes(const struct kit *kit)
{
    pid_t pids[PROCESSES_MAX];
    unsigned count = kit_processes(kit, pids, PROCESSES_MAX);
    size_t sum = resident_bytes(kit->program.pid);

    for (unsigned i = 0; i < count; i++)
        sum += resident_bytes(pids[i]);
    return sum;
}
#else
/* A sanitizer remembers what was freed: there is nothing to measure. */
static size_t family_resident_bytes(const struct kit *kit)
{
    (void)kit;
    return 0;
}
#endif

/* The kernel counts pages in batches, so a mebibyte may come and go by itself. */
static void expect_no_growth(const struct kit *kit, size_t before)
{
    size_t after = family_resident_bytes(kit);

    ck_assert_msg(after <= before + 4 * (size_t)MEBIBYTE, "%zu bytes grew to %zu", before, after);
}

CASE("Many bytes")

/* A block whose size is prime, so that it meets every buffer at another place each time. */
enum { BLOCK = 999983, STREAM_BYTES = 64 * MEBIBYTE };

struct sender {
    int fd;
    const unsigned char *block;
};

static void *send_stream(void *argument)
{
    const struct sender *sender = argument;

    for (size_t sent = 0; sent < STREAM_BYTES; sent += BLOCK) {
        size_t left = STREAM_BYTES - sent;
        tcp_send(sender->fd, sender->block, left < BLOCK ? left : BLOCK);
    }
    return NULL;
}

/* Bytes by the tens of mebibytes come back as they were, and nothing of them stays in memory. */
LOOP_TEST(a_long_stream, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "2", "--buffer", "64K", "--transform", "none"));
    unsigned char *received = suite_memory(BLOCK);
    struct sender sender = {.fd = kit_connect(&kit), .block = some_bytes(BLOCK, 23)};
    size_t before = 0;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, send_stream, &sender), 0);
    for (size_t got = 0; got < STREAM_BYTES; got += BLOCK) {
        size_t size = STREAM_BYTES - got < BLOCK ? STREAM_BYTES - got : BLOCK;
        tcp_receive(sender.fd, received, size);
        ck_assert_mem_eq(received, sender.block, size);
        if (got == 4 * (size_t)BLOCK)
            before = family_resident_bytes(&kit); /* its buffers are there by now */
    }
    expect_no_growth(&kit, before); /* the session is still open, and its process here */
    shutdown(sender.fd, SHUT_WR);
    expect_rest(sender.fd, "", 0);
    pthread_join(thread, NULL);
    free((void *)(uintptr_t)sender.block);
    ck_assert_uint_eq(kit_finish(&kit, false, NULL).served, 1);
}

CASE("Many clients")

/* One after the other: no descriptor, no thread (kit_finish looks for both), no memory is left. */
LOOP_TEST(a_thousand_short_sessions, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "2"));
    unsigned sessions = strcmp(tested_models[_i].model, "fork") == 0 ? 300 : 1000;
    size_t before = 0;

    for (unsigned i = 0; i < sessions; i++) {
        int fd = kit_connect(&kit);
        say_goodbye(fd);
        if (i == sessions / 3) {
            kit_wait_in_flight(&kit, 0);
            before = family_resident_bytes(&kit);
        }
    }
    kit_wait_in_flight(&kit, 0);
    expect_no_growth(&kit, before);
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, sessions);
}

enum { BURST = 1000 };

static void allow_descriptors(rlim_t wanted)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < wanted)
        limit.rlim_cur = wanted;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/*
 * A thousand connect and speak before anybody looks at what comes. Each is served or refused, and
 * what the server counts is what the clients have seen. A refused one gets BUSY unless more
 * others linger that its place was needed.
 */
LOOP_TEST(a_burst_adds_up, MODELS)
{
    struct kit kit =
        kit_start(MODEL("--workers", "3", "--queue", QUEUE("5"), "--max-sessions", "8", "--on-full",
                        tested_models[_i].workers_accept ? "pause" : "reject"));
    uint64_t served = 0;
    struct tally tally;
    int fds[BURST];

    allow_descriptors(BURST + 100);
    for (int i = 0; i < BURST; i++) {
        fds[i] = kit_connect(&kit);
        (void)!send(fds[i], "hello", 5, MSG_NOSIGNAL);
        shutdown(fds[i], SHUT_WR);
    }
    for (int i = 0; i < BURST; i++) {
        char reply[200] = "";
        bool reset;
        size_t size = tcp_receive_all(fds[i], reply, sizeof reply - 1, &reset);
        close(fds[i]);
        if (strcmp(reply, "HELLO") == 0 && !reset)
            served++;
        else
            ck_assert_msg(size == 0 || strncmp(reply, "BUSY ", 5) == 0, "received %s", reply);
    }
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.accepted, BURST);
    ck_assert_uint_eq(tally.served, served);
    ck_assert_uint_eq(tally.rejected, BURST - served);
    ck_assert_uint_ge(served, 1);
}

/* Clients whose connection the kernel has made, and who are gone when the server gets to them. */
LOOP_TEST(gone_before_being_accepted, MODELS)
{
    enum { GONE = 20 };
    struct kit kit = kit_start(MODEL("--workers", "2"));
    struct tally tally;

    freeze(&kit);
    for (int i = 0; i < GONE; i++) {
        int fd = kit_connect(&kit);
        if (i % 2 == 0)
            tcp_send(fd, "hello", 5);
        tcp_reset(fd);
    }
    thaw(&kit);
    do
        tally = kit_ask(&kit);
    while (tally.accepted < GONE);
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.accepted, GONE);
    ck_assert_uint_eq(tally.failed, GONE);
}

CASE("Signals")

/* What a service manager, a terminal or a child may send, while a client is being served. */
LOOP_TEST(signals_of_every_kind, MODELS)
{
    static const int numbers[] = {SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE, SIGWINCH, SIGURG, SIGCONT};
    enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
    struct kit kit = kit_start(MODEL("--workers", "2"));
    int fd = kit_connect(&kit);

    for (int i = 0; i < 40 * NUMBERS; i++) {
        kit_signal(&kit, numbers[i % NUMBERS]);
        if (i % NUMBERS == 0)
            say_hello(fd);
    }
    close(fd);
    ck_assert_uint_eq(kit_finish(&kit, true, "nothing to reload").served, 1);
}

/* Signals work as always if the parent of the server has left them blocked. */
LOOP_TEST(a_parent_that_blocks_signals, MODELS)
{
    struct kit kit;

    program_deafen();
    kit = kit_start(MODEL("--workers", "2"));
    say_goodbye(kit_connect(&kit));
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 1);
}

/* One mask of signals of a thread, as /proc has it. */
static uint64_t signal_mask(pid_t pid, const char *thread, const char *name)
{
    unsigned long mask = 0;
    bool found = false;
    char line[256];
    FILE *file;
    const char *path = suite_text("/proc/%d/task/%s/status", (int)pid, thread);

    file = fopen(path, "re");
    if (file == NULL)
        return UINT64_MAX; /* it has ended: it takes no signal any more */
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = strncmp(line, name, strlen(name)) == 0 &&
                sscanf(line + strlen(name), ":%lx", &mask) == 1;
    fclose(file);
    return found ? mask : UINT64_MAX;
}

/* The loop's thread, and what it should listen to. */
struct listener_thread {
    pid_t pid;
    const char *thread;
    uint64_t handled;
};

static bool blocks_nothing(void *context)
{
    const struct listener_thread *loop = context;

    return (signal_mask(loop->pid, loop->thread, "SigBlk") & loop->handled) == 0;
}

/* Every thread but the loop's blocks what has a handler: so no handler runs in a worker. */
LOOP_TEST(signals_are_the_loops, MODELS)
{
    static const int numbers[] = {SIGHUP, SIGUSR1, SIGINT, SIGTERM, SIGTTIN, SIGTTOU};
    struct kit kit = kit_start(MODEL("--workers", "2", "--print", "line"));
    int fd = kit_connect(&kit);
    uint64_t handled = 0;
    char loop[16], path[64];
    DIR *threads;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        handled |= UINT64_C(1) << (numbers[i] - 1);
    say_hello(fd);
    snprintf(loop, sizeof loop, "%d", (int)kit.program.pid);
    ck_assert_uint_eq(signal_mask(kit.program.pid, loop, "SigCgt") & handled, handled);
    /* It blocks them for a moment while it makes a thread or a process. */
    wait_until(blocks_nothing, &(struct listener_thread){kit.program.pid, loop, handled});
    snprintf(path, sizeof path, "/proc/%d/task", (int)kit.program.pid);
    threads = opendir(path);
    ck_assert_ptr_nonnull(threads);
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, loop) != 0)
            ck_assert_uint_eq(signal_mask(kit.program.pid, entry->d_name, "SigBlk") & handled,
                              handled);
    closedir(threads);
    close(fd);
    kit_wait_in_flight(&kit, 0);
    ck_assert_int_eq(kill(kit.program.pid, SIGTERM), 0);
    struct outcome outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
}

CASE("An output that takes nothing")

/*
 * The reader of standard output, and of standard error, has gone: every line is an EPIPE, and no
 * client notices.
 */
LOOP_TEST(an_output_without_a_reader, MODELS)
{
    struct program server = server_start(MODEL("--workers", "2", "--print", "full"));
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct outcome outcome;
    int fd;

    /* What the harness reads from now on ends at once, and the pipes have lost their readers. */
    ck_assert_int_eq(dup3(nothing, server.out, O_CLOEXEC), server.out);
    ck_assert_int_eq(dup3(nothing, server.err, O_CLOEXEC), server.err);
    close(nothing);
    fd = connect_to(server.address);
    for (int i = 0; i < 50; i++) {
        say_hello(fd);
        ck_assert_int_eq(kill(server.pid, SIGUSR1), 0);
        ck_assert_int_eq(kill(server.pid, SIGHUP), 0); /* warns, on standard error */
    }
    close(fd);
    fd = connect_to(server.address);
    say_goodbye(fd);
    outcome = program_stop(&server);
    ck_assert_msg(outcome.status == 0, "it ended with status %d", outcome.status);
}

static bool can_connect(void *context)
{
    const struct sockaddr_un *address = context;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address->sun_path + 1));
    bool connected = connect(fd, (const struct sockaddr *)address, size) == 0;

    close(fd);
    return connected;
}

/* In a process of its own: become a server whose standard output and error go to a full disk. */
static _Noreturn void become_a_server_on_a_full_disk(const char *host, const char *model,
                                                     const char *hold)
{
    int full = open("/dev/full", O_WRONLY);
    const char *path = suite_text("%s/echo-server", build_folder());

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (full >= 0 && dup2(full, STDOUT_FILENO) >= 0 && dup2(full, STDERR_FILENO) >= 0)
        execl(path, "echo-server", "--host", host, "--model", model, "--hold", hold, "--print",
              "full", (char *)NULL);
    _exit(127);
}

/* In a process of its own: become a server in the background of a terminal with `stty tostop`. */
static _Noreturn void become_a_server_in_the_background(const char *terminal, const char *host,
                                                        int _i)
{
    struct termios settings;
    char path[4096];
    int slave;

    setsid();
    slave = open(terminal, O_RDWR); /* which becomes the controlling terminal */
    if (slave < 0 || tcgetattr(slave, &settings) != 0)
        _exit(127);
    settings.c_lflag |= TOSTOP;
    tcsetattr(slave, TCSANOW, &settings);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fork() > 0) { /* stays, so that the group of the server has a parent in its session */
        int status = 1;
        wait(&status);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Until the server handles it, it would stop the server. */
    signal(SIGTTOU, SIG_IGN);
    snprintf(path, sizeof path, "%s/echo-server", build_folder());
    if (dup2(slave, STDOUT_FILENO) >= 0 && dup2(slave, STDERR_FILENO) >= 0)
        execl(path, "echo-server", "--host", host, "--model", tested_models[_i].model, "--hold",
              tested_models[_i].hold, "--verbose", (char *)NULL);
    _exit(127);
}

/* Such a terminal takes what the server writes, and SIGTERM ends it. */
LOOP_TEST(a_terminal_that_stops_the_background, MODELS)
{
    const char *host = suite_text("unix:@check_server_faults_tty.%d", (int)getpid());
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char text[8192];
    size_t size = 0;
    int status;
    pid_t pid;

    if (master < 0) {
        dprintf(STDOUT_FILENO, "# skipped: there are no pseudo-terminals\n");
        return;
    }
    ck_assert_int_eq(grantpt(master) | unlockpt(master), 0);
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", host + strlen("unix:@"));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        become_a_server_in_the_background(ptsname(master), host, _i);
    wait_until(can_connect, &address);
    int fd = connect_to(host);
    say_goodbye(fd);
    struct kit kit = {.program.pid = pid};
    pid_t server;
    kit_wait_processes(&kit, &server, 1);
    ck_assert_int_eq(kill(server, SIGUSR1), 0);
    ck_assert_int_eq(kill(server, SIGTERM), 0);
    for (ssize_t got; (got = read(master, text + size, sizeof text - 1 - size)) > 0;)
        size += (size_t)got;
    text[size] = '\0';
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ended with %x: %s",
                  (unsigned)status, text);
    ck_assert_msg(strstr(text, "peak: ") != NULL, "it wrote: %s", text);
    close(master);
}

/* Even its first line finds no room; it cannot be asked for its port, so it has a name instead. */
LOOP_TEST(an_output_without_room, MODELS)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status;
    pid_t pid;
    const char *host = suite_text("unix:@check_server_faults.%d", (int)getpid());

    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", host + strlen("unix:@"));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        become_a_server_on_a_full_disk(host, tested_models[_i].model, tested_models[_i].hold);
    wait_until(can_connect, &address);
    for (int i = 0; i < 50; i++) {
        int fd = connect_to(host);
        say_goodbye(fd);
        ck_assert_int_eq(kill(pid, i % 2 == 0 ? SIGUSR1 : SIGTTIN), 0);
    }
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ended with %x",
                  (unsigned)status);
}

CASE("A system that gives nothing")

#ifndef EP_SANITIZED /* a sanitizer needs some itself before the server is asked */

/* Run a server that is allowed so few descriptors that it cannot begin. */
static struct outcome start_with_descriptors(unsigned few)
{
    struct outcome outcome = {.out = NULL};
    size_t room = 0;
    FILE *pipe;

    /* The shell redirects first, as it needs descriptors for that; what this test has open is not passed. */
    const char *line = suite_text(
        "exec 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n %u; exec '%s/echo-server' "
        "--model %s --port 0",
        few, build_folder(), tested_models[0].model);
    pipe = popen(line, "re");
    ck_assert_ptr_nonnull(pipe);
    ck_assert_int_gt(getdelim(&outcome.out, &room, '\0', pipe), 0);
    outcome.status = WEXITSTATUS(pclose(pipe));
    return outcome;
}

/* The sentence with the number that is needed comes before whatever fails for want of it. */
RANGE_TEST(descriptors_for_next_to_nothing, 4, 7)
{
    struct outcome outcome = start_with_descriptors((unsigned)_i);
    const char *expected = suite_text(
        "echo-server: up to 17 descriptors may be needed and %d are allowed: raise the limit "
        "(ulimit -n 17)",
        _i);

    ck_assert_int_eq(outcome.status, 1);
    ck_assert_msg(strncmp(outcome.out, expected, strlen(expected)) == 0, "said: %s", outcome.out);
    ck_assert_ptr_null(strstr(outcome.out, "listening on"));
    free(outcome.out);
}

#endif

/* Become a user whose number of processes is limited, as root's is not. @return false: cannot */
static bool be_somebody(void)
{

    if (geteuid() == 0)
        ck_assert_int_eq(setresuid(65534, 65534, 65534), 0); /* this process is this test's */
    const char *path = suite_text("%s/echo-server", build_folder());
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* fork() fails: that client gets BUSY, the session being served goes on, and later it works again. */
TEST(no_process_for_a_session)
{
    struct rlimit before, none;
    char line[5];

    if (!be_somebody()) {
        dprintf(STDOUT_FILENO, "# skipped: the build tree is out of another user's reach\n");
        return;
    }
    struct kit kit = kit_start(ARGUMENTS("--model", "fork"));
    int served = kit_connect(&kit);
    say_hello(served);
    ck_assert_int_eq(prlimit(kit.program.pid, RLIMIT_NPROC, NULL, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    ck_assert_int_eq(prlimit(kit.program.pid, RLIMIT_NPROC, &none, NULL), 0);
    for (int i = 0; i < 5; i++)
        expect_busy(kit_connect(&kit));
    say_hello(served);
    ck_assert_int_eq(prlimit(kit.program.pid, RLIMIT_NPROC, &before, NULL), 0);
    for (bool again = false; !again;) { /* one that comes within the back-off gets BUSY, too */
        int fd = kit_connect(&kit);
        tcp_send(fd, "hello", 5);
        tcp_receive(fd, line, 5);
        again = memcmp(line, "HELLO", 5) == 0;
        ck_assert(again || memcmp(line, "BUSY ", 5) == 0);
        close(fd);
    }
    close(served);
    struct tally tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 2);
    ck_assert_uint_ge(tally.rejected, 5);
}
