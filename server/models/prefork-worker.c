/* SPDX-License-Identifier: MIT */
/* A worker process of --model prefork: see prefork-worker.h. */
#include "server/models/prefork-worker.h"

#include "common/clock.h"
#include "server/models/process.h"
#include "server/session/admission.h"
#include "server/session/linger.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEPT_MAX = 64 };

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
static struct session *take_place(const struct crew *crew, unsigned number)
{
    struct session *place = NULL;

    for (bool wants = false; place == NULL; wants = true) {
        if (wants)
            atomic_store(&crew->common->of[number].wants, true); /* first; look second */
        for (int i = 0; i < PLACES_TO_ACCEPT && place == NULL; i++)
            place = atomic_exchange(&crew->common->of[number].free[i], NULL);
        if (place == NULL && wants)
            door_await_bell(crew->doors, number);
    }
    return place;
}

/* @param fd  a descriptor that goes along; -1: none */
static void report(const struct crew *crew, unsigned number, bool is_end, struct session *session,
                   int fd)
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
    while (sendmsg(crew->reports[1], &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR && errno != ENOBUFS && errno != ENOMEM)
            _exit(1); /* the main process is gone */
}

static void serve(const struct crew *crew, unsigned number, struct session *session, int fd,
                  const struct address *from)
{
    const char *why;

    session_set_up(session, crew->shared, fd, from);
    session->entry.accepted_ns = clock_now_ns();
    session->fd = -1; /* in the main process */
    session->keeper = getpid();
    served = session;
    report(crew, number, false, session, -1);
    door_enter(crew->doors, number);
    why = admission_refusal(session);
    if (why == NULL) {
        process_serve(session, fd, crew->buffer, number);
    } else {
        linger_busy(fd, why);
        session->why = why;
        session->lingers = true;
        session->outcome = OUTCOME_REJECTED;
        session->stage = STAGE_ENDED;
    }
    served = NULL;
    report(crew, number, true, session, session->lingers ? fd : -1);
    close(fd);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Close all descriptors except the standard ones and those that a worker needs. */
static void keep_only_own(const struct crew *crew, unsigned number)
{
    int kept[KEPT_MAX] = {STDERR_FILENO, crew->reports[1], crew->shared->wake_fd};
    unsigned count = 3;

    count += door_descriptors(crew->doors, number, kept + count, KEPT_MAX - count);
    qsort(kept, count, sizeof kept[0], compare);
    for (unsigned i = 0; i < count; i++) {
        unsigned next = i + 1 < count ? (unsigned)kept[i + 1] : ~0U;
        if ((unsigned)kept[i] + 1 < next)
            close_range((unsigned)kept[i] + 1, next - (i + 1 < count), 0);
    }
}

void prefork_work(const struct crew *crew, unsigned number, pid_t parent)
{
    struct sigaction urge = {.sa_handler = on_urge, .sa_flags = SA_RESTART};
    struct session *place;
    struct address from;
    char name[16];
    int fd;

    keep_only_own(crew, number);
    process_begin(crew->shared, parent);
    sigaction(SIGURG, &urge, NULL); /* until here it is ignored, and there is no session */
    snprintf(name, sizeof name, "worker-%u", number);
    prctl(PR_SET_NAME, name);
    place = take_place(crew, number);
    while ((fd = door_accept(crew->doors, number, &from)) >= 0) {
        serve(crew, number, place, fd, &from);
        place = take_place(crew, number);
    }
    _exit(0);
}
