/* SPDX-License-Identifier: MIT */
/* Background activity during a measurement: see company.h. */
#include "bench/company.h"

#include "bench/load.h"
#include "bench/measure.h"
#include "common/clock.h"
#include "common/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOURCES     8   /* 10,000 sessions from one address would use a third of its ports */
#define READS_A_SEC 100 /* by the slow reader */
#define ANSWER_MAX  (1u << 20)
#define SECOND_NS   INT64_C(1000000000)

/* Memory shared with the scraper. */
struct shared {
    _Atomic uint64_t scrapes;
};

/* Fork. @return 0 in the child, which is killed when this program exits */
static pid_t fork_guest(void)
{
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child < 0)
        log_fatal("cannot fork: %s", strerror(errno));
    if (child == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return child;
}

/* Sleep until a time of the monotonic clock. */
static void sleep_until(int64_t moment_ns)
{
    struct timespec moment = {.tv_sec = moment_ns / SECOND_NS, .tv_nsec = moment_ns % SECOND_NS};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL) == EINTR)
        continue;
}

/* --- Idle sessions ------------------------------------------------------------------------- */

static pid_t hold(unsigned sessions, uint16_t port)
{
    const struct load_options options = {
        .port = port, .sessions = sessions, .served = sessions, .sources = SOURCES};
    int ends[2];
    char ready;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0)
        log_fatal("cannot make a pipe: %s", strerror(errno));
    child = fork_guest();
    if (child == 0) {
        (void)raise_descriptor_limit();
        (void)load_open(&options);
        (void)!write(ends[1], "", 1);
        for (;;)
            pause();
    }
    close(ends[1]);
    if (read(ends[0], &ready, 1) != 1)
        log_fatal("cannot make %u idle sessions", sessions);
    close(ends[0]);
    return child;
}

/* --- Metrics ------------------------------------------------------------------------------- */

static int connect_admin(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        log_fatal("cannot connect to --admin: %s", strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* @return size of the whole reply, head and body, or 0: the head is not complete */
static size_t answer_size(const char *text, size_t have)
{
    const char *end = memmem(text, have, "\r\n\r\n", 4);
    const char *length;

    if (end == NULL)
        return 0;
    if (strncmp(text, "HTTP/1.1 200 ", 13) != 0)
        log_fatal("the reply to /metrics was %.*s", (int)strcspn(text, "\r"), text);
    length = strcasestr(text, "\r\nContent-Length:");
    if (length == NULL || length > end)
        log_fatal("the reply to /metrics has no Content-Length");
    return (size_t)(end + 4 - text) + strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

/* Send one request and read the whole reply. @return false: the connection was closed */
static bool scrape(int fd)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static char answer[ANSWER_MAX];
    size_t have = 0;

    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        return false;
    for (;;) {
        size_t size;
        ssize_t got = recv(fd, answer + have, sizeof answer - 1 - have, 0);
        if (got <= 0)
            return false;
        have += (size_t)got;
        answer[have] = '\0';
        size = answer_size(answer, have);
        if (size > 0 && have >= size)
            return true;
    }
}

static _Noreturn void scrape_on(uint16_t port, unsigned a_second, struct shared *shared)
{
    int fd = connect_admin(port);
    int64_t next = clock_now_ns();

    for (;;) {
        if (scrape(fd)) {
            atomic_fetch_add(&shared->scrapes, 1);
        } else {
            close(fd);
            fd = connect_admin(port);
        }
        next += SECOND_NS / a_second;
        if (next < clock_now_ns())
            next = clock_now_ns(); /* do not make up for missed requests */
        sleep_until(next);
    }
}

static struct shared *new_shared(void)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        log_fatal("mmap: %s", strerror(errno));
    return shared;
}

/* --- The slow reader ----------------------------------------------------------------------- */

static _Noreturn void read_slowly(int fd, unsigned bytes_a_second)
{
    char bytes[65536];
    size_t each = bytes_a_second / READS_A_SEC;

    if (each > sizeof bytes)
        each = sizeof bytes;
    for (int64_t next = clock_now_ns(); read(fd, bytes, each) > 0;) {
        next += SECOND_NS / READS_A_SEC;
        sleep_until(next);
    }
    for (;;)
        pause();
}

/* --- All of it ----------------------------------------------------------------------------- */

struct guests company_start(const struct company *company, const struct server *server,
                            uint16_t admin_port)
{
    struct guests guests = {.holder = 0};

    if (company->idle > 0)
        guests.holder = hold(company->idle, server->port);
    if (company->scrapes_a_sec > 0) {
        guests.shared = new_shared();
        guests.scraper = fork_guest();
        if (guests.scraper == 0)
            scrape_on(admin_port, company->scrapes_a_sec, guests.shared);
    }
    if (company->read_bytes_sec > 0) {
        guests.reader = fork_guest();
        if (guests.reader == 0)
            read_slowly(server->out, company->read_bytes_sec);
    }
    return guests;
}

uint64_t company_scrapes(const struct guests *guests)
{
    return guests->shared != NULL ? atomic_load(&guests->shared->scrapes) : 0;
}

static void end_guest(pid_t guest)
{
    if (guest == 0)
        return;
    kill(guest, SIGKILL);
    waitpid(guest, NULL, 0);
}

void company_stop(struct guests *guests)
{
    end_guest(guests->holder);
    end_guest(guests->scraper);
    end_guest(guests->reader);
    if (guests->shared != NULL)
        munmap(guests->shared, sizeof *guests->shared);
}
