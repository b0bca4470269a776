/* SPDX-License-Identifier: MIT */
/*
 * Starts the real programs for a test: see harness.h.
 *
 * A program is forked and exec'd by hand because posix_spawn() cannot set PR_SET_PDEATHSIG. The
 * child only makes calls that are safe after a fork of a process with threads, and a pipe that
 * exec closes brings back why exec failed.
 *
 * Both of a program's output pipes are always read together: reading one to its end first would
 * hang as soon as the program fills the other.
 */
#include "tests/kit/harness.h"

#include "common/address.h"
#include "common/parse.h"
#include "common/transform.h"
#include "tests/kit/suite.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX  64
#define PASSED_MAX     4
#define HIGH           64        /* descriptors that are out of the way of those that are passed */
#define PIPE_BYTES     (1 << 20) /* the most that is allowed without privileges */
#define RECEIVE_LIMIT  50        /* seconds: a message before the time limit of the test */
#define LISTENING_TEXT "listening on "

/* Text that grows; always ended by a zero. */
struct text {
    char *bytes;
    size_t size;
};

struct said {
    struct text out;
    struct text err;
};

/* --- What programs say --------------------------------------------------------------------- */

static void text_append(struct text *text, const char *bytes, size_t size)
{
    char *grown = realloc(text->bytes, text->size + size + 1);

    ck_assert_msg(grown != NULL, "no memory for what the program says");
    if (size > 0)
        memcpy(grown + text->size, bytes, size);
    text->bytes = grown;
    text->size += size;
    text->bytes[text->size] = '\0';
}

/* Read once what is there. At end of file the descriptor is closed and becomes -1. */
static void drain(int *fd, struct text *text)
{
    char bytes[4096];
    ssize_t got = read(*fd, bytes, sizeof bytes);

    if (got < 0 && errno == EINTR)
        return;
    ck_assert_msg(got >= 0, "cannot read what the program says: %s", strerror(errno));
    if (got == 0) {
        close(*fd);
        *fd = -1;
    }
    text_append(text, bytes, (size_t)got);
}

/*
 * Wait until the program says something or closes a pipe, and keep it.
 *
 * @param timeout_ms  -1: without end
 * @return            false: both are closed, or nothing was said in time
 */
static bool listen_for(struct program *program, int timeout_ms)
{
    /* poll() ignores a descriptor of -1. */
    struct pollfd ready[] = {{.fd = program->out, .events = POLLIN},
                             {.fd = program->err, .events = POLLIN}};

    if (program->out < 0 && program->err < 0)
        return false;
    int answer = poll(ready, 2, timeout_ms);
    ck_assert_msg(answer >= 0 || errno == EINTR, "poll: %s", strerror(errno));
    if (answer == 0)
        return false;
    if (ready[0].revents != 0)
        drain(&program->out, &program->said->out);
    if (ready[1].revents != 0)
        drain(&program->err, &program->said->err);
    return true;
}

/* The same, for as long as it takes. */
static bool listen_to(struct program *program)
{
    return listen_for(program, -1);
}

/* --- Programs ------------------------------------------------------------------------------ */

const char *build_folder(void)
{
    const char *top = getenv("TOP_BUILDDIR");

    return top != NULL ? top : ".";
}

/* In the build tree, unless it is a path from the root. */
static void program_path(const char *name, char *path, size_t size)
{
    int length = name[0] == '/' ? snprintf(path, size, "%s", name)
                                : snprintf(path, size, "%s/%s", build_folder(), name);

    ck_assert_msg(length > 0 && (size_t)length < size, "the path of %s is too long", name);
}

/* What the next program is passed; see program_pass(). */
static struct {
    int fds[PASSED_MAX];
    int count;
    char pid[32]; /* a variable of the environment, which each child completes for itself */
} passed = {.pid = "LISTEN_PID="};

