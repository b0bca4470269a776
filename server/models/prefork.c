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
 * sends SIGURG, whose handler shuts the connection down (session_follow_shut). A worker that is stopped or stuck does not:
 * it is killed a while later, and the session is counted under the verdict. A connection that must linger comes to
 * the main process with the report of its end.
 *
 * A worker that dies is replaced at once; if it has served nothing and lived less than a second, after a
 * pause, 10 ms at first and up to 1 s, so that workers that crash at once do not keep the server busy. One that is
 * killed between accept() and its report takes the connection along uncounted; its client sees the end.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/signal-mask.h"
#include "common/translate.h"
#include "pool/echopool.h"
#include "server/models/model.h"
#include "server/models/process.h"
#include "server/session/admission.h"
#include "server/session/linger.h"
#include "server/session/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_LEAST_NS (SECOND_NS / 100)
#define PAUSE_MOST_NS  SECOND_NS

enum { KEPT_MAX = 64 };

/* What the processes share, besides struct shared, the sessions and the doors. */
struct common {
    struct {
        _Atomic(struct session *) free[PLACES_TO_ACCEPT]; /* lent, and not taken yet */
        atomic_bool wants;                                /* the worker waits for one */
    } of[EP_WORKERS_MAX];
};

/* What a worker reports. */
struct report {
    uint32_t worker;
    uint32_t is_end;
    struct session *session;
};

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
    /* set by create(); workers have copies */
    struct shared *shared;
    struct common *common;
    unsigned char *buffer; /* each worker writes to its own copy */
    int reports[2];        /* a socket pair: read by the loop, written by the workers */

    /* loop only */
    struct event_base *event_base;
    struct event *reported; /* there are reports */
    struct event *again;    /* the pause before workers are replaced is over */
    uint64_t workers;
    int64_t pause_ns; /* the last one; 0: none was needed */
    struct log_gate gate;
    struct worker of[EP_WORKERS_MAX];
};

/* --- in a worker --------------------------------------------------------------------------- */

static struct session *volatile served; /* by this process */

/* SIGURG: shut down the connection as the main process has asked for. */
static void on_urge(int number)
{
    struct session *session = served;
    int error = errno;

    (void)number;
    if (session != NULL)
        session_follow_shut(session);
    errno = error;
}

/* Take a place that was lent; wait for one if the main process is behind. */
static struct session *take_place(const struct prefork_model *model, unsigned number)
{
    struct session *place = NULL;

    for (bool wants = false; place == NULL; wants = true) {
        if (wants)
            atomic_store(&model->common->of[number].wants, true); /* first; look second */
        for (int i = 0; i < PLACES_TO_ACCEPT && place == NULL; i++)
            place = atomic_exchange(&model->common->of[number].free[i], NULL);
        if (place == NULL && wants)
            door_await_bell(model->base.doors, number);
    }
    return place;
}

