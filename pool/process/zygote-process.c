/* SPDX-License-Identifier: MIT */
/*
 * What runs in the zygote, the process from which worker processes are forked.
 *
 * DESIGN
 * A child closes what it must not inherit: the zygote keeps 0, 1, 2 and its sockets, a worker 0, 1,
 * 2 and its own socket. (FD_CLOEXEC does not help, because there is no exec.) So a worker that was
 * forked in between never holds a client's connection open. Standard input is /dev/null in both,
 * because of two processes that read one terminal each gets half of the input.
 *
 * Signals: handlers of the program are reset to the default, and ignored signals stay ignored, as
 * after exec. The zygote blocks all signals and ends with the program. Workers block none; they
 * ignore SIGINT, because ^C on a terminal goes to every process of the job, and the program decides
 * what it means; SIGTERM ends them.
 *
 * Ends: the zygote watches a pidfd of the program and the control socket; either reports the
 * program's end. Workers ask the kernel to kill them when the zygote ends, even in the middle of a
 * task (PR_SET_PDEATHSIG; the zygote has a single thread, so the end of the parent thread is the
 * end of the parent).
 *
 * The zygote opens a worker's pidfd before it can have waited for the worker, so that the number
 * means that process and no later one, and sends the pidfd along. It never waits for an executor
 * that is slow to read; pending reports are sent when the socket has room, or, if descriptors or
 * memory were missing, after growing delays. An order for which there is no memory is noted with its
 * executor as refused, and no further one is read until that is reported: so no worker that runs is lost.
 */
#include "pool/process/zygote-internal.h"

#include "pool/process/calls-internal.h"
#include "pool/process/wire-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what was in the image ----------------------------------------------------------------- */

struct segment {
    uintptr_t begin, end;
};

/** Executable segments when the zygote was forked. Read-only afterwards. In the zygote only. */
static struct {
    struct segment *segments;
    size_t count;
} image;

static int image_add(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        struct segment *more;

        if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0)
            continue;
        more = realloc(image.segments, (image.count + 1) * sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        image.segments = more;
        more += image.count++;
        more->begin = info->dlpi_addr + header->p_vaddr;
        more->end = more->begin + header->p_memsz;
    }
    return 0;
}

static bool image_has(uintptr_t fn)
{
    for (size_t i = 0; i < image.count; i++)
        if (fn >= image.segments[i].begin && fn < image.segments[i].end)
            return true;
    return false;
}

/* --- the zygote ---------------------------------------------------------------------------- */

/** A worker process that has not been waited for, or has reports pending. */
struct child {
    pid_t pid; /* 0: there is none, and `status` is the reason, as errno */
    int client;
    uint64_t ticket;
    int pidfd; /* -1 once it is sent */
    int status;
    bool start_reported;
    bool ended;
};

/** An executor. */
struct client {
    int line; /* -1: it is gone */
    /* The order that has no record among the children. Its ticket is 0 if there is none. */
    struct child refused;
};

/** The control socket, the pidfd of the program, and the signals. */
#define FIXED_POLLS 3

/** All state of the zygote process. It has one thread. */
static struct {
    int control, program, signals;
    int owed; /* the answer that the program must still get; -1: none */
    struct client *clients;
    size_t client_count;
    struct pollfd *polls; /* FIXED_POLLS, and one for each client */
    struct child *children;
    size_t child_count;
    pid_t pid;
    bool starved;    /* a report could not be sent for want of something that may come back */
    unsigned misses; /* times in a row */
} self;

/** End at once. The death signal ends the workers, and executors see the end of their line. */
_Noreturn static void zygote_leave(void)
{
    for (size_t i = 0; i < self.child_count; i++)
        if (self.children[i].pid > 0 && !self.children[i].ended)
            kill(self.children[i].pid, SIGKILL);
    _exit(0);
}

static void reset_signals(void)
{
    struct sigaction action;

    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN)
            signal(number, SIG_DFL);
    signal(SIGCHLD, SIG_DFL); /* if ignored, the statuses would be lost */
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_IGN);
}

/** In the forked child: become a worker. */
_Noreturn static void child_process(int socket, const struct worker_plan *plan)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != self.pid)
        _exit(1); /* the zygote ended before it was to report us */
    wire_close_foreign(&socket, 1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    worker_process(socket, plan, image_has);
}

/** Send one report on a child. @return whether it was sent, or the executor is gone */
static bool send_report(struct child *child, enum zygote_news news, int fd)
{
    struct zygote_report report = {
        .ticket = child->ticket, .news = news, .pid = child->pid, .status = child->status};
    struct iovec part = {.iov_base = &report, .iov_len = sizeof report};
    int rc;

    if (child->client < 0 || self.clients[child->client].line < 0)
        return true;
    rc = wire_send(self.clients[child->client].line, &part, 1, &fd, fd >= 0, MSG_DONTWAIT);
    self.starved = self.starved || wire_may_pass(rc);
    return rc != -EAGAIN && !wire_may_pass(rc);
}

