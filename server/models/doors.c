/* SPDX-License-Identifier: MIT */
/* Accepting in the workers: see doors.h. */
#include "server/models/doors.h"

#include "common/clock.h"
#include "pool/echopool.h"
#include "server/session/admission.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAST_LOOK_NS SECOND_NS

enum state { STATE_PAUSED, STATE_OPEN, STATE_CLOSED };

/* Where a worker is. */
enum place {
    PLACE_AWAY,    /* it has not begun, or has left */
    PLACE_DOOR,    /* it may accept at any moment */
    PLACE_PAUSED,  /* it waits for its bell */
    PLACE_FAILING, /* it pauses after an error */
    PLACE_SESSION, /* it serves */
};

/* A worker's. Not in one cache line with another worker's. */
struct door {
    /* set by the loop before the worker begins, and after it has ended */
    bool is_made;
    int bell;
    int epoll;

    /* written by the worker, read by the loop */
    _Alignas(64) _Atomic uint32_t place;
    _Atomic uint64_t wakeups;
    _Atomic uint64_t in_vain;
    struct accept_failures failures;
};

struct doors {
    /* set before the first worker, then read-only */
    const struct shared *shared;
    bool wake_all;
    int *fds;
    unsigned count; /* of each worker */
    uint64_t sets;

    /* loop only */
    unsigned most; /* workers that ever had a door, from 0 on */

    /* written by the loop, read by all */
    _Atomic uint32_t state;
    _Atomic uint64_t workers;

    struct log_gate
        gate; /* of all: what fails for one fails for each of them, and is logged once */
    struct door of[EP_WORKERS_MAX];
};