void program_pass(const int sockets[], int count)
{
    char text[16];

    ck_assert_int_le(count, PASSED_MAX);
    for (int i = 0; i < passed.count; i++)
        close(passed.fds[i]);
    for (int i = 0; i < count; i++) {
        passed.fds[i] = fcntl(sockets[i], F_DUPFD_CLOEXEC, HIGH);
        ck_assert_msg(passed.fds[i] >= HIGH, "cannot pass a socket: %s", strerror(errno));
    }
    passed.count = count;
    snprintf(text, sizeof text, "%d", count);
    if (count > 0) {
        setenv("LISTEN_FDS", text, 1);
        putenv(passed.pid);
    } else {
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_PID");
    }
}

void program_preload(const char *object)
{
    static int opened = -1;
    char path[4096];

    if (opened >= 0)
        close(opened);
    opened = -1;
    unsetenv("LD_PRELOAD");
    if (object == NULL)
        return;
    program_path(object, path, sizeof path);
    opened = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(opened >= 0, "cannot open %s: %s", path, strerror(errno));
    /* by its descriptor: in the path itself a blank would separate two objects */
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getpid(), opened);
    setenv("LD_PRELOAD", path, 1);
}

struct orders *program_let_fail(struct orders orders)
{
    int fd = memfd_create("orders", MFD_CLOEXEC);
    struct orders *shared;

    ck_assert(fd >= 0 && ftruncate(fd, sizeof orders) == 0);
    shared = mmap(NULL, sizeof orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(shared != MAP_FAILED);
    *shared = orders;
    atomic_store(&shared->armed, true);
    setenv(ORDERS_VARIABLE, suite_text("/proc/%d/fd/%d", getpid(), fd), 1);
    program_preload("tests/kit/.libs/shim.so");
    return shared;
}

/* In the child: put the sockets where they belong, and say whom they are for. */
static bool pass_sockets(int *failure)
{
    char *end = passed.pid + strlen("LISTEN_PID=");
    int digits = 0;

    if (passed.count == 0)
        return true;
    for (pid_t rest = getpid(); rest > 0; rest /= 10)
        digits++;
    end[digits] = '\0';
    for (pid_t rest = getpid(); rest > 0; rest /= 10)
        end[--digits] = (char)('0' + rest % 10);
    *failure = fcntl(*failure, F_DUPFD_CLOEXEC, HIGH);
    for (int i = 0; i < passed.count; i++)
        if (dup2(passed.fds[i], 3 + i) != 3 + i)
            return false;
    return *failure >= 0;
}

static bool deafened;

void program_deafen(void)
{
    deafened = true;
}

/* In the child: become the program. Only async-signal-safe calls from here on. */
static _Noreturn void become(const char *path, const char *const arguments[], pid_t parent,
                             const int standard[3], int failure)
{
    sigset_t mask;
    int why;

    pid_t seen;

    /* Had the parent died before the first call, the second would tell; except outside of a PID namespace. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ((seen = getppid()) == parent || seen == 0) &&
        dup2(standard[0], 0) == 0 && dup2(standard[1], 1) == 1 && dup2(standard[2], 2) == 2 &&
        pass_sockets(&failure)) {
        for (int number = 1; number < 32; number++)
            signal(number,
                   SIG_DFL); /* a shell that runs the tests in the background ignores some */
        sigemptyset(&mask);
        if (deafened) {
            sigfillset(&mask);
            signal(SIGCHLD, SIG_IGN);
        }
        sigprocmask(SIG_SETMASK, &mask, NULL);
        execv(path, (char *const *)(uintptr_t)arguments); /* it changes nothing in them */
    }
    why = errno;
    (void)!write(failure, &why, sizeof why);
    _exit(127);
}

