/* SPDX-License-Identifier: MIT */
/*
 * How worker processes end, and what happens to their tasks then.
 *
 * DESIGN
 *
 * A worker's pidfd becomes readable when it ends, and its socket reaches the end of the stream.
 * Either is enough for the manager, which then kills the worker in case it only closed the socket.
 * Before the executor draws conclusions it reads the socket to the end, because the last outcome
 * may have been sent before the death, and waits until the zygote reports the status.
 *
 * A dead worker had begun at most one task, the first one without an outcome. With REPLACE that
 * task fails, those behind it go to other workers, and the worker is replaced: at once, or, if four
 * have died without a single task done between them, after 100 ms, and twice as long each time up
 * to 3.2 s. With BREAK the other workers are killed too, and every task fails.
 *
 * A worker that the executor itself has killed, because a task ran longer than its limit_ns, is replaced
 * at once, and no other task of it fails; on_death is about other deaths.
 *
 * A process that cannot be forked, or dies while it initializes, is tried again after 10, 20, 40,
 * 80 ms; after the fifth failure its place is given up until the next resize. When no place has a
 * worker or hope for one, the executor is broken. If initialize *reports* a failure, it is broken
 * at once. A worker that a caller waits for is not tried again: its failure is the caller's.
 */
#include "pool/process/place-internal.h"

#include "pool/clock-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILURES_MAX     5u
#define FAILURE_DELAY_NS EP_MILLISECONDS(10)

#define BARREN_FREE     4u
#define BARREN_DELAY_NS EP_MILLISECONDS(100)
#define BARREN_DOUBLES  5u

/* --- breaking ------------------------------------------------------------------------------ */

void lose_returned(struct process_executor *executor)
{
    bool broken = atomic_load(&executor->base.broken);
    const char *why = broken ? executor->base.why : "the executor was terminated";
    struct returned *returned;

    if (!broken && !atomic_load(&executor->base.terminating))
        return;
    resume_postponed(executor, INT64_MAX);
    while ((returned = take_returned(executor, 0)) != NULL) {
        drop_task(executor, &returned->entry, 0, EP_EBROKEN, 0, why);
        free(returned);
    }
}

void process_executor_break(struct process_executor *executor, const char *why)
{
    if (atomic_load(&executor->base.broken))
        return;
    executor_note_broken(&executor->base, why);
    queue_close(&executor->base.queue, EP_EBROKEN, true); /* which ends a pause */
    kill_all(executor, SIGKILL);
    executor_break(&executor->base, executor->base.why);
    queue_release(&executor->base.queue);
}

void break_if_hopeless(struct process_executor *executor)
{
    for (uint32_t i = 0; i < executor->place_count; i++) {
        struct place *place = executor->places[i];

        if (place->index < atomic_load(&executor->target) && !place->given_up)
            return;
    }
    process_executor_break(executor, executor->failure);
}

/** Try no more to give a place a worker. */
static void place_give_up(struct place *place, const char *why)
{
    place->given_up = true;
    snprintf(place->executor->failure, sizeof place->executor->failure, "%s", why);
    due_at(place->executor, 1); /* care() looks whether there is hope left */
}

void place_failed(struct place *place, int rc, const char *why)
{
    struct process_executor *executor = place->executor;

    place->life = LIFE_NONE;
    place->failures++;
    if (!place_is_settled(place)) { /* a caller waits for this worker: it decides */
        place_give_up(place, why);
        place_settle(place, rc);
    } else if (place->failures < FAILURES_MAX && executor->line >= 0) {
        place->retry_ns = ep_now_ns() + (FAILURE_DELAY_NS << (place->failures - 1));
        due_at(executor, place->retry_ns);
    } else {
        place_give_up(place, why);
    }
}

/* --- ending -------------------------------------------------------------------------------- */

void place_stop(struct place *place)
{
    struct process_executor *executor = place->executor;
    bool idle;

    lock_acquire(&executor->lock);
    idle = !place->sending && !place_is_busy(place);
    if (idle) {
        place_unlist_locked(place);
        if (place->life == LIFE_READY)
            atomic_fetch_sub(&executor->alive, 1);
        place->life = LIFE_STOPPING;
        place->was_stopped = true;
        shutdown(place->socket, SHUT_WR);
        place_arm_locked(place, true);
    }
    lock_release(&executor->lock);
}

