/* SPDX-License-Identifier: MIT */
/*
 * Groups: tasks of one executor that are waited for, and cancelled, together.
 *
 * DESIGN
 *
 * A group lists its tasks that are not done. Each has a done callback, the first of its future: it
 * takes the task off the list, counts it, and, if the group asks for that, cancels the others.
 *
 * Cancelling has four steps, so that no task of the group begins once the first is over, and no
 * lock is held while a function of the user runs. Under the group's lock every task that has not
 * begun is taken out of PENDING, and put on a list of the canceller alone. Then all their places in
 * the queue are freed, because a worker that meets such a task in the queue waits until that has
 * happened. Third, those who wait for the places are notified. Only then are their inputs dropped and
 * their callbacks run.
 *
 * A task is submitted before it is listed, so it may be done by then: member_done() and the
 * submitter agree under the lock which of them comes later, and that one releases the member. A
 * submitter that finds the group cancelled then cancels its own task.
 *
 * Lifetime: the user and each member have a reference to the group. It lies in memory of the
 * executor's futures, so the pool of that memory, which knows after fork() which process made the
 * group, lives as long as the group.
 */
#include "pool/clock-internal.h"
#include "pool/executor-internal.h"
#include "pool/self-internal.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/** A task of the group that is not done. */
struct member {
    struct ep_group *group; /**< a reference */
    /* guarded by the group's lock */
    struct ep_future *future; /**< a reference; NULL while it is being submitted */
    bool is_done;             /**< it was done before it was listed */
    bool listed;
    struct member *next, *previous; /**< if listed */
    /* the canceller's that took it off the list */
    struct member *next_cancelled;
    uint32_t notes; /**< of its future */
};

struct ep_group {
    /* read-only */
    struct ep_executor *executor; /**< used only while a task of the group is not done */
    struct future_pool *pool;
    unsigned how;

    _Atomic uint32_t references;
    _Atomic uint32_t left;                    /**< tasks that are not done */
    _Atomic uint32_t news;                    /**< changes to wake the threads that sleep on it */
    _Atomic uint32_t sleepers;                /**< threads that sleep there, or are about to */
    _Atomic bool incomplete;                  /**< cancelled, or a task of it was */
    _Atomic(struct ep_future *) first_failed; /**< a reference */

    struct lock lock;
    /* guarded by lock */
    bool cancelled;
    struct member *members;
};

_Static_assert(sizeof(struct ep_group) <= sizeof(struct ep_future), "it lies in such memory");

static void group_unref(struct ep_group *group)
{
    if (atomic_fetch_sub(&group->references, 1) != 1)
        return;
    ep_future_unref(atomic_load(&group->first_failed));
    future_pool_give(group->pool, group);
}

/* --- members ------------------------------------------------------------------------------- */

static void member_list_locked(struct member *member)
{
    struct ep_group *group = member->group;

    member->listed = true;
    member->previous = NULL;
    member->next = group->members;
    if (member->next != NULL)
        member->next->previous = member;
    group->members = member;
}

static void member_unlist_locked(struct member *member)
{
    if (!member->listed)
        return;
    *(member->previous != NULL ? &member->previous->next : &member->group->members) = member->next;
    if (member->next != NULL)
        member->next->previous = member->previous;
    member->listed = false;
}

/**
 * Make the threads that wait look again. The caller has changed the list or the count before, and a
 * waiter counts as a sleeper before it looks, so one of both sees what the other has written.
 */
static void group_wake(struct ep_group *group)
{
    if (atomic_load(&group->sleepers) == 0)
        return;
    atomic_fetch_add(&group->news, 1);
    futex_wake(&group->news, INT_MAX);
}

/** Count one task less. The last one wakes the threads that wait. */
static void group_count_down(struct ep_group *group)
{
    if (atomic_fetch_sub(&group->left, 1) == 1)
        group_wake(group);
    group_unref(group);
}

/** Note how a task has ended. @return whether the others must be cancelled */
static bool note_end(struct ep_group *group, struct ep_future *future)
{
    struct ep_future *none = NULL;

    if (ep_future_cancelled(future))
        atomic_store(&group->incomplete, true);
    if (!future_has_failed(future))
        return false;
    ep_future_ref(future);
    if (!atomic_compare_exchange_strong(&group->first_failed, &none, future))
        ep_future_unref(future);
    return (group->how & EP_GROUP_CANCEL_ON_FAILURE) != 0;
}

