/* SPDX-License-Identifier: MIT */
/*
 * The process from which worker processes are forked.
 *
 * DESIGN
 *
 *     program --- control: "a new executor, this is its line" ---> zygote --fork--> workers
 *             <-- control: 0, or why not ------------------------
 *     executor <== line: orders one way, reports the other ======>
 *
 * fork() copies one thread, and every lock in its present state, so a program with threads must not
 * fork workers itself. The zygote is forked while the program has one thread. It only waits in
 * poll(), and forks from that state when an executor orders a worker: see zygote-process.c.
 * This file is what the program does.
 */
#include "pool/process/zygote-internal.h"

#include "pool/cancel-internal.h"
#include "pool/here-internal.h"
#include "pool/park-internal.h"
#include "pool/process/calls-internal.h"
#include "pool/process/wire-internal.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if __has_include(<sys/single_threaded.h>) /* glibc 2.32 */
#    include <sys/single_threaded.h>
#    define LIBC_KNOWS_ONE_THREAD (__libc_single_threaded != 0)
#else
#    define LIBC_KNOWS_ONE_THREAD false /* unknown: refuse, because a lock may be held */
#endif

struct ep_zygote {
    int control;
    int pidfd;
    const bool *here;      /* see here-internal.h */
    pthread_mutex_t mutex; /* held from a request on the control socket to its answer */
};

/** Receive the answer of the zygote to its start or to a request. @return 0 or the reason */
static int receive_answer(int control)
{
    int32_t error;
    struct wire_message message;
    int rc = wire_receive(control, &error, sizeof error, 0, &message);

    if (rc != 0)
        return rc;
    wire_close_fds(&message, 0);
    return message.size == sizeof error ? -error : -EPROTO;
}

/**
 * ThreadSanitizer has up to two threads in a process, which it stops around fork(). scripts/check-machines
 * sets another number for qemu.
 */
#if defined(__SANITIZE_THREAD__)
#    define THREADS_OF_ITS_OWN 2u
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define THREADS_OF_ITS_OWN 2u
#    endif
#endif
#ifndef THREADS_OF_ITS_OWN
#    define THREADS_OF_ITS_OWN 0u
#endif

/**
 * Look once whether this process has one thread. The kernel allows unshare(CLONE_THREAD), which
 * changes nothing, in exactly that case. A sandbox may forbid the call; then /proc has a list, if it
 * is there, or else the C library knows of the threads that it has made.
 *
 * @return 0 if so, EP_ETHREADS, or -errno if it cannot be known for want of descriptors or memory
 */
static int look_for_threads(void)
{
    int unshared = unshare(CLONE_THREAD) == 0 ? 0 : errno, rc;
    struct dirent *entry;
    unsigned count = 0;
    DIR *threads;

    if (unshared == 0)
        return 0;
    threads = opendir("/proc/self/task");
    if (threads == NULL) {
        rc = errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : EP_ETHREADS;
        if (unshared == EINVAL && THREADS_OF_ITS_OWN == 0)
            return EP_ETHREADS;
        return LIBC_KNOWS_ONE_THREAD ? 0 : rc;
    }
    while ((entry = readdir(threads)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(threads);
    return count <= 1 + THREADS_OF_ITS_OWN ? 0 : EP_ETHREADS;
}

/**
 * Check that this process has one thread. A joined thread may still be known for a moment, because
 * pthread_join() returns just before the kernel has removed the thread. No event reports the
 * removal, so this looks a few times.
 */
static int check_threads(void)
{
    int rc = look_for_threads();

    for (int looks = 1; rc == EP_ETHREADS && looks < 20; looks++) {
        poll(NULL, 0, 1);
        rc = look_for_threads();
    }
    return rc;
}

/**
 * Fork.
 *
 * @param ends     the two ends of the control socket; the zygote's is the second, and is closed
 *                 here once it has it
 * @param program  a pidfd of this process
 * @return         0, -errno, or the reason why the zygote could not start
 */
static int zygote_fork(struct ep_zygote *zygote, int ends[2], int program)
{
    pid_t pid;
    int rc;

    fflush(NULL); /* or the child would write a copy of the buffered output */
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        zygote_process(ends, program);
    close(ends[1]);
    ends[1] = -1;
    zygote->pidfd = pidfd_open(pid, 0);
    rc = zygote->pidfd < 0 ? -errno : receive_answer(ends[0]);
    if (rc == 0)
        return 0;
    kill(pid, SIGKILL); /* a child that was not waited for: pid still means it */
    waitpid(pid, NULL, 0);
    if (zygote->pidfd >= 0)
        close(zygote->pidfd);
    return rc;
}

int ep_zygote_new(struct ep_zygote **zygote)
{
    HOLD_CANCELLATION;
    struct ep_zygote *made;
    int ends[2], program, rc;

    if (zygote == NULL)
        return -EINVAL;
    if ((rc = check_threads()) != 0)
        return rc;
    if ((made = malloc(sizeof *made)) == NULL || (made->here = here_new()) == NULL) {
        free(made);
        return -ENOMEM;
    }
    program = pidfd_open(getpid(), 0);
    /* The executors send signals only so; a sandbox that forbids it is noticed here. */
    if (program < 0 || pidfd_send_signal(program, 0, NULL, 0) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        rc = -errno;
        if (program >= 0)
            close(program);
        here_free(made->here);
        free(made);
        return rc;
    }
    rc = zygote_fork(made, ends, program);
    if (ends[1] >= 0)
        close(ends[1]);
    close(program);
    if (rc != 0) {
        close(ends[0]);
        here_free(made->here);
        free(made);
        return rc;
    }
    made->control = ends[0];
    EP_ASSERT(pthread_mutex_init(&made->mutex, NULL) == 0);
    *zygote = made;
    return 0;
}

void ep_zygote_free(struct ep_zygote *zygote)
{
    HOLD_CANCELLATION;

    if (zygote == NULL)
        return;
    if (*zygote->here) { /* else it still serves the parent of this process */
        /* Its executors have been freed and their workers have ended: it may be killed. If a
         * sandbox forbids that by now, the end of the control socket ends it. */
        if (pidfd_send_signal(zygote->pidfd, SIGKILL, NULL, 0) != 0)
            shutdown(zygote->control, SHUT_RDWR);
        while (waitid(P_PIDFD, (id_t)zygote->pidfd, &(siginfo_t){0}, WEXITED) != 0 &&
               errno == EINTR)
            ;
        pthread_mutex_destroy(&zygote->mutex);
    }
    close(zygote->pidfd);
    close(zygote->control);
    here_free(zygote->here);
    free(zygote);
}

void zygote_continue(struct ep_zygote *zygote)
{
    (void)pidfd_send_signal(zygote->pidfd, SIGCONT, NULL, 0);
}

int zygote_connect(struct ep_zygote *zygote)
{
    HOLD_CANCELLATION;
    struct iovec part = {.iov_base = (char[]){'c'}, .iov_len = 1};
    int ends[2], rc;

    if (!*zygote->here)
        return EP_EFORKED;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return -errno;
    EP_ASSERT(pthread_mutex_lock(&zygote->mutex) == 0);
    rc = wire_send(zygote->control, &part, 1, &ends[1], 1, 0);
    if (rc == 0)
        rc = receive_answer(zygote->control);
    EP_ASSERT(pthread_mutex_unlock(&zygote->mutex) == 0);
    close(ends[1]);
    if (rc == 0)
        return ends[0];
    close(ends[0]);
    return rc == -ETOOMANYREFS ? -EMFILE : rc; /* all that this user may have are under way */
}
