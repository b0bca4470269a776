/* SPDX-License-Identifier: MIT */
/*
 * --model fork: a process of its own for every session, as many as there are clients.
 *
 * The oldest design, of inetd and the first web servers. What it buys is that a session that crashes
 * takes nobody with it. What it costs is a fork() for each, some hundred microseconds and pages of
 * its own; and like --model thread it has no answer to "and if more come?" but to fail at
 * some number and to survive that (backoff.h).
 *
 *     the loop --fork()--> child: closes all but its connection, serves, _exit()
 *        ^                   |
 *        +-- pidfd readable -+   reaps it, counts the session as what it came to
 *
 * There is no handler for SIGCHLD and nothing to poll: the end of each child makes its pidfd
 * readable, and by the pidfd it is waited for, so no other process can be mistaken for it. A child
 * dies with its parent (PR_SET_PDEATHSIG), whatever it is doing.
 *
 * A child that is stopped, or stuck, does not notice that it was judged. When a second has passed
 * since the verdict it is killed: the verdict is what the session is counted as.
 */
#include "server/models/backoff.h"
#include "server/models/model.h"
#include "server/models/process.h"

#include "common/clock.h"
#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS SECOND_NS

enum {
    CHILD_FD = 3, /* where a child has its connection: behind the standard descriptors */
    HOW_MAX = 96,
};

/* The loop's own, all of it. */
struct fork_model {
    struct model base;
    struct shared *shared;
    struct event_base *event_base;
    uint64_t max_sessions;
    struct child *all; /* every child that is not reaped yet */
    uint64_t live;     /* how many those are */
    struct backoff backoff;
    unsigned char *buffer; /* no child has it in common with another: each writes to its own copy */
};

/* A child, as the loop sees it. */
struct child {
    struct fork_model *model;
    struct session *session;
    struct event *ended; /* the pidfd is readable */
    int pidfd;
    int64_t judged_ns; /* when the verdict was first seen; 0: there is none */
    struct child *next;
    struct child *previous;
};

/* --- in the child -------------------------------------------------------------------------- */

/*
 * Back to what a fresh process has. A handler of libevent's would write into the loop's own socket;
 * so all signals stay blocked until there is none.
 */
static void reset_signals(struct shared *shared)
{
    struct sigaction action;
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN)
            signal(number, SIG_DFL);
    process_enter(shared);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_main(const struct fork_model *model, struct session *session,
                                 pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before we could ask to die with it */
        _exit(1);
    if (session->fd != CHILD_FD && dup2(session->fd, CHILD_FD) < 0)
        _exit(1);
    close_range(CHILD_FD + 1, ~0U, 0);
    reset_signals(model->shared);
    process_serve(session, CHILD_FD, model->buffer, 0);
    _exit(0);
}

/* --- in the loop --------------------------------------------------------------------------- */

/* Wait for a child that has ended, or is about to, and forget it. Says in words how it ended. */
static void reap(struct child *child, char how[static HOW_MAX])
{
    struct fork_model *model = child->model;
    siginfo_t status = {0};

    /* ECHILD: who started the server has it ignore SIGCHLD, and the kernel has reaped already. */
    while (waitid(P_PIDFD, (id_t)child->pidfd, &status, WEXITED) != 0 && errno == EINTR)
        continue;
    snprintf(how, HOW_MAX, "its process %d %s %d", (int)status.si_pid,
             status.si_code == CLD_EXITED ? "exited with status" : "was killed by signal",
             status.si_status);
    event_free(child->ended);
    close(child->pidfd);
    if (child->previous != NULL)
        child->previous->next = child->next;
    else
        model->all = child->next;
    if (child->next != NULL)
        child->next->previous = child->previous;
    model->live--;
    free(child);
}

static void child_ended(evutil_socket_t fd, short what, void *argument)
{
    struct child *child = argument;
    struct fork_model *model = child->model;
    struct session *session = child->session;
    char how[HOW_MAX];

    (void)fd;
    (void)what;
    reap(child, how);
    backoff_reset(&model->backoff); /* there is room again */
    process_session_over(session, how);
}

/* See to it that those who were judged go. */
static void tend(struct model *base)
{
    struct fork_model *model = (struct fork_model *)base;
    int64_t now_ns = clock_now_ns();

    for (struct child *child = model->all; child != NULL; child = child->next) {
        if (atomic_load(&child->session->verdict) == OUTCOME_SERVED)
            continue;
        if (child->judged_ns == 0)
            child->judged_ns = now_ns;
        else if (now_ns - child->judged_ns >= PATIENCE_NS)
            pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
    }
}