/* A pipe whose ends exec closes, above the three descriptors that become() replaces. */
static void make_pipe(int ends[2])
{
    ck_assert_msg(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    ck_assert_msg(ends[0] > 2 && ends[1] > 2, "a test runs without standard descriptors");
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller pipe does, too */
}

static struct program start(const char *const arguments[], int input)
{
    struct program program = {.said = calloc(1, sizeof *program.said)};
    char path[4096];
    int out[2], err[2], failure[2];
    int why;
    pid_t self = getpid();

    ck_assert_msg(program.said != NULL, "no memory for a program");
    text_append(&program.said->out, "", 0);
    text_append(&program.said->err, "", 0);
    program_path(arguments[0], path, sizeof path);
    make_pipe(out);
    make_pipe(err);
    make_pipe(failure);
    program.pid = fork();
    /* Ahead of the assertion, which allocates: another thread may have held the lock of a sanitizer's allocator. */
    if (program.pid == 0)
        become(path, arguments, self, (const int[]){input, out[1], err[1]}, failure[1]);
    ck_assert_msg(program.pid >= 0, "cannot fork: %s", strerror(errno));
    close(out[1]);
    close(err[1]);
    close(failure[1]);
    ck_assert_msg(read(failure[0], &why, sizeof why) != sizeof why, "cannot start %s: %s", path,
                  strerror(why));
    close(failure[0]);
    program.out = out[0];
    program.err = err[0];
    return program;
}

struct program program_start(const char *const arguments[])
{
    int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct program program;

    ck_assert_msg(input > 2, "cannot open /dev/null: %s", strerror(errno));
    program = start(arguments, input);
    close(input);
    return program;
}

struct outcome program_run(const char *const arguments[], const char *input)
{
    /* A file in memory as standard input: no thread has to feed it, whatever its size. */
    int file = memfd_create("input", MFD_CLOEXEC);
    size_t size = input == NULL ? 0 : strlen(input);
    struct program program;

    ck_assert_msg(file > 2, "memfd_create: %s", strerror(errno));
    ck_assert_msg(pwrite(file, input, size, 0) == (ssize_t)size, "cannot store the input");
    program = start(arguments, file);
    close(file);
    return program_wait(&program);
}

/* The address in "listening on ADDRESS\n", if that is what the program has said first. */
static bool find_address(struct program *server)
{
    const char *line = server->said->out.bytes;
    const char *end = strchr(line, '\n');
    const char *port;
    uint64_t number = 0;
    size_t length;

    if (end == NULL)
        return false;
    ck_assert_msg(strncmp(line, LISTENING_TEXT, strlen(LISTENING_TEXT)) == 0,
                  "the server's first line is not \"" LISTENING_TEXT "...\" but: %s", line);
    line += strlen(LISTENING_TEXT);
    length = (size_t)(end - line);
    ck_assert_msg(length < sizeof server->address, "the server's address is too long: %s", line);
    memcpy(server->address, line, length);
    server->address[length] = '\0';
    if (strncmp(server->address, "unix:", 5) == 0)
        return true;
    port = strrchr(server->address, ':');
    ck_assert_msg(port != NULL && parse_number(port + 1, 1, 65535, &number),
                  "no port in the server's first line: %s", server->address);
    server->port = (uint16_t)number;
    return true;
}

struct program server_start(const char *const arguments[])
{
    const char *all[ARGUMENTS_MAX] = {"echo-server", "--port", "0"};
    struct program server;

    for (size_t i = 0; arguments != NULL && arguments[i] != NULL; i++) {
        ck_assert_msg(i + 4 < ARGUMENTS_MAX, "more than %d arguments", ARGUMENTS_MAX - 4);
        all[i + 3] = arguments[i];
    }
    server = program_start(all);
    while (!find_address(&server))
        if (!listen_to(&server))
            ck_abort_msg("the server ended before it listened, and said: %s%s",
                         server.said->out.bytes, server.said->err.bytes);
    return server;
}

struct outcome program_wait(struct program *program)
{
    struct outcome outcome;
    int status;
    pid_t ended;

    while (listen_to(program))
        continue;
    do
        ended = waitpid(program->pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    ck_assert_msg(ended == program->pid, "cannot wait for the program: %s", strerror(errno));
    outcome.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    outcome.out = suite_keep(program->said->out.bytes);
    outcome.err = suite_keep(program->said->err.bytes);
    free(program->said);
    program->said = NULL;
    program->pid = -1;
    return outcome;
}

void outcome_expect(const struct outcome *outcome, int status, const char *out, const char *err)
{
    ck_assert_msg(outcome->status == status, "status %d, not %d; it said: %.2000s%.2000s",
                  outcome->status, status, outcome->out, outcome->err);
    if (out != NULL)
        ck_assert_str_eq(outcome->out, out);
    if (err != NULL)
        ck_assert_str_eq(outcome->err, err);
}

struct outcome program_stop(struct program *program)
{
    ck_assert_msg(program->pid > 0, "the program has been waited for already");
    ck_assert_msg(kill(program->pid, SIGTERM) == 0, "cannot stop it: %s", strerror(errno));
    return program_wait(program);
}

const char *program_output(struct program *program)
{
    while (listen_for(program, 0))
        continue;
    return program->said->out.bytes;
}

const char *program_errors(struct program *program)
{
    while (listen_for(program, 0))
        continue;
    return program->said->err.bytes;
}

static void wait_for_text(struct program *program, const struct text *said, const char *text)
{
    while (strstr(said->bytes, text) == NULL)
        if (!listen_to(program))
            ck_abort_msg("the program ended without saying \"%s\"; it said: %s", text, said->bytes);
}

void wait_for_output_text(struct program *program, const char *text)
{
    wait_for_text(program, &program->said->out, text);
}

void wait_for_error_text(struct program *program, const char *text)
{
    wait_for_text(program, &program->said->err, text);
}

bool terminal_is_there(void)
{
    static bool said;
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int other = -1;

    if (fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0 && ptsname(fd) != NULL)
        other = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (other < 0 && !said)
        printf("# SKIP what needs a terminal: there is no pseudo-terminal: %s\n", strerror(errno));
    said = said || other < 0;
    if (other >= 0)
        close(other);
    if (fd >= 0)
        close(fd);
    return other >= 0;
}

/* --- Sockets ------------------------------------------------------------------------------- */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int tcp_connect(uint16_t port)
{
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    return connect_to(address);
}

int tcp_connect_narrow(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)), 0);
    ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &(int){536}, sizeof(int)), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* The address of "host:port" or "unix:path". */
