/* SPDX-License-Identifier: MIT */
/*
 * What a future contains: the input and descriptors of its task, its reply, its error. The thread that began the task,
 * or took it out of PENDING, uses them; when the future is done, any thread reads the outcome.
 */
#include "pool/future-internal.h"

#include "pool/cancel-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- input and descriptors ----------------------------------------------------------------- */

int future_own_fds(struct ep_future *future, const int *fds, unsigned count)
{
    struct task_fds *list = malloc(sizeof *list + count * sizeof list->fds[0]);

    if (list == NULL)
        return -ENOMEM;
    list->count = count;
    list->on_heap = true;
    memcpy(list->fds, fds, count * sizeof list->fds[0]);
    future->fds = list;
    future->has_fds = true;
    return 0;
}

void future_disown_fds(struct ep_future *future)
{
    if (!future->has_fds)
        return;
    if (future->fds->on_heap)
        free(future->fds);
    future->has_fds = false;
}

void future_close_fds(struct ep_future *future)
{
    HOLD_CANCELLATION;

    for (unsigned i = 0; future->has_fds && i < future->fds->count; i++)
        if (future->fds->fds[i] >= 0)
            close(future->fds->fds[i]);
    future_disown_fds(future);
}

void future_release_input(struct ep_future *future)
{
    if (future->has_fds)
        future_close_fds(future);
    if (future->input_on_heap)
        free(future->input.heap);
    future->input_on_heap = false;
    future->input_size = 0;
}

static ep_on_drop_fn future_on_drop(const struct ep_future *future)
{
    return future->has_extras ? future->extras.on_drop : NULL;
}

bool future_drop_calls(const struct ep_future *future)
{
    return future->dropped != NULL || future_on_drop(future) != NULL;
}

void future_drop_input(struct ep_future *future, int reason)
{
    if (future->dropped != NULL)
        future->dropped(future_input(future), future->input_size);
    else if (future_on_drop(future) != NULL)
        future->extras.on_drop(future->extras.user, reason, future_input(future),
                               future->input_size);
    future_release_input(future);
}

/* --- outcome ------------------------------------------------------------------------------- */

static bool reply_is_on_heap(const struct ep_future *future)
{
    return future->has_reply && future->reply_size > sizeof future->reply.inside;
}

/** Release the memory of a reply that does not lie in the future. */
static void future_release_reply(struct ep_future *future)
{
    if (reply_is_on_heap(future))
        free(future->reply.heap);
}

int future_set_reply(struct ep_future *future, const void *data, size_t size)
{
    void *heap = NULL;
    void *replaced = reply_is_on_heap(future) ? future->reply.heap : NULL;

    if (size > sizeof future->reply.inside && (heap = malloc(size)) == NULL)
        return -ENOMEM;
    if (size > 0) /* `data` may lie in the replaced reply, which is released last */
        memmove(heap ? heap : future->reply.inside, data, size);
    free(replaced);
    if (heap != NULL)
        future->reply.heap = heap;
    future->reply_size = size;
    future->has_reply = true;
    return 0;
}

void *future_make_reply(struct ep_future *future, size_t size)
{
    bool fits = future->input_on_heap && size <= future->input_size &&
                size >= future->input_size / 2 && size > sizeof future->reply.inside;
    void *heap = NULL;

    if (size > sizeof future->reply.inside) {
        heap = fits ? future->input.heap : malloc(size);
        if (heap == NULL)
            return NULL;
        future->reply.heap = heap;
    }
    if (fits)
        future->input_on_heap = false;
    future->reply_size = size;
    future->has_reply = true;
    return heap != NULL ? heap : future->reply.inside;
}

const void *future_reply(const struct ep_future *future, uint64_t *size)
{
    *size = future->has_reply ? future->reply_size : 0;
    if (*size == 0)
        return NULL;
    return reply_is_on_heap(future) ? future->reply.heap : future->reply.inside;
}

void future_set_error(struct ep_future *future, int verdict, int code, const char *message)
{
    future->verdict = verdict;
    future->code = code;
    if (future->has_message)
        free(future->message);
    future->has_message =
        message != NULL && (future->message = strndup(message, MESSAGE_MAX - 1)) != NULL;
}

void future_clear_local(struct ep_future *future)
{
    future_release_input(future);
    future_release_reply(future);
    if (future->has_message)
        free(future->message);
}
