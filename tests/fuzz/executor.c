/* SPDX-License-Identifier: MIT */
/*
 * From worker to executor: an executor whose worker is the fuzzer. It has given the worker tasks of
 * every kind, takes each message as from a process, and then sees the worker's end.
 *
 * Whatever comes, every task ends, no place stays taken and no descriptor stays open.
 */
#include "config.h"

#include "pool/process/place-internal.h"
#include "pool/self-internal.h"
#include "tests/fuzz/messages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TASKS = 5, CREDITS = 4 };

static void arrived(struct ep_executor *base)
{
    dispatch((struct process_executor *)base);
}

static void closed(struct ep_executor *base)
{
    (void)base;
}

static const struct executor_ops ops = {
    .host = {.cancelled = executor_task_cancelled, .place_left = executor_place_left},
    .arrived = arrived,
    .closed = closed,
};

static void on_drop(const void *input, size_t size)
{
    (void)input;
    (void)size;
}

static int never(struct ep_task *task)
{
    (void)task;
    abort(); /* no worker is here */
}

/** Make an executor with one place, whose worker has been forked and holds the other end. */
static struct process_executor *executor_new(enum ep_on_death on_death, int *worker)
{
    struct process_executor *executor = aligned_alloc(CACHE_LINE, sizeof *executor);
    struct ep_options options = {.queue = 16, .on_death = on_death, .prefetch = CREDITS - 1};
    struct place *place;
    int ends[2];

    EP_ASSERT(executor != NULL);
    memset(executor, 0, sizeof *executor);
    executor->credits = CREDITS;
    executor->epoll = executor->line = -1;
    EP_ASSERT((executor->wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) >= 0);
    EP_ASSERT(executor_init(&executor->base, &ops, &options, 1, 1) == 0);
    EP_ASSERT((executor->inbox = malloc(WIRE_MESSAGE_MAX)) != NULL);
    EP_ASSERT((executor->places = calloc(1, sizeof(struct place *))) != NULL);
    EP_ASSERT((place = place_new(executor, 0)) != NULL);
    executor->places[0] = place;
    executor->place_count = executor->target = 1;
    EP_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    place->socket = ends[0];
    place->life = LIFE_STARTING;
    place->message_max = WIRE_MESSAGE_MAX;
    *worker = ends[1];
    return executor;
}

/** Submit a task without a future, and then one of each kind with one. */
static void submit_tasks(struct process_executor *executor, struct ep_future *futures[TASKS])
{
    static const uint8_t input[MEMFD_SIZE];
    static const size_t sizes[TASKS] = {0, 8, 100, sizeof input, 8};

    for (int i = 0; i < TASKS; i++) {
        int fds[2];
        struct ep_submit_options with = {.dropped = on_drop, .fds = fds};

        for (; i == 2 && with.fd_count < 2; with.fd_count++)
            EP_ASSERT((fds[with.fd_count] = open("/dev/null", O_RDONLY)) >= 0);
        EP_ASSERT(ep_submit_with(&executor->base, never, input, sizes[i], &with,
                                 i > 0 ? &futures[i] : NULL) == 0);
    }
}

/** The worker is gone: all that it had, or has not had, must end. */
static void end(struct process_executor *executor, struct ep_future *futures[TASKS])
{
    struct place *place = executor->places[0];

    place->ended = place->status_known = true;
    place_end_seen(place);
    place_try_bury(place);
    EP_ASSERT(!place_is_busy(place));
    process_executor_break(executor, "over");
    lose_returned(executor); /* as care() does */
    call_owed(executor);
    for (int i = 1; i < TASKS; i++) {
        EP_ASSERT(ep_future_done(futures[i]));
        ep_future_unref(futures[i]);
    }
    EP_ASSERT(queue_held(&executor->base.queue) == 0 && executor->unsettled == 0);
    EP_ASSERT(executor->returned_count == 0 && executor->postponed == NULL);
    place_close(place);
    place_free(place);
    free(executor->places);
    free(executor->inbox);
    close(executor->wakeup);
    executor_clear(&executor->base);
    free(executor);
}

static void run(enum ep_on_death on_death, const uint8_t *input, size_t size)
{
    static unsigned char buffer[WIRE_MESSAGE_MAX];
    struct ep_future *futures[TASKS] = {0};
    int worker;
    struct process_executor *executor = executor_new(on_death, &worker);
    size_t at = 0;

    self_serve(&executor->base, true);
    submit_tasks(executor, futures);
    while (message_send(worker, input, size, &at, NULL) && receive(executor->places[0], buffer)) {
        messages_discard(worker);
        call_owed(executor);
    }
    close(worker);
    end(executor, futures);
    self_serve(NULL, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    int before = lowest_free_fd();

    run(EP_BREAK, input, size);
    run(EP_REPLACE, input, size);
    EP_ASSERT(lowest_free_fd() == before);
    return 0;
}
