/* SPDX-License-Identifier: MIT */
/*
 * --model prefork: N processes, forked in advance, each of which accepts a connection, serves it to its end, and
 * accepts the next.
 *
 * The design of Apache's first servers (UNP 30.6 to 30.8). As in thread-accept.c no session is handed over, and
 * as in process-pool.c a crash ends one session. How the processes wait and how many a connection wakes is
 * in doors.h.
 *
 *     the loop --fork()--> worker: accepts, serves, accepts ...
 *        ^  ^                 |
 *        |  +---- reports ----+   "begun" and "ended", with the session's address, the same in each process
 *        +---- pidfd: its death
 *
 * The accounting belongs to the main process, which does not see the connection come. So the worker reports
 * each session on a socket, before its client can know of it and before it closes: when the main process has
 * read all reports (catch_up), its counts have all that a client has seen. A session lies in shared memory, in a
 * place that the main process lends: two for each worker, so that it can accept while its last report is
 * on its way.
 *
 * Only the worker has the connection. To end a session the main process writes the verdict as always, and
 * sends SIGURG, whose handler shuts the connection down (session_follow_shut). A worker that is stopped or stuck does
 * not: it is killed a while later, and the session is counted under the verdict. A connection that must linger comes
 * to the main process with the report of its end.
 *
 * A worker that dies is replaced at once; if it has served nothing and lived less than a second, after a
 * pause, 10 ms at first and up to 1 s, so that workers that crash at once do not keep the server busy. One that is
 * killed between accept() and its report takes the connection along uncounted; its client sees the end.
 *
 * What a worker does is in prefork-worker.c; here is what the loop does.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/signal-mask.h"
#include "common/translate.h"
#include "pool/process/calls-internal.h"
#include "server/models/prefork-worker.h"
#include "server/models/process.h"
#include "server/session/store.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_LEAST_NS (SECOND_NS / 100)
#define PAUSE_MOST_NS  SECOND_NS

/* A worker, as the loop knows it. */
struct worker {
    struct prefork_model *model;
    struct event *died; /* the pidfd is readable */
    pid_t pid;          /* 0: there is none */
    int pidfd;
    int64_t forked_ns;
    bool has_served;
    bool has_died;           /* and there may be reports of it that could not be read yet */
    struct session *serving; /* begun, and not ended: NULL: none */
    struct session *lent[PLACES_TO_ACCEPT]; /* not begun */
    int64_t late_ns; /* when it was first seen that it does not do what it must; 0: it does */
};

struct prefork_model {
    struct model base;
    struct crew crew; /* set by create() */

    /* loop only */
    struct event_base *event_base;
    struct event *reported; /* there are reports */
    struct event *again;    /* the pause before workers are replaced is over */
    uint64_t workers;
    int64_t pause_ns; /* the last one; 0: none was needed */
    struct log_gate gate;
    struct worker of[EP_WORKERS_MAX];
};

/* --- in the loop: sessions ----------------------------------------------------------------- */

/* Lend a worker the places that it lacks. Without memory it has fewer. */
static void lend(struct prefork_model *model, unsigned number)
{
    struct worker *worker = &model->of[number];

    for (int i = 0; i < PLACES_TO_ACCEPT; i++)
        if (worker->lent[i] == NULL) {
            worker->lent[i] = store_take(model->crew.shared->store);
            atomic_store(&model->crew.common->of[number].free[i], worker->lent[i]);
        }
    if (atomic_exchange(&model->crew.common->of[number].wants, false))
        door_ring(model->base.doors, number);
}

static void begun(struct prefork_model *model, struct worker *worker, struct session *session)
{
    for (int i = 0; i < PLACES_TO_ACCEPT; i++)
        if (worker->lent[i] == session)
            worker->lent[i] = NULL;
    worker->serving = session;
    accounting_adopt(model->crew.shared->accounting, &session->entry);
    lend(model, (unsigned)(worker - model->of));
}