/*
 * Fork, with a pidfd. Once there is a child nothing may fail any more: it may have begun. So the
 * pidfd's place is held beforehand by a copy of some descriptor.
 *
 * @return 0, in the parent only, or a negated errno value and no child
 */
static int fork_child(struct child *child)
{
    pid_t parent = getpid();
    int place = fcntl(child->session->fd, F_DUPFD_CLOEXEC, CHILD_FD);
    sigset_t all;
    sigset_t before;
    pid_t pid;
    int rc = 0;

    if (place < 0)
        return -errno;
    sigfillset(&all);
    MUST(pthread_sigmask(SIG_SETMASK, &all, &before));
    pid = fork();
    if (pid == 0)
        child_main(child->model, child->session, parent);
    if (pid < 0)
        rc = -errno;
    MUST(pthread_sigmask(SIG_SETMASK, &before, NULL));
    close(place);
    if (rc != 0)
        return rc;
    child->pidfd = pidfd_open(pid, 0);
    if (child->pidfd < 0) { /* no memory in the kernel */
        rc = -errno;
        kill(pid, SIGKILL); /* it is not waited for yet, so it is still the one */
        waitpid(pid, NULL, 0);
    }
    return rc;
}

/* @return 0 or a negated errno value */
static int make_child(struct fork_model *model, struct session *session)
{
    struct child *child = calloc(1, sizeof *child);
    int rc = -ENOMEM;

    if (child == NULL)
        return -ENOMEM;
    child->model = model;
    child->session = session;
    child->ended = event_new(model->event_base, -1, EV_READ, child_ended, child);
    /* It waits for nobody, so its time runs from here on, whenever its process gets to begin. */
    atomic_store_explicit(&session->entry.begun_ns, clock_now_ns(), memory_order_relaxed);
    if (child->ended != NULL)
        rc = fork_child(child);
    if (rc != 0) {
        if (child->ended != NULL)
            event_free(child->ended);
        free(child);
        atomic_store_explicit(&session->entry.begun_ns, 0, memory_order_relaxed);
        return rc;
    }
    child->next = model->all;
    if (model->all != NULL)
        model->all->previous = child;
    model->all = child;
    model->live++;
    event_assign(child->ended, model->event_base, child->pidfd, EV_READ, child_ended, child);
    if (event_add(child->ended, NULL) != 0) {
        pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0); /* nobody would see its end */
        child_ended(child->pidfd, EV_READ, child);
    }
    return 0;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct fork_model *model = (struct fork_model *)base;
    int rc;

    if (model->live >= model->max_sessions) {
        snprintf(why, MODEL_WHY_MAX,
                 "no process for you: %" PRIu64 " sessions are the most allowed",
                 model->max_sessions);
        return -EAGAIN;
    }
    rc = backoff_refusal(&model->backoff, why);
    if (rc != 0)
        return rc;
    rc = make_child(model, session);
    if (rc != 0)
        return backoff_failed(&model->backoff, session, rc, model->live, why);
    backoff_reset(&model->backoff);
    return 0;
}

/* There is no cap, so there is always room; dispatch finds out when there is none. */
static bool has_room(struct model *base)
{
    (void)base;
    return true;
}

static void destroy(struct model *base)
{
    struct fork_model *model = (struct fork_model *)base;
    char how[HOW_MAX];

    while (model->all != NULL) {
        pidfd_send_signal(model->all->pidfd, SIGKILL, NULL, 0);
        reap(model->all, how);
    }
    free(model->buffer);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct fork_model *model = calloc(1, sizeof *model);

    if (model != NULL)
        model->buffer = malloc(settings->shared->buffer_bytes);
    if (model == NULL || model->buffer == NULL) {
        snprintf(why, MODEL_WHY_MAX, "no memory");
        free(model);
        return -ENOMEM;
    }
    model->shared = settings->shared;
    model->event_base = settings->base;
    model->max_sessions = settings->max_sessions;
    model->backoff.what = "process";
    *result = &model->base;
    return 0;
}

const struct model_type model_fork = {
    .name = "fork",
    .unit = "process",
    .title = "A process each",
    .words = "from accept to its end",
    .capped = false,
    .processes = true,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .tend = tend,
    .destroy = destroy,
};