static struct address parse_address(const char *text)
{
    struct address address;
    const char *colon = strrchr(text, ':');
    const char *cause = "no port";
    char host[120];
    uint64_t port = 0;
    bool is_unix = strncmp(text, "unix:", 5) == 0;
    size_t length = colon == NULL || is_unix ? strlen(text) : (size_t)(colon - text);

    ck_assert_msg(length < sizeof host, "too long an address: %s", text);
    memcpy(host, text, length);
    host[length] = '\0';
    ck_assert_msg((is_unix || (colon != NULL && parse_number(colon + 1, 1, 65535, &port))) &&
                      address_resolve(host, (uint16_t)port, false, &address, &cause),
                  "%s is no address: %s", text, cause);
    return address;
}

int connect_to(const char *text)
{
    struct address address = parse_address(text);
    int family = address.storage.ss_family;
    struct timeval limit = {.tv_sec = RECEIVE_LIMIT};
    int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
    ck_assert_msg(connect(fd, (struct sockaddr *)&address.storage, address.length) == 0,
                  "cannot connect to %s: %s", text, strerror(errno));
    ck_assert_msg(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
            (family == AF_UNIX || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0),
        "setsockopt: %s", strerror(errno));
    return fd;
}

int tcp_listen(uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
    ck_assert_msg(bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, SOMAXCONN) == 0 &&
                      getsockname(fd, (struct sockaddr *)&address, &size) == 0,
                  "cannot listen: %s", strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

int tcp_fill_backlog(int listener, uint16_t port)
{
    struct pollfd is_in = {.fd = listener, .events = POLLIN};
    int fd;

    ck_assert_int_eq(listen(listener, 0), 0); /* room for one */
    fd = tcp_connect(port);
    while (poll(&is_in, 1, -1) != 1)
        continue;
    return fd;
}

int tcp_listen_v6(uint16_t *port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) != 0) {
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        return -1;
    ck_assert_msg(listen(fd, SOMAXCONN) == 0 &&
                      getsockname(fd, (struct sockaddr *)&address, &size) == 0,
                  "cannot listen: %s", strerror(errno));
    *port = ntohs(address.sin6_port);
    return fd;
}