/* @param fd  its connection, if it must linger; -1: the worker closes it */
static void ended(struct worker *worker, struct session *session, int fd)
{
    worker->serving = NULL;
    worker->has_served = true;
    worker->late_ns = 0;
    if (session->fd >= 0) /* of kill_late(), which came too late */
        close(session->fd);
    session->fd = fd;
    session->lingers = fd >= 0;
    session_end(session);
}

/* Read a report. @return false: there is none now */
static bool read_report(struct prefork_model *model)
{
    struct report report;
    struct iovec part = {.iov_base = &report, .iov_len = sizeof report};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.room};
    struct cmsghdr *header;
    int fd = -1;

    if (recvmsg(model->crew.reports[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !=
        (ssize_t)sizeof report)
        return false;
    header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    if (report.is_end)
        ended(&model->of[report.worker], report.session, fd);
    else
        begun(model, &model->of[report.worker], report.session);
    return true;
}

/* Read all reports. @return false: some may be left, for want of memory; the socket stays readable */
static bool read_reports(struct prefork_model *model)
{
    while (read_report(model))
        continue;
    return errno == EAGAIN;
}

static void catch_up(struct model *base)
{
    struct prefork_model *model = (struct prefork_model *)base;

    if (!read_reports(model))
        return;
    for (unsigned i = 0; i < EP_WORKERS_MAX && model->of[i].model != NULL; i++)
        if (model->of[i].has_died)
            event_active(model->of[i].died, EV_READ, 0);
}

static void on_report(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    catch_up(argument);
}

/* --- in the loop: workers ------------------------------------------------------------------ */

/* Fork a worker, with a pidfd. @return 0, in the parent only, or a negated errno value and no worker */
static int fork_worker(struct prefork_model *model, unsigned number)
{
    struct worker *worker = &model->of[number];
    pid_t parent = getpid();
    sigset_t before = signal_mask_all();
    pid_t pid = fork();
    int rc = pid < 0 ? -errno : 0;

    if (pid == 0)
        prefork_work(&model->crew, number, parent);
    signal_mask_restore(&before);
    if (rc != 0)
        return rc;
    worker->pidfd = pidfd_open(pid, 0);
    if (worker->pidfd < 0)
        rc = -errno;
    worker->pid = pid;
    return rc;
}

static void died(evutil_socket_t fd, short what, void *argument);

/* Take back what a worker had that is not there any more. */
static void clear(struct prefork_model *model, unsigned number)
{
    struct worker *worker = &model->of[number];

    if (worker->died != NULL)
        event_free(worker->died);
    if (worker->pidfd >= 0)
        close(worker->pidfd);
    for (int i = 0; i < PLACES_TO_ACCEPT; i++) {
        atomic_store(&model->crew.common->of[number].free[i], NULL);
        if (worker->lent[i] != NULL)
            store_give(model->crew.shared->store, worker->lent[i]);
    }
    door_clear(model->base.doors, number);
    *worker = (struct worker){.model = model, .pidfd = -1};
}

/* @return 0 or a negated errno value */
static int make_worker(struct prefork_model *model, unsigned number)
{
    struct worker *worker = &model->of[number];
    int rc = door_make(model->base.doors, number);

    *worker = (struct worker){.model = model, .pidfd = -1, .forked_ns = clock_now_ns()};
    if (rc != 0)
        return rc;
    worker->died = event_new(model->event_base, -1, EV_READ, died, worker);
    rc = worker->died == NULL ? -ENOMEM : fork_worker(model, number);
    if (rc == 0) {
        event_assign(worker->died, model->event_base, worker->pidfd, EV_READ, died, worker);
        rc = event_add(worker->died, NULL) == 0 ? 0 : -ENOMEM;
    }
    if (rc != 0 && worker->pid > 0)
        process_kill(worker->pid);
    if (rc != 0)
        clear(model, number);
    else
        lend(
            model,
            number); /* not before: without a place it accepts nothing, so it can still be killed */
    return rc;
}

/* Make the missing workers. @return 0 or a negated errno value */
static int make_workers(struct prefork_model *model)
{
    int rc = 0;

    for (unsigned i = 0; i < model->workers && rc == 0; i++)
        if (model->of[i].pid == 0)
            rc = make_worker(model, i);
    return rc;
}

/* Replace workers that are missing; if that fails, in a while. */
static void replace(struct prefork_model *model)
{
    int rc = make_workers(model);
    struct timeval later = clock_timeval(PAUSE_MOST_NS);

    if (rc == 0)
        return;
    if (log_gate_pass(&model->gate) > 0)
        log_warn("cannot replace a worker: %s; the server tries again every second",
                 translate_error(-rc));
    if (event_add(model->again, &later) != 0)
        event_active(model->again, EV_TIMEOUT, 0);
}

static void on_again(evutil_socket_t fd, short what, void *argument)
{
    struct prefork_model *model = argument;

    (void)fd;
    (void)what;
    if (!doors_are_closed(model->base.doors))
        replace(model);
}

/* Replace a worker, after a pause if workers die at once. */
static void replace_later(struct prefork_model *model, bool at_once)
{
    int64_t next_ns = model->pause_ns == 0 ? PAUSE_LEAST_NS : 2 * model->pause_ns;
    struct timeval later;

    model->pause_ns = !at_once ? 0 : next_ns < PAUSE_MOST_NS ? next_ns : PAUSE_MOST_NS;
    later = clock_timeval(model->pause_ns);
    if (!at_once || event_add(model->again, &later) != 0)
        replace(model);
}

/* A worker has ended: count its session, and replace it if it is still wanted. */
static void died(evutil_socket_t fd, short what, void *argument)
{
    struct worker *worker = argument;
    struct prefork_model *model = worker->model;
    unsigned number = (unsigned)(worker - model->of);
    struct session *session;
    char how[PROCESS_HOW_MAX];
    bool at_once;

    (void)fd;
    (void)what;
    worker->has_died = true;
    if (!read_reports(model)) /* what it reported before: its places must not be given to others */
        return;
    session = worker->serving;
    at_once =
        !worker->has_served && session == NULL && clock_now_ns() - worker->forked_ns < SECOND_NS;
    process_wait(worker->pidfd, how);
    clear(model, number);
    if (session != NULL) {
        session->lingers = false;
        process_session_over(session, how);
    }
    shared_wake(model->crew.shared); /* a stop may wait for it */
    if (doors_want(model->base.doors, number))
        replace_later(model, at_once);
}

/* While the server stops, workers leave, and none is missed. */
static bool has_worker(struct model *base)
{
    struct prefork_model *model = (struct prefork_model *)base;

    for (unsigned i = 0; i < EP_WORKERS_MAX && model->of[i].model != NULL; i++)
        if (model->of[i].pid > 0)
            return true;
    return doors_are_closed(base->doors);
}

static bool owns(struct model *base, pid_t pid)
{
    struct prefork_model *model = (struct prefork_model *)base;

    for (unsigned i = 0; i < EP_WORKERS_MAX && model->of[i].model != NULL; i++)
        if (model->of[i].pid == pid)
            return true;
    return false;
}

/* Check whether a worker has something to do that takes no time: to end its session, or to leave. */
static bool must_act(const struct prefork_model *model, const struct worker *worker)
{
    if (worker->serving != NULL)
        return atomic_load(&worker->serving->verdict) != OUTCOME_SERVED;
    return doors_are_closed(model->base.doors);
}

/*
 * Kill a worker that does not follow. Before that take a copy of its session's connection, if the system allows
 * that: it shows whether bytes are lost (session_loss).
 */
static void kill_late(const struct worker *worker)
{
    struct session *session = worker->serving;

    if (session != NULL && session->fd < 0)
        session->fd = pidfd_getfd(worker->pidfd, session->stream.fd, 0);
    pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
}

/* Kill workers that do not follow. */
static void tend(struct model *base)
{
    struct prefork_model *model = (struct prefork_model *)base;
    int64_t now_ns = clock_now_ns();

    catch_up(base);
    for (unsigned i = 0; i < EP_WORKERS_MAX && model->of[i].model != NULL; i++) {
        struct worker *worker = &model->of[i];
        if (worker->pid == 0)
            continue;
        if (!must_act(model, worker))
            worker->late_ns = 0;
        else if (worker->late_ns == 0)
            worker->late_ns = now_ns;
        else if (now_ns - worker->late_ns >= PROCESS_PATIENCE_NS)
            kill_late(worker);
    }
}

static int start(struct model *base)
{
    return make_workers((struct prefork_model *)base);
}

/* Those that are too many leave after their sessions. */
static int resize(struct model *base, uint64_t workers)
{
    struct prefork_model *model = (struct prefork_model *)base;
    uint64_t before = model->workers;
    int rc;

    model->workers = workers;
    doors_set_workers(base->doors, workers);
    rc = make_workers(model);
    if (rc != 0) {
        model->workers = before;
        doors_set_workers(base->doors, before);
    }
    return rc;
}

/* --- its life ------------------------------------------------------------------------------ */

static void destroy(struct model *base)
{
    struct prefork_model *model = (struct prefork_model *)base;

    for (unsigned i = 0; i < EP_WORKERS_MAX && model->of[i].model != NULL; i++)
        if (model->of[i].pid > 0) {
            process_kill(model->of[i].pid);
            clear(model, i);
        }
    if (model->reported != NULL)
        event_free(model->reported);
    if (model->again != NULL)
        event_free(model->again);
    for (int i = 0; i < 2; i++)
        if (model->crew.reports[i] >= 0)
            close(model->crew.reports[i]);
    if (model->crew.common != MAP_FAILED)
        munmap(model->crew.common, sizeof *model->crew.common);
    doors_free(base->doors);
    free(model->crew.buffer);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct prefork_model *model = calloc(1, sizeof *model);
    int error = 0;
    bool made;

    if (model == NULL)
        return model_no_memory(why);
    model->crew.shared = settings->shared;
    model->event_base = settings->base;
    model->workers = settings->workers;
    model->base.doors = doors_new(settings->shared, settings->workers, settings->wake_all);
    model->crew.doors = model->base.doors;
    model->crew.buffer = malloc(settings->shared->buffer_bytes);
    model->crew.common = mmap(NULL, sizeof *model->crew.common, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, model->crew.reports) != 0) {
        error = errno;
        model->crew.reports[0] = model->crew.reports[1] = -1;
    }
    model->reported =
        event_new(settings->base, model->crew.reports[0], EV_READ | EV_PERSIST, on_report, model);
    model->again = evtimer_new(settings->base, on_again, model);
    made = model->base.doors != NULL && model->crew.buffer != NULL &&
           model->crew.common != MAP_FAILED && model->crew.reports[0] >= 0 &&
           model->reported != NULL && model->again != NULL && event_add(model->reported, NULL) == 0;
    if (made) {
        *result = &model->base;
        return 0;
    }
    destroy(&model->base);
    if (error == 0)
        return model_no_memory(why);
    snprintf(why, MODEL_WHY_MAX, "%s", strerror(error));
    return -error;
}

static const struct call needed[] = {CALL(recvmsg), CALL(sendmsg), CALL(getpid), CALL(getppid),
                                     CALLS_END};

const struct model_type model_prefork = {
    .name = "prefork",
    .unit = "worker",
    .title = "Worker processes",
    .words = "each a process that accepts by itself, and holds one session until it ends",
    .capped = true,
    .processes = true,
    .needs = needed,
    .create = create,
    .start = start,
    .has_worker = has_worker,
    .owns = owns,
    .tend = tend,
    .catch_up = catch_up,
    .resize = resize,
    .destroy = destroy,
};