/** The done callback of each task. */
static void member_done(struct ep_future *future, void *context)
{
    struct member *member = context;
    struct ep_group *group = member->group;
    struct ep_future *listed;

    if (note_end(group, future))
        ep_group_cancel(group);
    lock_acquire(&group->lock);
    member_unlist_locked(member);
    listed = member->future;
    member->is_done = true;
    lock_release(&group->lock);
    if (listed != NULL) { /* otherwise its submitter releases it */
        free(member);
        ep_future_unref(listed);
    }
    group_count_down(group);
}

/** Count a task that is about to be submitted. @return NULL for want of memory */
static struct member *member_new(struct ep_group *group)
{
    struct member *member = calloc(1, sizeof *member);

    if (member == NULL)
        return NULL;
    member->group = group;
    atomic_fetch_add(&group->references, 1);
    atomic_fetch_add(&group->left, 1);
    return member;
}

/** List a task that has been submitted, unless it is done. @return whether it must be cancelled */
static bool member_keep(struct member *member, struct ep_future *future)
{
    struct ep_group *group = member->group;
    bool is_done, is_late;

    lock_acquire(&group->lock);
    is_done = member->is_done;
    is_late = group->cancelled && !is_done;
    if (!is_done) {
        member->future = ep_future_ref(future);
        member_list_locked(member);
    }
    lock_release(&group->lock);
    if (is_done)
        free(member);
    return is_late;
}

static bool group_is_cancelled(struct ep_group *group)
{
    bool cancelled;

    lock_acquire(&group->lock);
    cancelled = group->cancelled;
    lock_release(&group->lock);
    return cancelled;
}

/** A submission under way. */
struct submission {
    struct ep_group *group;
    struct member *member;
    struct ep_future *made;
    struct self_drop drop;
};

/** Let the group have the task that was submitted. */
static void group_adopt(struct submission *submission)
{
    struct ep_future *made = submission->made;

    /* The first callback of a future needs no memory, and no other thread has had this one. */
    EP_ASSERT(ep_future_add_done_callback(made, member_done, submission->member) == 0);
    if (member_keep(submission->member, made) && ep_future_cancel(made) == -EBUSY)
        future_ask_to_stop(made);
    group_wake(submission->group); /* a worker that waits for the group may have to run it */
    ep_future_unref(made);
}

/** Run when the submitter has run the task, and the task has ended its thread. */
static void submitter_lost(void *context)
{
    self_unwound();
    self_drop_end();
    group_adopt(context);
}

/** Do ep_submit_with() for a member. */
static int member_submit(struct submission *submission, ep_task_fn fn, const void *input,
                         size_t size, const struct ep_submit_options *options)
{
    int rc;

    self_drop_begin(&submission->drop, NULL, submission->group);
    pthread_cleanup_push(submitter_lost, submission);
    rc = ep_submit_with(submission->group->executor, fn, input, size, options, &submission->made);
    pthread_cleanup_pop(0);
    self_drop_end();
    return rc;
}

int ep_group_submit(struct ep_group *group, ep_task_fn fn, const void *input, size_t size,
                    const struct ep_submit_options *options, struct ep_future **future)
{
    struct submission submission = {.group = group};
    int rc;

    if (future != NULL)
        *future = NULL;
    if (group == NULL)
        return -EINVAL;
    if (!future_pool_is_here(group->pool))
        return EP_EFORKED;
    if (group_is_cancelled(group))
        return EP_ECANCELLED;
    submission.member = member_new(group);
    if (submission.member == NULL)
        return -ENOMEM;
    rc = member_submit(&submission, fn, input, size, options);
    if (rc != 0) {
        free(submission.member);
        group_count_down(group);
        return rc;
    }
    if (future != NULL)
        *future = ep_future_ref(submission.made);
    group_adopt(&submission);
    return 0;
}

/* --- the whole ----------------------------------------------------------------------------- */

/** Take the tasks that have not begun off the list; ask the others to stop. @return the former */
static struct member *take_pending(struct ep_group *group)
{
    struct member *taken = NULL, **end = &taken, *next;

    lock_acquire(&group->lock);
    group->cancelled = true;
    for (struct member *member = group->members; member != NULL; member = next) {
        next = member->next;
        if (future_begin_cancel(member->future)) {
            member_unlist_locked(member);
            *end = member;
            end = &member->next_cancelled;
        } else {
            future_ask_to_stop(member->future);
        }
    }
    *end = NULL;
    lock_release(&group->lock);
    return taken;
}