/** Send the pending reports on a child. @return whether its record is no longer needed */
static bool child_report(struct child *child)
{
    if (!child->start_reported) {
        if (!send_report(child, child->pid > 0 ? ZYGOTE_STARTED : ZYGOTE_FAILED, child->pidfd))
            return false;
        child->start_reported = true;
        if (child->pidfd >= 0)
            close(child->pidfd);
        child->pidfd = -1;
    }
    return child->pid == 0 || (child->ended && send_report(child, ZYGOTE_ENDED, -1));
}

/** Answer the program: 0 or an errno value, for the start or for a request. */
static int answer(int control, int32_t error)
{
    struct iovec part = {.iov_base = &error, .iov_len = sizeof error};

    return wire_send(control, &part, 1, NULL, 0, 0);
}

/** Answer the request of the program, if that is still due. */
static void answer_request(void)
{
    int rc = self.owed >= 0 ? answer(self.control, self.owed) : 0;

    if (wire_may_pass(rc))
        self.starved = true;
    else if (rc != 0)
        zygote_leave();
    else
        self.owed = -1;
}

/** Send all that is pending, and forget the children that need no report any more. */
static void report_all(void)
{
    size_t kept = 0;

    self.starved = false;
    answer_request();
    for (size_t i = 0; i < self.client_count; i++)
        if (self.clients[i].refused.ticket != 0 && child_report(&self.clients[i].refused))
            self.clients[i].refused.ticket = 0;
    for (size_t i = 0; i < self.child_count; i++)
        if (!child_report(&self.children[i]))
            self.children[kept++] = self.children[i];
    self.child_count = kept;
    self.misses = self.starved ? self.misses + 1 : 0;
}

static bool client_has_backlog(size_t client)
{
    if (self.clients[client].refused.ticket != 0)
        return true;
    for (size_t i = 0; i < self.child_count; i++) {
        struct child *child = &self.children[i];

        if (child->client == (int)client && (!child->start_reported || child->ended))
            return true;
    }
    return false;
}

static void client_gone(size_t client)
{
    close(self.clients[client].line);
    self.clients[client] = (struct client){.line = -1};
    for (size_t i = 0; i < self.child_count; i++)
        if (self.children[i].client == (int)client && self.children[i].pid > 0 &&
            !self.children[i].ended)
            kill(self.children[i].pid, SIGKILL);
}

/**
 * Make the record of an order, which is kept until its failure or its child's end was reported.
 *
 * @param error  why the order fails; 0: it may succeed
 * @return       NULL if there is no memory; the order has failed then
 */
static struct child *child_new(size_t client, uint64_t ticket, int error)
{
    struct child *more = realloc(self.children, (self.child_count + 1) * sizeof *more);
    struct child made = {.client = (int)client, .ticket = ticket, .pidfd = -1, .status = error};

    if (more == NULL) {
        made.status = error != 0 ? error : ENOMEM;
        self.clients[client].refused = made;
        return NULL;
    }
    self.children = more;
    more[self.child_count] = made;
    return &more[self.child_count++];
}

/** Fork one worker as ordered. It has a record in any case, for the report. */
static void carry_out(size_t client, const struct zygote_order *order, int socket)
{
    struct child *child = child_new(client, order->ticket, 0);

    if (child == NULL)
        return;
    child->pid = fork();
    if (child->pid == 0)
        child_process(socket, &order->plan);
    if (child->pid < 0) {
        child->status = errno;
        child->pid = 0;
        return;
    }
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0) { /* no descriptor is left: it cannot be watched, and so not used */
        child->status = errno;
        kill(child->pid, SIGKILL);
        child->pid = 0;
    }
}

/** Send a signal as ordered. The number of a child that has not been waited for means no other process. */
static void pass_signal(size_t client, const struct zygote_order *order)
{
    for (size_t i = 0; i < self.child_count; i++) {
        struct child *child = &self.children[i];

        if (child->client == (int)client && child->ticket == order->ticket && child->pid > 0 &&
            !child->ended)
            kill(child->pid, (int)order->signal);
    }
}

/** Read the orders of an executor. */
static void client_read(size_t client)
{
    const struct client *from = &self.clients[client];
    struct zygote_order order;
    struct wire_message message;
    int rc = -EAGAIN; /* nothing more to read */

    while (from->refused.ticket == 0 &&
           (rc = wire_receive(from->line, &order, sizeof order, MSG_DONTWAIT, &message)) == 0) {
        if (message.size == sizeof order && order.signal != 0) {
            pass_signal(client, &order);
        } else if (message.size == sizeof order && message.fd_count == 1 && !message.fds_lost) {
            carry_out(client, &order, message.fds[0]);
        } else if (message.size == sizeof order) {
            child_new(client, order.ticket, EMFILE);
        }
        wire_close_fds(&message, 0);
    }
    if (rc != 0 && rc != -EAGAIN && rc != -EMSGSIZE)
        client_gone(client);
}

/** Make room for this number of clients. @return false: no memory */
static bool clients_reserve(size_t count)
{
    struct pollfd *polls = realloc(self.polls, (FIXED_POLLS + count) * sizeof *polls);
    struct client *clients;

    if (polls == NULL)
        return false;
    self.polls = polls;
    clients = realloc(self.clients, count * sizeof *clients);
    if (clients == NULL)
        return false;
    self.clients = clients;
    return true;
}

