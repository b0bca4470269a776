/* SPDX-License-Identifier: MIT */
/*
 * Mailboxes: done callbacks on the thread of an event loop.
 *
 * DESIGN
 *
 * Futures that complete are arrivals (arrivals-internal.h). The first arrival in an empty list
 * writes to an eventfd, later ones do not. So N completions wake the loop at least once, and at
 * most N times.
 *
 * None is lost. Dispatching reads the eventfd first and empties the list second; an append to an
 * empty list comes before the write to the eventfd. If the read consumed that write, the append
 * came before the read, so emptying the list finds it; if not, the loop wakes again, at worst for
 * nothing.
 *
 * The descriptor cannot be closed while a thread writes to it. The write happens under the lock of
 * the arrivals. A loop that frees the mailbox after dispatching has taken that lock since; one that
 * frees it because the descriptor was readable takes it in ep_mailbox_free().
 */
#include "pool/arrivals-internal.h"

#include "pool/cancel-internal.h"
#include "pool/here-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/** One expected future. Belongs to the mailbox until it is dispatched. */
struct letter {
    struct arrival arrival; /* first, so that the two addresses are one */
    ep_done_fn done;
    void *context;
    struct letter *next, *previous; /* guarded by the mailbox's lock */
};

struct ep_mailbox {
    struct arrivals arrivals; /* first, so that the two addresses are one */
    /* set by ep_mailbox_new(), then read-only */
    int fd;
    const bool *here; /**< see here-internal.h; the parent of a forked child has the same eventfd */
    struct lock lock;
    /* guarded by lock */
    struct letter *letters; /**< all that have not been dispatched */
};

/** Make the descriptor readable. Called by the thread that completed a future. */
static void mailbox_ring(struct arrivals *arrivals)
{
    const struct ep_mailbox *mailbox = (struct ep_mailbox *)arrivals;
    int saved = errno;
    HOLD_CANCELLATION;

    /* It fails only if the counter is at its maximum, and then the descriptor is readable. */
    eventfd_write(mailbox->fd, 1);
    errno = saved;
}

int ep_mailbox_new(struct ep_mailbox **mailbox)
{
    struct ep_mailbox *made;

    if (mailbox == NULL)
        return -EINVAL;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    made->here = here_new();
    made->fd = made->here != NULL ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
    if (made->fd < 0) {
        int rc = made->here != NULL ? -errno : -ENOMEM;

        here_free(made->here);
        free(made);
        return rc;
    }
    arrivals_init(&made->arrivals, mailbox_ring);
    *mailbox = made;
    return 0;
}

int ep_mailbox_fd(const struct ep_mailbox *mailbox)
{
    return mailbox->fd;
}

static void mailbox_link(struct ep_mailbox *mailbox, struct letter *letter)
{
    lock_acquire(&mailbox->lock);
    letter->next = mailbox->letters;
    if (letter->next != NULL)
        letter->next->previous = letter;
    mailbox->letters = letter;
    lock_release(&mailbox->lock);
}

static void mailbox_unlink(struct ep_mailbox *mailbox, struct letter *letter)
{
    lock_acquire(&mailbox->lock);
    *(letter->previous ? &letter->previous->next : &mailbox->letters) = letter->next;
    if (letter->next != NULL)
        letter->next->previous = letter->previous;
    lock_release(&mailbox->lock);
}

int ep_mailbox_add(struct ep_mailbox *mailbox, struct ep_future *future, ep_done_fn done,
                   void *context)
{
    struct letter *letter;

    if (mailbox == NULL || future == NULL || done == NULL)
        return -EINVAL;
    if (!*mailbox->here || future_is_lost(future))
        return EP_EFORKED;
    letter = calloc(1, sizeof *letter);
    if (letter == NULL)
        return -ENOMEM;
    letter->done = done;
    letter->context = context;
    mailbox_link(mailbox, letter);
    /* From here on the loop may dispatch the letter, which frees it. */
    arrivals_expect(&mailbox->arrivals, &letter->arrival, ep_future_ref(future));
    return 0;
}

/** Free a letter that is withdrawn and not linked. */
static void letter_free(struct letter *letter)
{
    ep_future_unref(letter->arrival.future);
    free(letter);
}

/** Make the descriptor unreadable. It may fail with EAGAIN, which does no harm. */
static void mailbox_hush(const struct ep_mailbox *mailbox)
{
    HOLD_CANCELLATION;
    eventfd_t rings;

    eventfd_read(mailbox->fd, &rings);
}

size_t ep_mailbox_dispatch(struct ep_mailbox *mailbox)
{
    struct arrival *arrival;
    size_t dispatched = 0;

    if (!*mailbox->here)
        return 0;          /* the ring is for the parent */
    mailbox_hush(mailbox); /* first */
    arrival = arrivals_take_all(&mailbox->arrivals);
    while (arrival != NULL) {
        struct letter *letter = (struct letter *)arrival;

        arrival = arrival->next;
        mailbox_unlink(mailbox, letter);
        letter->done(letter->arrival.future, letter->context);
        letter_free(letter);
        dispatched++;
    }
    return dispatched;
}

void ep_mailbox_free(struct ep_mailbox *mailbox)
{
    HOLD_CANCELLATION;
    struct letter *letter;

    if (mailbox == NULL)
        return;
    if (*mailbox->here)
        arrivals_take_all(&mailbox->arrivals); /* wait for a thread that rings */
    else
        mailbox->letters = NULL; /* another thread may have been writing there at the fork */
    /* Withdraw all before freeing the first: arrivals are linked to one another. */
    for (letter = mailbox->letters; letter != NULL; letter = letter->next)
        arrival_withdraw(&letter->arrival);
    while ((letter = mailbox->letters) != NULL) {
        mailbox->letters = letter->next;
        letter_free(letter);
    }
    close(mailbox->fd);
    here_free(mailbox->here);
    free(mailbox);
}