/** The flag of a process that ends, among the flags in /proc/PID/stat: PF_EXITING of Linux. */
#define IS_EXITING 4ul

enum { PROC_SIZE = 512 };

/** Read the beginning of a file of /proc. An empty text: there is none. */
static void read_proc(const char *path, char text[static PROC_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = -1;

    if (fd >= 0) {
        size = read(fd, text, PROC_SIZE - 1);
        close(fd);
    }
    text[size > 0 ? size : 0] = '\0';
}

/**
 * Ask whether a process goes on although its socket has ended: a task has closed it, or called exec.
 * One that ends closes its socket first, and its pidfd is readable a moment later.
 */
static bool process_goes_on(const struct place *place)
{
    struct pollfd ended = {.fd = place->pidfd, .events = POLLIN};
    char path[64], text[PROC_SIZE], *at;
    unsigned long flags = IS_EXITING;
    int pid = 0; /* as /proc numbers it, which may be of another PID namespace than this process */

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", place->pidfd);
    read_proc(path, text);
    at = strstr(text, "\nPid:");
    if (at == NULL || sscanf(at, "\nPid: %d", &pid) != 1)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    read_proc(path, text);
    at = strrchr(text, ')'); /* the end of its name; state, 5 numbers and the flags follow */
    if (at == NULL || sscanf(at, ") %*c %*d %*d %*d %*d %*d %lu", &flags) != 1)
        return false;
    /* The number was that of the process if the process has not been waited for even now. */
    return (flags & IS_EXITING) == 0 && poll(&ended, 1, 0) == 0;
}

void place_end_seen(struct place *place)
{
    struct process_executor *executor = place->executor;

    if (place->life < LIFE_STARTING || place->life == LIFE_DYING)
        return;
    place->cut_off = !place->ended && process_goes_on(place);
    lock_acquire(&executor->lock);
    place_unlist_locked(place);
    if (place->life == LIFE_READY)
        atomic_fetch_sub(&executor->alive, 1);
    place->life = LIFE_DYING;
    place->watched = false;
    lock_release(&executor->lock);
    epoll_ctl(executor->epoll, EPOLL_CTL_DEL, place->socket, NULL);
    epoll_ctl(executor->epoll, EPOLL_CTL_DEL, place->pidfd, NULL);
    place_kill(place, SIGKILL);
}

/** Return a signal's name without SIG, if the C library knows it. */
static const char *signal_name(int number)
{
#ifdef __GLIBC__
    return sigabbrev_np(number);
#else
    return number == SIGKILL   ? "KILL"
           : number == SIGTERM ? "TERM"
           : number == SIGSEGV ? "SEGV"
                               : NULL;
#endif
}

/** Describe how a process ended. */
static void describe(const struct place *place, char *words, size_t size)
{
    int length = snprintf(words, size, "worker %u (process %d) ", place->index, (int)place->pid);
    const char *name;

    words += length;
    size -= (size_t)length;
    if (!place->status_known) {
        snprintf(words, size, "ended together with the zygote");
    } else if (place->cut_off && WIFSIGNALED(place->status) && WTERMSIG(place->status) == SIGKILL) {
        snprintf(words, size, "%s, and was killed for that (SIGKILL)",
                 place->hostile ? "sent an invalid message" : "closed its socket, as exec does");
    } else if (WIFSIGNALED(place->status)) {
        name = signal_name(WTERMSIG(place->status));
        snprintf(words, size, "was killed by signal %d (SIG%s)", WTERMSIG(place->status),
                 name != NULL ? name : "?");
    } else {
        snprintf(words, size, "exited with status %d", WEXITSTATUS(place->status));
    }
}

/** Fail the task for which its worker was killed. */
static void lose_limited(struct process_executor *executor, struct queue_entry *entry,
                         unsigned worker)
{
    lose_task(executor, entry, worker, EP_ELIMIT, 0, "it ran longer than its limit_ns");
}

/** Fail the tasks that a dead worker had, or give them back. */
static void lose_tasks(struct place *place, bool was_broken, const char *words)
{
    struct process_executor *executor = place->executor;
    const char *why = was_broken ? executor->base.why : words;
    uint64_t head = atomic_load(&place->head);
    bool begun = atomic_load(&place->sent) > head;
    bool again = (executor->base.options.on_death == EP_REPLACE || place->overran != 0) &&
                 !atomic_load(&executor->base.terminating);
    uint64_t tail = atomic_load(&place->tail);

    /* From last to first, because each is put before those that were given back earlier. */
    for (uint64_t at = tail; at > head; at--) {
        struct slot *slot = &place->slots[(at - 1) & place->slot_mask];
        struct queue_entry entry = slot->entry;

        if (at == place->overran && !was_broken)
            lose_limited(executor, &entry, place->index);
        else if (at - 1 == head && begun)
            lose_task(executor, &entry, place->index, was_broken ? EP_EBROKEN : EP_EDIED,
                      was_broken ? 0 : place->status, why);
        else if (again && !was_broken)
            give_back(place, at - 1, slot->nacks);
        else
            drop_task(executor, &entry, place->index, EP_EBROKEN, 0, why);
    }
    lock_acquire(&executor->lock); /* claim_for() reads them */
    atomic_store(&place->head, tail);
    atomic_store(&place->sent, tail);
    place->certain = tail;
    lock_release(&executor->lock);
}

/** Compute how long to wait before a dead worker is replaced. */
static int64_t barren_delay(struct process_executor *executor)
{
    uint64_t done = atomic_load(&executor->finished) + atomic_load(&executor->failed) +
                    atomic_load(&executor->limited);
    uint32_t doubles;

    executor->barren = done == executor->done_at_death ? executor->barren + 1 : 0;
    executor->done_at_death = done;
    if (executor->barren < BARREN_FREE)
        return 0;
    doubles = executor->barren - BARREN_FREE;
    return BARREN_DELAY_NS << (doubles < BARREN_DOUBLES ? doubles : BARREN_DOUBLES);
}

/** Handle the end of a worker that had no order to end. */
static void place_died(struct place *place, const char *words)
{
    struct process_executor *executor = place->executor;
    char why[128];

    if (place->not_ready) {
        snprintf(why, sizeof why, "initialize of worker %u failed with %d", place->index,
                 place->init_code);
        if (place_is_wanted(place) && place_is_settled(place)) /* in this order: enum start */
            process_executor_break(executor, why);
        place_give_up(place, why);
        place_settle(place, EP_EBROKEN);
    } else if (!place->was_ready) {
        place_failed(place, EP_EBROKEN, words);
    } else if (executor->base.options.on_death == EP_BREAK) {
        process_executor_break(executor, words);
    } else {
        place->retry_ns = ep_now_ns() + barren_delay(executor);
        due_at(executor, place->retry_ns);
    }
}

/** Draw the conclusions from the end of a worker, of which everything is known. */
static void place_bury(struct place *place)
{
    struct process_executor *executor = place->executor;
    bool was_broken = atomic_load(&executor->base.broken);
    bool ordered = place->was_stopped || place->overran != 0 || was_broken ||
                   atomic_load(&executor->base.terminating);
    char words[128];

    describe(place, words, sizeof words);
    place_close(place);
    place->ticket = 0;
    lock_acquire(&executor->lock);
    place->life = LIFE_NONE;
    lock_release(&executor->lock);
    if (!ordered)
        place_died(place, words);
    else
        place->retry_ns = 1;
    lose_tasks(place, was_broken, words); /* who sees them fail sees the executor broken, too */
    due_at(executor, 1); /* the place may need another worker, or the executor may be over */
}

void place_try_bury(struct place *place)
{
    struct process_executor *executor = place->executor;
    bool free_to;

    lock_acquire(&executor->lock);
    free_to = !place->sending && !place->receiving;
    place->receiving = place->receiving || free_to;
    if (!free_to) /* end the receiver's wait, even if another process holds the other end */
        shutdown(place->socket, SHUT_RD);
    lock_release(&executor->lock);
    if (!free_to)
        return;
    receive_rest(place, executor->inbox);
    if (place->ended)
        place_bury(place);
    lock_acquire(&executor->lock);
    place->receiving = false;
    lock_release(&executor->lock);
}