/** Keep the line of a new executor. @return 0 or an errno value */
static int client_new(int line)
{
    size_t place = 0;

    while (place < self.client_count && self.clients[place].line >= 0)
        place++;
    if (place == self.client_count) {
        if (!clients_reserve(place + 1))
            return ENOMEM;
        self.client_count++;
    }
    /* The new executor must get no reports on children of the previous one. */
    for (size_t i = 0; i < self.child_count; i++)
        if (self.children[i].client == (int)place)
            self.children[i].client = -1;
    self.clients[place] = (struct client){.line = line};
    return 0;
}

/** Read the request of a new executor. */
static void control_read(void)
{
    char byte;
    struct wire_message message;
    int rc = wire_receive(self.control, &byte, sizeof byte, MSG_DONTWAIT, &message), error = EMFILE;

    if (rc == -EAGAIN)
        return;
    if (rc != 0)
        zygote_leave();
    if (message.fd_count == 1)
        error = client_new(message.fds[0]);
    if (error != 0)
        wire_close_fds(&message, 0);
    self.owed = error;
}

/** Wait for children that have ended. */
static void reap(void)
{
    struct signalfd_siginfo drained;
    int status;
    pid_t pid;

    while (read(self.signals, &drained, sizeof drained) > 0)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < self.child_count; i++)
            if (self.children[i].pid == pid && !self.children[i].ended) {
                self.children[i].ended = true;
                self.children[i].status = status;
            }
}

/** The delay before a starved zygote tries again to report doubles this many times, from 1 ms. */
#define RETRY_DOUBLES 6u

/** Compute how long to wait for events. No event reports that a starved zygote could report now. */
static int turn_timeout_ms(void)
{
    unsigned doubles = self.misses - 1;

    return !self.starved ? -1 : 1 << (doubles < RETRY_DOUBLES ? doubles : RETRY_DOUBLES);
}

/** Wait for events, and handle them. */
static void zygote_turn(void)
{
    struct pollfd *polls = self.polls;
    size_t count = self.client_count; /* client_new() may add one */

    polls[0] = (struct pollfd){.fd = self.control, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = self.program, .events = POLLIN};
    polls[2] = (struct pollfd){.fd = self.signals, .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        polls[FIXED_POLLS + i] = (struct pollfd){
            .fd = self.clients[i].line,
            .events = (short)((self.clients[i].refused.ticket == 0 ? POLLIN : 0) |
                              (!self.starved && client_has_backlog(i) ? POLLOUT : 0)),
        };
    if (poll(polls, FIXED_POLLS + count, turn_timeout_ms()) < 0)
        return; /* EINTR, or no memory for now */
    if (polls[1].revents != 0)
        zygote_leave();
    if (polls[2].revents != 0)
        reap();
    for (size_t i = 0; i < count; i++)
        if (polls[FIXED_POLLS + i].revents & (POLLIN | POLLHUP | POLLERR))
            client_read(i);
    if (polls[0].revents != 0)
        control_read();
    report_all();
}

/**
 * Open /dev/null as standard input, and also as standard output and error if the program has closed
 * those: otherwise a socket could get such a number, and prints would go to it.
 */
static void open_standard_descriptors(void)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0)
        return;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fd != null && (fd == STDIN_FILENO || fcntl(fd, F_GETFD) < 0))
            dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
}

/** Move a descriptor above the standard ones, which the program may have closed. */
static int out_of_the_way(int fd)
{
    return fd > STDERR_FILENO ? fd : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/** Get ready to fork workers. @return 0 or an errno value */
static int zygote_prepare(int ends[2], int program)
{
    int keep[2] = {out_of_the_way(ends[1]), out_of_the_way(program)};
    sigset_t all;

    if (keep[0] < 0 || keep[1] < 0)
        return errno;
    self.control = keep[0];
    self.program = keep[1];
    for (int *fd = (int[]){ends[0], ends[1], program, -1}; *fd >= 0; fd++)
        if (*fd <= STDERR_FILENO)
            close(*fd);
    wire_close_foreign(keep, 2); /* sorts them */
    open_standard_descriptors();
    reset_signals();
    if (dl_iterate_phdr(image_add, NULL) != 0 || !clients_reserve(1))
        return ENOMEM;
    self.pid = getpid();
    sigfillset(&all);
    self.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self.signals < 0)
        return errno;
    /* A filter of system calls may forbid these: a zygote that cannot wait could not even end. */
    if (poll(NULL, 0, 0) < 0 || (waitpid(-1, NULL, WNOHANG) < 0 && errno != ECHILD))
        return errno;
    return 0;
}

_Noreturn void zygote_process(int ends[2], int program)
{
    sigset_t all;
    int error;

    memset(&self, 0, sizeof self); /* it may be forked by a worker, itself forked by a zygote */
    memset(&image, 0, sizeof image);
    self.owed = -1;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "ep-zygote");
    self.control = ends[1];
    error = zygote_prepare(ends, program);
    if (answer(self.control, error) != 0 || error != 0)
        _exit(1);
    for (;;)
        zygote_turn();
}