void ep_group_cancel(struct ep_group *group)
{
    struct member *taken, *next;
    struct self_drop drop;

    if (!future_pool_is_here(group->pool))
        return;
    atomic_store(&group->incomplete, true);
    taken = take_pending(group);
    if (taken == NULL)
        return;
    for (struct member *member = taken; member != NULL; member = member->next_cancelled)
        member->notes = future_leave_queue(member->future);
    for (struct member *member = taken; member != NULL; member = member->next_cancelled)
        future_offer_place(member->future);
    self_drop_begin(&drop, group->executor, NULL);
    for (struct member *member = taken; member != NULL; member = next) {
        struct ep_future *future = ep_future_ref(member->future);

        next = member->next_cancelled;
        /* Its callback releases the member. */
        future_end_unrun(future, EP_ECANCELLED, member->notes);
        ep_future_unref(future);
    }
    self_drop_end();
}

/** Describe the end of a group of which no task is left. */
static int group_outcome(struct ep_group *group)
{
    struct ep_future *failed = atomic_load(&group->first_failed);

    if (failed != NULL)
        return failed->verdict;
    return atomic_load(&group->incomplete) ? EP_ECANCELLED : 0;
}

/**
 * Ask whether the calling thread is dropping the input of one of its tasks, or submits one, which its
 * submitter may have to run.
 */
static bool must_end_a_member(struct ep_group *group)
{
    bool must = false;

    if (!self_drops())
        return false;
    if (self_must_end(group))
        return true;
    lock_acquire(&group->lock);
    for (struct member *member = group->members; member != NULL && !must; member = member->next)
        must = self_must_end(member->future);
    lock_release(&group->lock);
    return must;
}

/** Find a member that has not begun, or that the calling thread runs. @return a reference, or NULL */
static struct ep_future *find_own_part(struct ep_group *group)
{
    struct ep_future *found = NULL;

    lock_acquire(&group->lock);
    for (struct member *member = group->members; member != NULL && found == NULL;
         member = member->next)
        if (future_needs_caller(member->future))
            found = ep_future_ref(member->future);
    lock_release(&group->lock);
    return found;
}

/** As a worker, run the members that have not begun. @return 0 or -EDEADLK */
static int run_members(struct ep_group *group)
{
    struct ep_future *future;
    int rc = 0;

    while (rc == 0 && (future = find_own_part(group)) != NULL) {
        rc = future_join_in(future);
        ep_future_unref(future);
    }
    return rc;
}

int ep_group_wait(struct ep_group *group, int64_t timeout_ns)
{
    int64_t deadline_ns = deadline_after(timeout_ns);
    uint32_t left = atomic_load(&group->left);
    int rc = 0;

    if (left == 0)
        return group_outcome(group);
    if (!future_pool_is_here(group->pool))
        return EP_EFORKED;
    if (timeout_ns <= 0)
        return -ETIMEDOUT;
    if (must_end_a_member(group) ||
        (self_serves(group->executor) && !self_may_run(group->executor)))
        return -EDEADLK;
    atomic_fetch_add(&group->sleepers, 1);
    for (;;) {
        uint32_t news = atomic_load(&group->news);

        if (self_serves(group->executor))
            rc = run_members(group);
        left = atomic_load(&group->left);
        if (rc != 0 || left == 0 || deadline_is_over(deadline_ns))
            break;
        futex_wait(&group->news, news, deadline_ns);
    }
    atomic_fetch_sub(&group->sleepers, 1);
    return rc != 0 ? rc : left == 0 ? group_outcome(group) : -ETIMEDOUT;
}

size_t ep_group_left(const struct ep_group *group)
{
    return atomic_load(&group->left);
}

void ep_group_error(const struct ep_group *group, struct ep_error *error)
{
    struct ep_future *failed = atomic_load(&group->first_failed);

    *error = (struct ep_error){.message = ""};
    if (failed != NULL)
        EP_ASSERT(ep_future_error(failed, 0, error) == 0);
}

/* --- life ---------------------------------------------------------------------------------- */

int ep_group_new(struct ep_executor *executor, unsigned how, struct ep_group **group)
{
    struct ep_group *made;

    if (executor == NULL || group == NULL || (how & ~(unsigned)EP_GROUP_CANCEL_ON_FAILURE) != 0)
        return -EINVAL;
    if (!executor_is_here(executor))
        return EP_EFORKED;
    made = future_pool_take(executor->futures);
    if (made == NULL)
        return -ENOMEM;
    memset(made, 0, sizeof *made);
    made->executor = executor;
    made->pool = executor->futures;
    made->how = how;
    atomic_init(&made->references, 1);
    *group = made;
    return 0;
}

void ep_group_free(struct ep_group *group)
{
    if (group == NULL || !future_pool_is_here(group->pool))
        return;
    ep_group_cancel(group);
    group_unref(group);
}
