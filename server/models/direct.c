/* SPDX-License-Identifier: MIT */
/* Accepting in workers that stand by: see direct.h. */
#include "server/models/direct.h"

#include "common/must.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define TO_ONE_WORKER (EPOLLIN | EPOLLONESHOT)

void direct_init(struct direct *direct)
{
    *direct = (struct direct){.socket = -1, .standby = -1, .watched = -1, .bell = -1};
    MUST(pthread_mutex_init(&direct->lock, NULL));
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void direct_clear(struct direct *direct)
{
    close_one(&direct->standby);
    close_one(&direct->watched);
    close_one(&direct->bell);
    pthread_mutex_destroy(&direct->lock);
}

static void lock(struct direct *direct)
{
    MUST(pthread_mutex_lock(&direct->lock));
}

void direct_unlock(struct direct *direct)
{
    MUST(pthread_mutex_unlock(&direct->lock));
}

/* --- who watches the socket ---------------------------------------------------------------- */

static int add(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Change what an epoll reports of the socket. A connection that waits already is reported at once. */
static void watch(const struct direct *direct, int epoll, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = direct->socket};

    MUST(epoll_ctl(epoll, EPOLL_CTL_MOD, direct->socket, &event));
}

int direct_start(struct direct *direct, int socket, struct accept_failures *failures)
{
    direct->socket = socket;
    direct->failures = failures;
    direct->standby = epoll_create1(EPOLL_CLOEXEC);
    direct->watched = epoll_create1(EPOLL_CLOEXEC);
    direct->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return direct->standby >= 0 && direct->watched >= 0 && direct->bell >= 0 &&
                   add(direct->standby, direct->bell, EPOLLIN) == 0 &&
                   add(direct->standby, socket, 0) == 0 &&
                   add(direct->watched, socket, EPOLLIN) == 0
               ? 0
               : -errno;
}

int direct_watched(const struct direct *direct)
{
    return direct->watched;
}

/* --- the loop ------------------------------------------------------------------------------ */

/* Have the loop watch the socket, unless it will look by itself, or workers watch. */
static void watch_by_loop_locked(struct direct *direct)
{
    if (!direct->deferred && direct->standing == 0)
        watch(direct, direct->watched, EPOLLIN);
}

static void recall_locked(struct direct *direct)
{
    if (direct->standing == 0)
        return;
    direct->recall++;
    direct->returning += direct->standing;
    direct->standing = 0;
    watch(direct, direct->standby, 0);
    watch_by_loop_locked(direct);
    MUST(eventfd_write(direct->bell, 1));
}

bool direct_defer(struct direct *direct)
{
    bool defers;

    lock(direct);
    defers = direct->standing == 0 && direct->taken > 0;
    direct->taken = 0;
    if (defers) {
        direct->deferred = true;
        watch(direct, direct->watched, 0);
    }
    direct_unlock(direct);
    return defers;
}

void direct_resume(struct direct *direct)
{
    lock(direct);
    direct->deferred = false;
    watch_by_loop_locked(direct);
    direct_unlock(direct);
}

void direct_recall(struct direct *direct)
{
    lock(direct);
    recall_locked(direct);
    direct_unlock(direct);
}

void direct_open(struct direct *direct, bool open)
{
    lock(direct);
    direct->open = open;
    if (!open)
        recall_locked(direct);
    direct_unlock(direct);
}

bool direct_lock(struct direct *direct)
{
    lock(direct);
    return direct->standing == 0;
}

/* --- a worker ------------------------------------------------------------------------------ */

/* Accept a connection and count it. *empty: there was none. An error that stays is the loop's as well, which pauses. */
static struct session *accept_locked(struct direct *direct, const struct direct_client *client,
                                     bool *empty)
{
    struct address from = {.length = sizeof from.storage};
    struct session *session = NULL;
    int fd = accept4(direct->socket, (struct sockaddr *)&from.storage, &from.length, SOCK_CLOEXEC);

    *empty = fd < 0 && accept_asks_again(errno);
    if (fd >= 0) {
        accept_succeeded(direct->failures);
        direct->taken++;
        session = admission_enter(client->shared, fd, &from);
    } else if (!*empty) {
        (void)accept_failed(direct->failures, errno);
    }
    if (session != NULL)
        client->entered(client->context, session);
    return session;
}

/* Begin to stand by. */
static void stand_locked(struct direct *direct)
{
    if (direct->standing++ > 0)
        return;
    if (!direct->deferred)
        watch(direct, direct->watched, 0);
    watch(direct, direct->standby, TO_ONE_WORKER);
}

/* Stand by no longer: others do, or the loop watches. */
static void leave_locked(struct direct *direct)
{
    if (--direct->standing > 0)
        watch(direct, direct->standby, TO_ONE_WORKER);
    else
        watch_by_loop_locked(direct);
}

/* Return after a recall. The last one stops the bell. */
static void return_locked(struct direct *direct)
{
    eventfd_t ignored;

    if (--direct->returning == 0)
        (void)eventfd_read(direct->bell, &ignored);
}

/* Sleep until a connection has come, or the bell rings. */
static void sleep_unlocked(struct direct *direct)
{
    struct epoll_event event;

    direct_unlock(direct);
    while (epoll_wait(direct->standby, &event, 1, -1) < 0 && errno == EINTR)
        continue;
    lock(direct);
}

/*
 * Stand by, with the lock. Another worker may have taken the connection: then go on. One whose client was rejected, or
 * that finds an error, goes back to the pool: the loop watches, or others do.
 */
static struct session *stand_by_locked(struct direct *direct, const struct direct_client *client)
{
    uint64_t recall = direct->recall;
    struct session *session;
    bool empty;

    stand_locked(direct);
    for (;;) {
        sleep_unlocked(direct);
        if (direct->recall != recall) {
            return_locked(direct);
            return NULL;
        }
        session = accept_locked(direct, client, &empty);
        if (!empty)
            break;
        watch(direct, direct->standby, TO_ONE_WORKER);
    }
    leave_locked(direct);
    return session;
}

struct session *direct_await(struct direct *direct, const struct direct_client *client,
                             unsigned worker)
{
    struct session *session = NULL;
    bool empty;

    lock(direct);
    if (direct->open && direct->returning == 0 && client->may_stand(client->context, worker)) {
        session = accept_locked(direct, client, &empty);
        if (empty)
            session = stand_by_locked(direct, client);
    }
    direct_unlock(direct);
    return session;
}