const char *port_text(uint16_t port)
{
    static char text[8];

    snprintf(text, sizeof text, "%u", (unsigned)port);
    return text;
}

uint16_t tcp_unused_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_msg(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                      bind(fd, (struct sockaddr *)&address, size) == 0 &&
                      getsockname(fd, (struct sockaddr *)&address, &size) == 0,
                  "cannot take a port: %s", strerror(errno));
    return ntohs(address.sin_port);
}

unsigned char *some_bytes(size_t size, unsigned seed)
{
    unsigned char *bytes = suite_memory(size + 1);
    uint32_t state = seed * 2654435761u + 1;

    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(state >> 24);
    }
    return bytes;
}

void tcp_send(int fd, const void *bytes, size_t size)
{
    const char *from = bytes;

    while (size > 0) {
        ssize_t put = send(fd, from, size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        ck_assert_msg(put > 0, "cannot send: %s", strerror(errno));
        from += put;
        size -= (size_t)put;
    }
}

size_t tcp_pump(int fd, const void *bytes, size_t size)
{
    ssize_t put = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    return put > 0 ? (size_t)put : 0;
}

/* recv() that only lets through what ends a connection. @return bytes, 0, or -1 for a reset */
static ssize_t receive_some(int fd, void *bytes, size_t size)
{
    ssize_t got;

    do
        got = recv(fd, bytes, size, 0);
    while (got < 0 && errno == EINTR);
    ck_assert_msg(got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK),
                  "nothing was received for %d seconds", RECEIVE_LIMIT);
    ck_assert_msg(got >= 0 || errno == ECONNRESET, "cannot receive: %s", strerror(errno));
    return got;
}

void tcp_receive(int fd, void *bytes, size_t size)
{
    char *to = bytes;
    size_t have = 0;

    while (have < size) {
        ssize_t got = receive_some(fd, to + have, size - have);
        ck_assert_msg(got > 0, "%s after %zu of %zu bytes", got == 0 ? "end of file" : "a reset",
                      have, size);
        have += (size_t)got;
    }
}

size_t tcp_receive_all(int fd, void *bytes, size_t size, bool *reset)
{
    char *to = bytes;
    char spare;
    size_t have = 0;
    ssize_t got;

    while (have < size) {
        got = receive_some(fd, to + have, size - have);
        if (got <= 0) {
            *reset = got < 0;
            return have;
        }
        have += (size_t)got;
    }
    got = receive_some(fd, &spare, 1);
    ck_assert_msg(got <= 0, "more than %zu bytes came", size);
    *reset = got < 0;
    return have;
}

/* Send and receive at once: a long message would fill the buffers of both sides otherwise. */
static void exchange(int fd, const unsigned char *sent, unsigned char *received, size_t size)
{
    size_t out = 0;
    size_t in = 0;

    while (in < size) {
        struct pollfd ready = {.fd = fd, .events = (short)(out < size ? POLLIN | POLLOUT : POLLIN)};
        int answer = poll(&ready, 1, RECEIVE_LIMIT * 1000);
        if (answer < 0 && errno == EINTR)
            continue;
        ck_assert_msg(answer > 0, "no echo for %d seconds: %zu bytes are sent, %zu are back",
                      RECEIVE_LIMIT, out, in);
        if ((ready.revents & POLLOUT) != 0) {
            ssize_t put = send(fd, sent + out, size - out, MSG_DONTWAIT | MSG_NOSIGNAL);
            ck_assert_msg(put >= 0 || errno == EAGAIN || errno == EINTR, "cannot send: %s",
                          strerror(errno));
            out += put > 0 ? (size_t)put : 0;
        }
        if ((ready.revents & ~POLLOUT) != 0) {
            ssize_t got = receive_some(fd, received + in, size - in);
            ck_assert_msg(got > 0, "%s after %zu of %zu bytes",
                          got == 0 ? "end of file" : "a reset", in, size);
            in += (size_t)got;
        }
    }
}