/* @param fd  a descriptor that goes along; -1: none */
static void report(const struct prefork_model *model, unsigned number, bool is_end,
                   struct session *session, int fd)
{
    struct report report = {.worker = number, .is_end = is_end, .session = session};
    struct iovec part = {.iov_base = &report, .iov_len = sizeof report};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union {
        struct cmsghdr header; /* for its alignment */
        char room[CMSG_SPACE(sizeof fd)];
    } control = {0};

    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    while (sendmsg(model->reports[1], &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR && errno != ENOBUFS && errno != ENOMEM)
            _exit(1); /* the main process is gone */
}

static void serve(const struct prefork_model *model, unsigned number, struct session *session,
                  int fd, const struct address *from)
{
    const char *why;

    session_set_up(session, model->shared, fd, from);
    session->entry.accepted_ns = clock_now_ns();
    session->fd = -1; /* in the main process */
    session->keeper = getpid();
    served = session;
    report(model, number, false, session, -1);
    door_enter(model->base.doors, number);
    why = admission_refusal(session);
    if (why == NULL) {
        process_serve(session, fd, model->buffer, number);
    } else {
        linger_busy(fd, why);
        session->why = why;
        session->lingers = true;
        session->outcome = OUTCOME_REJECTED;
        session->stage = STAGE_ENDED;
    }
    served = NULL;
    report(model, number, true, session, session->lingers ? fd : -1);
    close(fd);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Close all descriptors except the standard ones and those that a worker needs. */
static void keep_only_own(const struct prefork_model *model, unsigned number)
{
    int kept[KEPT_MAX] = {STDERR_FILENO, model->reports[1], model->shared->wake_fd};
    unsigned count = 3;

    count += door_descriptors(model->base.doors, number, kept + count, KEPT_MAX - count);
    qsort(kept, count, sizeof kept[0], compare);
    for (unsigned i = 0; i < count; i++) {
        unsigned next = i + 1 < count ? (unsigned)kept[i + 1] : ~0U;
        if ((unsigned)kept[i] + 1 < next)
            close_range((unsigned)kept[i] + 1, next - (i + 1 < count), 0);
    }
}

static _Noreturn void worker_main(const struct prefork_model *model, unsigned number, pid_t parent)
{
    struct sigaction urge = {.sa_handler = on_urge, .sa_flags = SA_RESTART};
    struct session *place;
    struct address from;
    char name[16];
    int fd;

    keep_only_own(model, number);
    process_begin(model->shared, parent);
    sigaction(SIGURG, &urge, NULL); /* until here it is ignored, and there is no session */
    snprintf(name, sizeof name, "worker-%u", number);
    prctl(PR_SET_NAME, name);
    place = take_place(model, number);
    while ((fd = door_accept(model->base.doors, number, &from)) >= 0) {
        serve(model, number, place, fd, &from);
        place = take_place(model, number);
    }
    _exit(0);
}

/* --- in the loop: sessions ----------------------------------------------------------------- */

/* Lend a worker the places that it lacks. Without memory it has fewer. */
static void lend(struct prefork_model *model, unsigned number)
{
    struct worker *worker = &model->of[number];

    for (int i = 0; i < PLACES_TO_ACCEPT; i++)
        if (worker->lent[i] == NULL) {
            worker->lent[i] = store_take(model->shared->store);
            atomic_store(&model->common->of[number].free[i], worker->lent[i]);
        }
    if (atomic_exchange(&model->common->of[number].wants, false))
        door_ring(model->base.doors, number);
}

static void begun(struct prefork_model *model, struct worker *worker, struct session *session)
{
    for (int i = 0; i < PLACES_TO_ACCEPT; i++)
        if (worker->lent[i] == session)
            worker->lent[i] = NULL;
    worker->serving = session;
    accounting_adopt(model->shared->accounting, &session->entry);
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

    if (recvmsg(model->reports[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !=
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
        worker_main(model, number, parent);
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
        atomic_store(&model->common->of[number].free[i], NULL);
        if (worker->lent[i] != NULL)
            store_give(model->shared->store, worker->lent[i]);
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
    shared_wake(model->shared); /* a stop may wait for it */
    if (doors_want(model->base.doors, number))
        replace_later(model, at_once);
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
        if (model->reports[i] >= 0)
            close(model->reports[i]);
    if (model->common != MAP_FAILED)
        munmap(model->common, sizeof *model->common);
    doors_free(base->doors);
    free(model->buffer);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct prefork_model *model = calloc(1, sizeof *model);
    bool made;

    if (model == NULL)
        return model_no_memory(why);
    model->shared = settings->shared;
    model->event_base = settings->base;
    model->workers = settings->workers;
    model->base.doors = doors_new(settings->shared, settings->workers, settings->wake_all);
    model->buffer = malloc(settings->shared->buffer_bytes);
    model->common = mmap(NULL, sizeof *model->common, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, model->reports) != 0)
        model->reports[0] = model->reports[1] = -1;
    model->reported =
        event_new(settings->base, model->reports[0], EV_READ | EV_PERSIST, on_report, model);
    model->again = evtimer_new(settings->base, on_again, model);
    made = model->base.doors != NULL && model->buffer != NULL && model->common != MAP_FAILED &&
           model->reports[0] >= 0 && model->reported != NULL && model->again != NULL &&
           event_add(model->reported, NULL) == 0;
    if (made) {
        *result = &model->base;
        return 0;
    }
    destroy(&model->base);
    return model_no_memory(why);
}

const struct model_type model_prefork = {
    .name = "prefork",
    .unit = "worker",
    .title = "Worker processes",
    .words = "each a process that accepts by itself, and holds one session until it ends",
    .capped = true,
    .processes = true,
    .create = create,
    .start = start,
    .owns = owns,
    .tend = tend,
    .catch_up = catch_up,
    .resize = resize,
    .destroy = destroy,
};