struct doors *doors_new(const struct shared *shared, uint64_t workers, bool wake_all)
{
    struct doors *doors = mmap(NULL, sizeof *doors, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (doors == MAP_FAILED)
        return NULL;
    doors->shared = shared;
    doors->wake_all = wake_all;
    atomic_store(&doors->workers, workers);
    return doors;
}

void doors_free(struct doors *doors)
{
    if (doors == NULL)
        return;
    for (unsigned i = 0; i < doors->most; i++)
        door_clear(doors, i);
    for (uint64_t i = 0; doors->fds != NULL && i < doors->count * doors->sets; i++)
        close(doors->fds[i]);
    free(doors->fds);
    munmap(doors, sizeof *doors);
}

/* --- the loop ------------------------------------------------------------------------------ */

int doors_set_sockets(struct doors *doors, const int *fds, unsigned count, uint64_t sets)
{
    doors->fds = calloc(count * sets, sizeof *fds);
    if (doors->fds == NULL)
        return -ENOMEM;
    doors->count = count;
    for (doors->sets = 0; doors->sets < sets; doors->sets++)
        for (unsigned i = 0; i < count; i++) {
            size_t at = doors->sets * count + i;
            doors->fds[at] = fcntl(fds[at], F_DUPFD_CLOEXEC, 0);
            if (doors->fds[at] >= 0)
                continue;
            int rc = -errno;
            while (i > 0)
                close(doors->fds[doors->sets * count + --i]);
            return rc;
        }
    return 0;
}

bool doors_have_own(const struct doors *doors)
{
    return doors->sets > 1;
}

/* Get the first socket of a worker. */
static const int *sockets_of(const struct doors *doors, unsigned worker)
{
    return doors->fds + (doors->sets > 1 ? worker * doors->count : 0);
}

static int watch(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int door_make(struct doors *doors, unsigned worker)
{
    struct door *door = &doors->of[worker];
    const int *fds = sockets_of(doors, worker);
    uint32_t herd = doors->wake_all ? 0 : EPOLLEXCLUSIVE;
    bool made;
    int rc;

    door->failures.gate = &doors->gate;
    door->epoll = epoll_create1(EPOLL_CLOEXEC);
    door->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    made = door->epoll >= 0 && door->bell >= 0 && watch(door->epoll, door->bell, EPOLLIN) == 0;
    for (unsigned i = 0; i < doors->count && made; i++)
        made = watch(door->epoll, fds[i], EPOLLIN | herd) == 0;
    rc = made ? 0 : -errno;
    door->is_made = made;
    if (made && doors->most <= worker)
        doors->most = worker + 1;
    if (!made && door->epoll >= 0)
        close(door->epoll);
    if (!made && door->bell >= 0)
        close(door->bell);
    return rc;
}

void door_clear(struct doors *doors, unsigned worker)
{
    struct door *door = &doors->of[worker];

    atomic_store(&door->place, PLACE_AWAY);
    if (!door->is_made)
        return;
    close(door->epoll);
    close(door->bell);
    door->is_made = false;
}

void door_ring(struct doors *doors, unsigned worker)
{
    if (doors->of[worker].is_made && eventfd_write(doors->of[worker].bell, 1) != 0)
        abort(); /* it is read at each wake-up, so it cannot be full */
}

static void ring_all(struct doors *doors)
{
    for (unsigned i = 0; i < doors->most; i++)
        door_ring(doors, i);
}

void doors_open(struct doors *doors, bool open)
{
    atomic_store(&doors->state, open ? STATE_OPEN : STATE_PAUSED);
    ring_all(doors);
}

static enum place place_of(const struct doors *doors, unsigned worker)
{
    return (enum place)atomic_load(&doors->of[worker].place);
}

bool doors_are_closed(const struct doors *doors)
{
    return atomic_load(&doors->state) == STATE_CLOSED;
}

bool doors_are_quiet(const struct doors *doors)
{
    if (!doors_are_closed(doors))
        return false;
    for (unsigned i = 0; i < doors->most; i++)
        if (place_of(doors, i) == PLACE_DOOR)
            return false;
    return true;
}

/* Each worker that leaves a closed door writes to the loop's eventfd. */
void doors_close(struct doors *doors, void (*catch_up)(struct model *model), struct model *model)
{
    int64_t until_ns = clock_now_ns() + LAST_LOOK_NS;
    struct pollfd woken = {.fd = doors->shared->wake_fd, .events = POLLIN};
    eventfd_t ignored;

    atomic_store(&doors->state, STATE_CLOSED);
    ring_all(doors);
    for (; !doors_are_quiet(doors) && clock_now_ns() < until_ns; catch_up(model))
        if (poll(&woken, 1, ACCEPT_RETRY_MS) > 0)
            (void)eventfd_read(woken.fd, &ignored);
    shared_wake(doors->shared); /* the loop has to see what this has read */
}

void doors_set_workers(struct doors *doors, uint64_t workers)
{
    atomic_store(&doors->workers, workers);
    ring_all(doors);
}

bool doors_have_room(const struct doors *doors)
{
    uint64_t workers = atomic_load(&doors->workers);

    for (unsigned i = 0; i < workers && !doors_are_closed(doors); i++)
        if (place_of(doors, i) != PLACE_SESSION)
            return true;
    return false;
}

bool doors_want(const struct doors *doors, unsigned worker)
{
    return !doors_are_closed(doors) && worker < atomic_load(&doors->workers);
}

void doors_count(const struct doors *doors, struct doors_counts *counts)
{
    *counts = (struct doors_counts){0};
    for (unsigned i = 0; i < doors->most; i++) {
        const struct door *door = &doors->of[i];
        counts->errors += atomic_load_explicit(&door->failures.count, memory_order_relaxed);
        /* First: a wake-up is counted before it is known to have been in vain. */
        counts->in_vain += atomic_load_explicit(&door->in_vain, memory_order_acquire);
        counts->wakeups += atomic_load_explicit(&door->wakeups, memory_order_relaxed);
        counts->is_failing |= place_of(doors, i) == PLACE_FAILING;
    }
}

/* --- a worker ------------------------------------------------------------------------------ */

/* Count one more. No other thread writes. */
static void add_one(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_release);
}

/* Leave the door. The loop waits in doors_close() or drain_look() for those that do once it is closed. */
static void go(struct doors *doors, unsigned worker, enum place place)
{
    atomic_store(&doors->of[worker].place, place);
    if (doors_are_closed(doors))
        shared_wake(doors->shared);
}

/* Wait for the bell. @param most_ms  -1: as long as it takes */
static void await_bell(const struct door *door, int most_ms)
{
    struct pollfd rung = {.fd = door->bell, .events = POLLIN};
    eventfd_t ignored;

    if (poll(&rung, 1, most_ms) > 0)
        (void)eventfd_read(door->bell, &ignored);
}

void door_await_bell(struct doors *doors, unsigned worker)
{
    await_bell(&doors->of[worker], -1);
}

/*
 * Wait for a connection or the bell. One event at a time: a worker that took several sockets from the kernel would
 * accept from one, and the kernel, which has woken it for the other, wakes no one else for that client.
 *
 * @return the socket that has a connection, or -1
 */
static int await_connection(struct door *door)
{
    struct epoll_event event;
    eventfd_t ignored;

    if (epoll_wait(door->epoll, &event, 1, -1) != 1)
        return -1;
    if (event.data.fd == door->bell) {
        (void)eventfd_read(door->bell, &ignored);
        return -1;
    }
    add_one(&door->wakeups);
    return event.data.fd;
}

/* Handle errno of accept(). */
static void accept_error(struct doors *doors, unsigned worker, bool was_woken)
{
    struct door *door = &doors->of[worker];
    int error = errno;

    if (error == EAGAIN) {
        if (was_woken)
            add_one(&door->in_vain);
        return;
    }
    /* At a closed door the socket no longer listens. */
    if (error == EINTR || error == ECONNABORTED || doors_are_closed(doors) ||
        !accept_failed(&door->failures, error))
        return;
    go(doors, worker, PLACE_FAILING);
    await_bell(door, ACCEPT_RETRY_MS);
}

/*
 * Decide whether to try accept(). A worker that was woken for a connection must take it also if it is about to
 * leave: the kernel wakes no other. During a pause it need not, since all are woken afterwards.
 *
 * @return false, with *leaves: leave, or wait for the bell
 */
static bool may_accept(const struct doors *doors, unsigned worker, bool was_woken, bool *leaves)
{
    *leaves = !doors_want(doors, worker);
    return *leaves ? was_woken : atomic_load(&doors->state) == STATE_OPEN;
}

int door_accept(struct doors *doors, unsigned worker, struct address *from)
{
    struct door *door = &doors->of[worker];
    int ready = doors->count == 1 ? sockets_of(doors, worker)[0] : -1;
    bool was_woken = false;
    bool leaves;

    for (;;) {
        atomic_store(&door->place, PLACE_DOOR);
        if (!may_accept(doors, worker, was_woken, &leaves)) {
            go(doors, worker, leaves ? PLACE_AWAY : PLACE_PAUSED);
            if (leaves)
                return -1;
            await_bell(door, -1);
            was_woken = false;
            continue;
        }
        if (ready >= 0) {
            from->length = sizeof from->storage;
            int fd = accept4(ready, (struct sockaddr *)&from->storage, &from->length, SOCK_CLOEXEC);
            if (fd >= 0) {
                accept_succeeded(&door->failures);
                return fd;
            }
            accept_error(doors, worker, was_woken);
            ready = -1;
            was_woken = false;
            continue;
        }
        ready = await_connection(door);
        was_woken = ready >= 0;
    }
}

void door_enter(struct doors *doors, unsigned worker)
{
    go(doors, worker, PLACE_SESSION);
}

unsigned door_descriptors(const struct doors *doors, unsigned worker, int *fds, unsigned most)
{
    const struct door *door = &doors->of[worker];
    unsigned count = 0;

    fds[count++] = door->bell;
    fds[count++] = door->epoll;
    for (unsigned i = 0; i < doors->count && count < most; i++)
        fds[count++] = sockets_of(doors, worker)[i];
    return count;
}