void tcp_echo(int fd, const void *bytes, size_t size, bool upper)
{
    unsigned char *received = malloc(size + 1);
    unsigned char *expected = malloc(size + 1);

    ck_assert_msg(received != NULL && expected != NULL, "no memory for an echo");
    memcpy(expected, bytes, size);
    transform_apply(upper ? TRANSFORM_UPPER : TRANSFORM_NONE, expected, size);
    exchange(fd, bytes, received, size);
    if (memcmp(received, expected, size) != 0) {
        size_t at = 0;
        while (received[at] == expected[at])
            at++;
        ck_abort_msg("byte %zu of the echo is 0x%02x, not 0x%02x", at, (unsigned)received[at],
                     (unsigned)expected[at]);
    }
    free(received);
    free(expected);
}

void tcp_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    ck_assert_msg(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0,
                  "SO_LINGER: %s", strerror(errno));
    close(fd);
}

/* --- Looking at a process from outside ----------------------------------------------------- */

static unsigned count_entries(pid_t pid, const char *what)
{
    char path[64];
    DIR *directory;
    unsigned entries = 0;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    directory = opendir(path);
    ck_assert_msg(directory != NULL, "cannot look into %s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        entries += entry->d_name[0] != '.';
    closedir(directory);
    return entries;
}

unsigned process_descriptors(pid_t pid)
{
    return count_entries(pid, "fd");
}

unsigned process_threads(pid_t pid)
{
    return count_entries(pid, "task");
}

int64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;

    ck_assert_msg(clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0,
                  "process %d has no CPU clock: it has ended", (int)pid);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

pid_t process_parent(pid_t pid)
{
    char path[64];
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    /* The name, in parentheses, holds no parenthesis in any program of ours. */
    if (fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
        parent = 0;
    fclose(file);
    return parent;
}

static bool descends_from(pid_t pid, pid_t ancestor)
{
    while (pid > 1 && pid != ancestor)
        pid = process_parent(pid);
    return pid == ancestor;
}

int64_t process_family_cpu_ns(pid_t ancestor)
{
    DIR *processes = opendir("/proc");
    int64_t total_ns = 0;

    ck_assert_ptr_nonnull(processes);
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        struct timespec used;
        clockid_t clock;

        if (pid > 1 && descends_from(pid, ancestor) && clock_getcpuclockid(pid, &clock) == 0 &&
            clock_gettime(clock, &used) == 0)
            total_ns += (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
    }
    closedir(processes);
    return total_ns;
}

pthread_t thread_start(void *(*run)(void *context), void *context)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, run, context), 0);
    return thread;
}

void *thread_join(pthread_t thread)
{
    void *returned;

    ck_assert_int_eq(pthread_join(thread, &returned), 0);
    return returned;
}

void wait_until(bool (*condition)(void *context), void *context)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};

    while (!condition(context))
        nanosleep(&millisecond, NULL);
}

/* A count of process `pid` that is waited for. */
struct expected_count {
    pid_t pid;
    unsigned count;
};

static bool has_descriptors(void *context)
{
    const struct expected_count *expected = context;

    return process_descriptors(expected->pid) == expected->count;
}

static bool has_threads(void *context)
{
    const struct expected_count *expected = context;

    return process_threads(expected->pid) == expected->count;
}

void wait_for_descriptors(pid_t pid, unsigned descriptors)
{
    wait_until(has_descriptors, &(struct expected_count){pid, descriptors});
}

void wait_for_threads(pid_t pid, unsigned threads)
{
    wait_until(has_threads, &(struct expected_count){pid, threads});
}
