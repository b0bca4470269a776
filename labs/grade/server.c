/* SPDX-License-Identifier: MIT */
/*
 * The student's server: see server.h.
 *
 * DESIGN. The grader picks a port that is free and tells it to the server, which may take a moment to listen.
 * It is none of those that the kernel gives to programs that ask for any: one that runs beside the server would get
 * it meanwhile. Each server has a new port. So it need not set SO_REUSEADDR. Its standard error is the grader's, where
 * sanitizers are looked for.
 */
#include "server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long a wait that turns and looks again sleeps. */
#define STEP_MS 20

static struct sockaddr_in address_of(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Limit one wait, so that the trial can say which one was in vain before it is given up. */
static int limit_ms(void)
{
    return patience_s() * 1000 / 3;
}

static void pause_a_step(void)
{
    poll(NULL, 0, STEP_MS);
}

/* Whether a server could listen on the port now. */
static bool is_free(uint16_t port)
{
    struct sockaddr_in address = address_of(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool is = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return is;
}

/* Draw a port that is free. The kernel gives those from 32768 on, unless the machine is set up otherwise. */
static uint16_t free_port(void)
{
    uint16_t port = 0;

    do {
        (void)!getrandom(&port, sizeof port, 0);
        port = (uint16_t)(10000 + port % 20000);
    } while (!is_free(port));
    return port;
}

/* Write the command with its numbers. */
static void fill_in(const struct server *server, const char *command, char line[static 4096])
{
    static const char *const names[] = {"{port}", "{workers}", "{queue}"};
    const unsigned numbers[] = {server->port, server->workers, server->queue};
    /* A signal must reach the server: the shell becomes it, unless it has more to do. */
    bool simple = strpbrk(command, "&|;<>=") == NULL;
    size_t used = (size_t)snprintf(line, 4096, "%s", simple ? "exec " : "");

    while (*command != '\0' && used < 4000) {
        size_t i = 0;
        while (i < 3 && strncmp(command, names[i], strlen(names[i])) != 0)
            i++;
        if (i < 3) {
            used += (size_t)snprintf(line + used, 16, "%u", numbers[i]);
            command += strlen(names[i]);
        } else {
            line[used++] = *command++;
        }
    }
    line[used] = '\0';
}

/* In the child: become the server. It ends with the grader. */
static _Noreturn void become(const struct server *server, const char *variable)
{
    const char *command = getenv(server->twin ? "LAB_TWIN" : "LAB_COMMAND");
    const struct rlimit limit = {server->descriptors, server->descriptors};
    char line[4096];
    int null = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
        close(fd);
    if (server->descriptors > 0)
        setrlimit(RLIMIT_NOFILE, &limit);
    if (variable != NULL)
        putenv((char *)(size_t)variable);
    fill_in(server, command, line);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

static int try_connect(const struct server *server)
{
    const struct timeval limit = {.tv_sec = limit_ms() / 1000 + 1};
    struct sockaddr_in address = address_of(server->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

bool server_start(struct server *server, const char *variable, char why[static WHY_MAX])
{
    server->port = free_port();
    server->pid = fork();
    if (server->pid == 0)
        become(server, variable);
    if (server->pid < 0)
        return wrong(why, "this machine cannot make processes now: %s", strerror(errno));
    for (int waited = 0; waited < limit_ms(); waited += STEP_MS) {
        int fd = try_connect(server);
        if (fd >= 0) {
            shutdown(fd, SHUT_RDWR);
            close(fd);
            return true;
        }
        if (!server_runs(server))
            return wrong(why, "the server ended before it accepted a connection");
        pause_a_step();
    }
    return wrong(why, "the server does not listen on 127.0.0.1, port %u, which it was given",
                 server->port);
}

bool server_runs(struct server *server)
{
    if (server->pid > 0 && waitpid(server->pid, &server->status, WNOHANG) != 0)
        server->pid = 0;
    return server->pid > 0;
}

bool server_ended(struct server *server)
{
    for (int waited = 0; server_runs(server) && waited < 2000; waited += STEP_MS)
        pause_a_step();
    return !server_runs(server);
}

void server_freeze(const struct server *server)
{
    siginfo_t info;

    kill(server->pid, SIGSTOP);
    waitid(P_PID, (id_t)server->pid, &info, WSTOPPED | WNOWAIT);
}

void server_thaw(const struct server *server)
{
    kill(server->pid, SIGCONT);
}

int server_terminate(struct server *server)
{
    int status = 0;

    kill(server->pid, SIGTERM);
    for (int waited = 0; waited < limit_ms(); waited += STEP_MS) {
        if (waitpid(server->pid, &status, WNOHANG) == server->pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
        pause_a_step();
    }
    return -1;
}

/* Count the threads, or only those whose state is this letter. */
static unsigned count_threads(const struct server *server, char state)
{
    char path[320], found;
    unsigned count = 0;
    struct dirent *entry;

    snprintf(path, sizeof path, "/proc/%d/task", (int)server->pid);
    DIR *folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)server->pid, entry->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL && fscanf(file, "%*d (%*[^)]) %c", &found) == 1)
            count += state == 0 || found == state;
        if (file != NULL)
            fclose(file);
    }
    if (folder != NULL)
        closedir(folder);
    return count;
}

unsigned server_threads(const struct server *server)
{
    return count_threads(server, 0);
}

bool server_sleeps(const struct server *server)
{
    for (int i = 0; i < 5; i++) {
        if (count_threads(server, 'R') > 0)
            return false;
        pause_a_step();
    }
    return true;
}

unsigned server_pieces(const struct server *server)
{
    char path[64], line[512], rights[5];
    unsigned long from, to;
    unsigned count = 0;
    pthread_attr_t usual;
    size_t stack_size;

    pthread_attr_init(&usual);
    pthread_attr_getstacksize(&usual, &stack_size);
    pthread_attr_destroy(&usual);

    snprintf(path, sizeof path, "/proc/%d/maps", (int)server->pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        count++;
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && rights[1] == 'w')
            count += (unsigned)((to - from) / stack_size);
    }
    if (file != NULL)
        fclose(file);
    return count;
}

long server_cpu_ms(const struct server *server)
{
    char path[64];
    unsigned long user = 0, system = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)server->pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
        user = system = 0;
    fclose(file);
    return (long)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* --- clients ------------------------------------------------------------------------------- */

int client_connect(struct server *server, char why[static WHY_MAX])
{
    int fd = try_connect(server);

    if (fd < 0)
        wrong(why, server_runs(server) ? "the server does not take a further connection"
                                       : "the server has died");
    return fd;
}

/* The byte at a place of the stream, which no neighbour has. */
static unsigned char byte_at(size_t place)
{
    return (unsigned char)(place * 31 + place / 251);
}

/* Send and receive these numbers of bytes, in any order; then end of file, if asked for. */
static bool converse(int fd, size_t to_send, size_t to_receive, bool finish,
                     char why[static WHY_MAX])
{
    static unsigned char bytes[1 << 16];
    size_t sent = 0, received = 0;
    bool ended = false;

    while (sent < to_send || received < to_receive || (finish && !ended)) {
        struct pollfd ready = {.fd = fd,
                               .events = (short)(POLLIN | (sent < to_send ? POLLOUT : 0))};
        if (poll(&ready, 1, limit_ms()) <= 0)
            return received < to_receive
                       ? wrong(why,
                               "of %zu bytes only %zu came back, and the connection stays open",
                               to_receive, received)
                       : wrong(why, "everything has come back, and the server does not close the "
                                    "connection");
        if (ready.revents & POLLOUT) {
            size_t size = to_send - sent < sizeof bytes ? to_send - sent : sizeof bytes;
            for (size_t i = 0; i < size; i++)
                bytes[i] = byte_at(sent + i);
            ssize_t some = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (some < 0 && errno != EAGAIN)
                return wrong(why,
                             "the server closed the connection when %zu of %zu bytes were sent",
                             sent, to_send);
            sent += some > 0 ? (size_t)some : 0;
            if (sent == to_send && finish)
                shutdown(fd, SHUT_WR);
        }
        if (ready.revents & (POLLIN | POLLHUP | POLLERR)) {
            ssize_t some = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
            if (some < 0 && errno == EAGAIN)
                continue;
            if (some <= 0 && received < to_receive)
                return wrong(
                    why,
                    "the server closed the connection, and of %zu bytes only %zu have come back",
                    to_receive, received);
            for (ssize_t i = 0; i < some; i++, received++)
                if (received >= to_receive)
                    return wrong(why, "more bytes came back than were sent");
                else if (bytes[i] != byte_at(received))
                    return wrong(why, "byte %zu of what came back is not what was sent",
                                 received + 1);
            ended = some <= 0;
        }
    }
    return true;
}

bool client_exchange(int fd, size_t size, char why[static WHY_MAX])
{
    return converse(fd, size, size, false, why);
}

bool client_finish(int fd, size_t size, char why[static WHY_MAX])
{
    return converse(fd, size, size, true, why);
}

size_t client_flood(const struct server *server, int fd, size_t most)
{
    static unsigned char bytes[1 << 16];
    size_t sent = 0;

    while (sent < most) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        size_t size = most - sent < sizeof bytes ? most - sent : sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = byte_at(sent + i);
        for (int waited = 0; poll(&ready, 1, STEP_MS) == 0; waited += STEP_MS)
            if (server_sleeps(server) || waited > limit_ms())
                return sent;
        ssize_t some = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (some <= 0)
            break;
        sent += (size_t)some;
    }
    return sent;
}

bool client_drain(int fd, size_t size, bool to_the_end, char why[static WHY_MAX])
{
    return converse(fd, 0, size, to_the_end, why);
}

bool client_sees_end(int fd)
{
    char byte;
    ssize_t size = recv(fd, &byte, 1, 0);

    return size == 0 || (size < 0 && errno != EAGAIN);
}

void client_reset(int fd)
{
    const struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

bool echo_client(const struct server *server, const char *options, char why[static WHY_MAX])
{
    char command[1024], line[WHY_MAX - 128] = "", more[256];
    const char *client = getenv("LAB_CLIENT");

    snprintf(command, sizeof command,
             "'%s' --transform none --timeout %ds --quiet --port %u %s 2>&1 </dev/null",
             client != NULL ? client : "echo-client", limit_ms() / 1000 + 1, server->port, options);
    FILE *output = popen(command, "r");
    if (output == NULL || fgets(line, sizeof line, output) == NULL)
        *line = '\0';
    while (output != NULL && fgets(more, sizeof more, output) != NULL)
        continue;
    int status = output != NULL ? pclose(output) : -1;
    line[strcspn(line, "\n")] = '\0';
    return status == 0 || wrong(why, "echo-client %s says: %s", options,
                                *line != '\0' ? line : "nothing, and fails");
}
