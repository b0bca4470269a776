/* SPDX-License-Identifier: MIT */
/*
 * Whom a future notifies when it is done: watches, which fire under its lock, and then callbacks, which run without
 * it, in the order in which they were added.
 */
#include "pool/future-internal.h"

#include <errno.h>
#include <stdlib.h>

void future_tell(struct ep_future *future)
{
    struct callback *callback;

    lock_acquire(&future->lock);
    while (future->watches != NULL) {
        struct watch *watch = future->watches;

        future->watches = watch->next;
        watch->listed = false;
        watch->fire(watch, future); /* after this the watch may be gone */
    }
    lock_release(&future->lock);
    /* No thread adds one any more. Each is taken off before it is called: it may end the thread. */
    while ((callback = future->callbacks) != NULL) {
        struct callback taken = *callback;

        future->callbacks = taken.next;
        if (callback != &future->first_callback)
            free(callback);
        taken.done(future, taken.context);
    }
}

/**
 * Leave the note that makes the finisher take the lock, before registering a watch or callback.
 * Both happen without releasing the lock in between, so a finisher that sees the note also sees
 * what was registered.
 *
 * @return false: the finisher was faster; the future is done, and nothing will be called
 */
static bool future_note_watch_locked(struct ep_future *future)
{
    uint32_t old = atomic_load(&future->state);

    if ((old & STATE_HAS_WATCHES) == 0 && !state_is_done(old & STATE_MASK)) {
        /* The first registration makes the lists; no finisher reads them without the note. */
        future->callbacks = NULL;
        future->watches = NULL;
        future->first_callback.done = NULL;
        old = atomic_fetch_or(&future->state, STATE_HAS_WATCHES);
    }
    return !state_is_done(old & STATE_MASK);
}

static void callback_append_locked(struct ep_future *future, struct callback *callback)
{
    struct callback **end = &future->callbacks;

    while (*end != NULL)
        end = &(*end)->next;
    *end = callback;
}

int ep_future_add_done_callback(struct ep_future *future, ep_done_fn done, void *context)
{
    struct callback *callback = &future->first_callback;

    if (done == NULL)
        return -EINVAL;
    if (future_is_lost(future))
        return EP_EFORKED;
    if (!future_pool_is_here(future->pool)) { /* it was done at the fork: see future_watch() */
        done(future, context);
        return 0;
    }
    lock_acquire(&future->lock);
    if (!future_note_watch_locked(future)) {
        lock_release(&future->lock);
        done(future, context);
        return 0;
    }
    if (callback->done != NULL && (callback = malloc(sizeof *callback)) == NULL) {
        lock_release(&future->lock);
        return -ENOMEM;
    }
    *callback = (struct callback){.done = done, .context = context};
    callback_append_locked(future, callback);
    lock_release(&future->lock);
    return 0;
}

bool future_watch(struct ep_future *future, struct watch *watch)
{
    bool pending;

    watch->listed = false;
    if (!future_pool_is_here(future->pool))
        return !state_is_done(future_load_state(future));
    lock_acquire(&future->lock);
    pending = future_note_watch_locked(future);
    watch->listed = pending;
    if (pending) {
        watch->previous = NULL;
        watch->next = future->watches;
        if (watch->next != NULL)
            watch->next->previous = watch;
        future->watches = watch;
    }
    lock_release(&future->lock);
    return pending;
}

bool future_unwatch(struct ep_future *future, struct watch *watch)
{
    bool was_listed;

    if (!future_pool_is_here(future->pool))
        return false;
    lock_acquire(&future->lock);
    was_listed = watch->listed;
    if (was_listed) {
        *(watch->previous ? &watch->previous->next : &future->watches) = watch->next;
        if (watch->next != NULL)
            watch->next->previous = watch->previous;
        watch->listed = false;
    }
    lock_release(&future->lock);
    return was_listed;
}
