/* SPDX-License-Identifier: MIT */
/*
 * --model fork: a process for every session, as many as there are clients.
 *
 * The oldest design, of inetd and the first web servers. A session that crashes ends no other session.
 * The price is a fork() for each, some hundred microseconds and private pages; and like --model thread
 * it has no bound, so that it fails at some number of clients and must survive that (spawn-backoff.h).
 *
 *     the loop --fork()--> child: closes all other descriptors, serves, _exit()
 *        ^                   |
 *        +-- pidfd readable -+   waits for it, counts the session under its outcome
 *
 * There is no handler for SIGCHLD and nothing to poll: the end of a child makes its pidfd readable, and
 * the loop waits by pidfd, so that it takes no other process for the child. A child dies with its
 * parent (PR_SET_PDEATHSIG), whatever it is doing.
 *
 * A child that is stopped or stuck does not notice a verdict, by which the loop ends its session. So
 * the loop kills it a while later, and the session is counted under the verdict.
 */
#include "common/clock.h"
#include "common/must.h"
#include "common/signal-mask.h"
#include "pool/process/calls-internal.h"
#include "server/models/model.h"
#include "server/models/process.h"
#include "server/models/spawn-backoff.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHILD_FD = 3, /* a child's connection, after the standard descriptors */
};

/* Loop only. */
struct fork_model {
    struct model base;
    struct shared *shared;
    struct event_base *event_base;
    uint64_t max_sessions;
    LIST_HEAD(, child) all; /* children that are not waited for yet */
    uint64_t live;          /* how many those are */
    struct spawn_backoff backoff;
    unsigned char *buffer; /* each child writes to its own copy */
};

/* A child and its session. */
struct child {
    struct fork_model *model;
    struct session *session;
    struct event *ended; /* the pidfd is readable */
    int pidfd;
    pid_t pid;
    int64_t judged_ns; /* when the verdict was first seen; 0: there is none */
    LIST_ENTRY(child) all;
};

/* --- in the child -------------------------------------------------------------------------- */

static _Noreturn void child_main(const struct fork_model *model, struct session *session,
                                 pid_t parent)
{
    if (session->fd != CHILD_FD && dup2(session->fd, CHILD_FD) < 0)
        _exit(1);
    close_range(CHILD_FD + 1, ~0U, 0);
    process_begin(model->shared, parent);
    process_serve(session, CHILD_FD, model->buffer, 0);
    _exit(0);
}

/* --- in the loop --------------------------------------------------------------------------- */

/* Wait for a child that has ended, or is about to, and release it. Write how it ended. */
static void reap(struct child *child, char how[static PROCESS_HOW_MAX])
{
    struct fork_model *model = child->model;

    process_wait(child->pidfd, how);
    event_free(child->ended);
    close(child->pidfd);
    LIST_REMOVE(child, all);
    model->live--;
    free(child);
}

/* Count the session of a child that has ended. */
static void child_ended(evutil_socket_t fd, short what, void *argument)
{
    struct child *child = argument;
    struct fork_model *model = child->model;
    struct session *session = child->session;
    char how[PROCESS_HOW_MAX];

    (void)fd;
    (void)what;
    reap(child, how);
    spawn_backoff_reset(&model->backoff); /* there is room again */
    process_session_over(session, how);
}

static bool owns(struct model *base, pid_t pid)
{
    struct child *child;

    LIST_FOREACH(child, &((struct fork_model *)base)->all, all)
    if (child->pid == pid)
        return true;
    return false;
}

/* Kill children that have not followed a verdict. */
static void tend(struct model *base)
{
    struct fork_model *model = (struct fork_model *)base;
    int64_t now_ns = clock_now_ns();

    for (struct child *child = LIST_FIRST(&model->all); child; child = LIST_NEXT(child, all)) {
        if (atomic_load(&child->session->verdict) == OUTCOME_SERVED)
            continue;
        if (child->judged_ns == 0)
            child->judged_ns = now_ns;
        else if (now_ns - child->judged_ns >= PROCESS_PATIENCE_NS)
            pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
    }
}

/*
 * Fork, with a pidfd. Once there is a child it may have begun to serve, so nothing should fail any more:
 * a copy of some descriptor reserves a place for the pidfd.
 *
 * @return 0, in the parent only, or a negated errno value and no child
 */
static int fork_child(struct child *child)
{
    pid_t parent = getpid();
    int place = fcntl(child->session->fd, F_DUPFD_CLOEXEC, CHILD_FD);
    sigset_t before;
    pid_t pid;
    int rc = 0;

    if (place < 0)
        return -errno;
    before = signal_mask_all();
    pid = fork();
    if (pid == 0)
        child_main(child->model, child->session, parent);
    if (pid < 0)
        rc = -errno;
    signal_mask_restore(&before);
    close(place);
    if (rc != 0)
        return rc;
    child->pid = pid;
    child->pidfd = pidfd_open(pid, 0);
    if (child->pidfd < 0) { /* no memory in the kernel */
        rc = -errno;
        process_kill(pid);
        shutdown(child->session->fd, SHUT_RDWR); /* no BUSY line behind what the child has echoed */
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
    /* No session waits for a process, so its time runs from here, whenever the process begins. */
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
    LIST_INSERT_HEAD(&model->all, child, all);
    model->live++;
    event_assign(child->ended, model->event_base, child->pidfd, EV_READ, child_ended, child);
    if (event_add(child->ended, NULL) != 0) {
        pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0); /* the loop would not see its end */
        child_ended(child->pidfd, EV_READ, child);
    }
    return 0;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct fork_model *model = (struct fork_model *)base;
    int rc;

    if (model->live >= model->max_sessions)
        return model_most(model->max_sessions, why);
    rc = spawn_backoff_refusal(&model->backoff, why);
    if (rc != 0)
        return rc;
    rc = make_child(model, session);
    if (rc != 0)
        return spawn_backoff_failed(&model->backoff, session, rc, model->live, why);
    spawn_backoff_reset(&model->backoff);
    return 0;
}

static void destroy(struct model *base)
{
    struct fork_model *model = (struct fork_model *)base;
    char how[PROCESS_HOW_MAX];

    while (!LIST_EMPTY(&model->all)) {
        struct child *child = LIST_FIRST(&model->all);
        pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
        reap(child, how);
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
        free(model);
        return model_no_memory(why);
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
    .processes = true,
    .create = create,
    .dispatch = dispatch,
    .owns = owns,
    .tend = tend,
    .destroy = destroy,
};
