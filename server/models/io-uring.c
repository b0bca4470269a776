/* SPDX-License-Identifier: MIT */
/*
 * --model io-uring: N rings, each with a thread that serves many sessions by turns.
 *
 * An event loop asks the kernel who is ready, and then reads and writes each session by a system call of
 * its own. Here the kernel reads: each session has a receive that completes again and again, into buffers
 * that the ring lends (ring.h). And it writes: the echoes of all sessions of a turn are handed over by the
 * system call that also waits for the next bytes. So under load an echo costs a small part of a system
 * call instead of two.
 *
 *     accept loop: accept ──loops_dispatch──> list of a ring's thread, eventfd
 *                                              └ on_wake ─> serve ─> communicate
 *
 *     a turn:  ring_enter ─> take ─> batch_end ─> serve ─> communicate ─> read_lent, write_lent
 *                hands       notes   gives the    each session             no call: they move
 *                over all,   what    buffers of   that has                 what the kernel has
 *                waits       came    echoes back  something                brought, or will send
 *
 * DESIGN. communicate() knows nothing of this. Its stream has another table: a read hands out what a
 * receive has brought, in the lent buffer itself; a write takes the bytes and makes them a part of the
 * batch. So an echo is sent from the buffer it came in.
 *
 * The rest is in ring.h, what kernels can do; member.h, receiving, and when a session may be released;
 * and batch.h, sending.
 *
 * **Readiness.** TLS reads and writes its socket itself, and so does a session before its PROXY header is
 * read, and every session if the kernel cannot lend buffers. Then the ring only waits, as epoll would. A
 * session whose echo did not fit into its socket sends the rest so as well.
 *
 * **--delay and --burn** are spent by the thread, so then no echo waits for those of other sessions.
 *
 * What the kernel does is not seen by ThreadSanitizer. It need not be: only the ring's thread touches the
 * buffers and the queues, and liburing orders what it shares with the kernel.
 */
#include "common/log.h"
#include "server/models/batch.h"
#include "server/session/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ring_loop {
    struct loop loop;
    /* set before the thread begins; then used by the thread only */
    struct members members;
    struct batch batch;
    struct stream_ops ops;          /* of sessions whose bytes the ring moves */
    const struct stream_ops *plain; /* the usual ones */
    unsigned char *scratch;         /* for bytes that are in no lent buffer */
    bool hurried;                   /* sessions work for long: no echo waits for another session */
    bool stops;
};

/* --- the ring ------------------------------------------------------------------------------ */

static void wait_for_wake(struct ring_loop *loop)
{
    struct io_uring_sqe *operation = ring_operation(&loop->members.ring);

    io_uring_prep_poll_add(operation, loop->loop.wake_fd, POLLIN);
    io_uring_sqe_set_data64(operation, OPERATION_WAKE);
}

/* Take the sessions that have arrived into the ring. */
static void on_wake(struct ring_loop *loop)
{
    struct arrival *arrival = loop_arrivals(&loop->loop, &loop->stops);

    for (struct arrival *next; arrival != NULL; arrival = next) {
        next = arrival->next;
        member_make_ready((struct member *)arrival);
    }
    wait_for_wake(loop);
}

/* Act on a completion. */
static void completed(struct ring_loop *loop, const struct io_uring_cqe *completion)
{
    uint64_t data = io_uring_cqe_get_data64(completion);
    enum operation kind = (enum operation)(data & OPERATION_MASK);
    struct member *member = (struct member *)(uintptr_t)(data - kind);

    switch (kind) {
    case OPERATION_RECEIVE: member_received(member, completion); break;
    case OPERATION_WAIT:
    case OPERATION_CANCEL: member_operation_ended(member, kind, completion->res); break;
    case OPERATION_WAKE: on_wake(loop); break;
    case OPERATION_SEND:
        batch_sent(&loop->batch, (unsigned)(data / (OPERATION_MASK + 1)), completion->res);
        break;
    case OPERATION_MASK: break;
    }
}

/* Note what has completed. Serves no session, so that a session may cause it: has_pending(). */
static void take(struct ring_loop *loop)
{
    struct ring *ring = &loop->members.ring;

    do {
        struct io_uring_cqe *completion;
        unsigned head, count = 0;
        io_uring_for_each_cqe(&ring->uring, head, completion)
        {
            completed(loop, completion);
            count++;
        }
        io_uring_cq_advance(&ring->uring, count);
        ring_count(&ring->completions, count);
    } while (ring_fetch_more(ring));
}

/* Send the batch, and note what completes. @param wait  until something does */
static void send_batch(struct ring_loop *loop, bool wait)
{
    batch_flush(&loop->batch);
    ring_enter(&loop->members.ring, wait);
    take(loop);
    while (loop->batch.unanswered > 0) {
        ring_enter(&loop->members.ring, true);
        take(loop);
    }
    batch_end(&loop->batch);
}

/* --- the stream ---------------------------------------------------------------------------- */

static ssize_t read_lent(struct stream *stream, void *bytes, size_t size)
{
    struct member *member = stream->own;
    struct members *members = member->of;

    stream->wants_write = false;
    if (member_has_aside(member))
        return member->parts == 0 ? member_read_aside(member, bytes, size) : -EAGAIN;
    if (member->first != RING_NONE) {
        /* Another place is the one of the echo before: serve() comes again with this one. */
        if (bytes != ring_buffer(&members->ring, member->first) ||
            !batch_may_add(&member->loop->batch, member))
            return -EAGAIN;
        member->current = (uint16_t)member_take_first(member);
        return members->lent[member->current].size;
    }
    if (!member->has_end || member->parts > 0)
        return -EAGAIN;
    /* An end of file that is the accept loop's, by shutdown(), may be followed by bytes. */
    if (member->end == 0 && member->end_was_read)
        return member->loop->plain->read(stream, bytes, size);
    member->end_was_read = true;
    return member->end;
}

static ssize_t write_lent(struct stream *stream, const void *bytes, size_t size)
{
    struct member *member = stream->own;

    if (member->current != RING_NONE && bytes == ring_buffer(&member->of->ring, member->current)) {
        batch_add(&member->loop->batch, member, member->current, size);
        member->current = RING_NONE;
        return (ssize_t)size;
    }
    if (member->parts == 0)
        return member->loop->plain->write_some(stream, bytes, size);
    stream->wants_write = true; /* after the batch */
    return -EAGAIN;
}

/* Without IORING_SETUP_DEFER_TASKRUN, bytes may go from the socket to the ring at any time. */
static bool has_pending(const struct stream *stream)
{
    const struct member *member = stream->own;

    if (io_uring_cq_ready(&member->of->ring.uring) > 0)
        take(member->loop);
    return member_has_aside(member) || member->first != RING_NONE;
}

/* --- serving ------------------------------------------------------------------------------- */

/* End a session, after all of its operations have. */
static void release(struct member *member)
{
    struct ring_loop *loop = member->loop;

    while (member->first != RING_NONE)
        members_give_back(member->of, member_take_first(member));
    member_stop_receiving(member);
    if (member->parts > 0)
        member_make_ready(member); /* after this turn's batch: a send that succeeds may be silent */
    if (member->under_way > 0 || member->parts > 0)
        return; /* the last of them makes it ready again */
    session_end(member->session);
    member_free(member);
    loop_session_ended(&loop->loop);
}

/* Check whether the ring moves a session's bytes now. */
static bool is_moved(const struct member *member)
{
    return member->session->stream.own != NULL && member->session->stage == STAGE_ECHO;
}

/* Wait for what a session needs. */
static void wait_for(struct member *member)
{
    if (member->need != NEED_READ && member->need != NEED_NOTHING)
        member_put_aside(member);
    switch (member->need) {
    case NEED_READ:
        if (!is_moved(member))
            member_wait_for_events(member, POLLIN);
        else if (member_has_input(member))
            member_make_ready(member);
        else if (!member->receives)
            member_receive(member);
        return;
    case NEED_WRITE:
        if (member->parts > 0)
            member_make_ready(member);
        else
            member_wait_for_events(member, POLLOUT);
        return;
    case NEED_TURN: member_make_ready(member); return;
    case NEED_MOMENT: member_wait_a_moment(member); return;
    case NEED_NOTHING: release(member); return;
    }
}

/* Serve a session, once for each lent buffer. */
static void serve_member(struct member *member)
{
    struct ring_loop *loop = member->loop;
    struct session *session = member->session;
    uint16_t before;

    do {
        bool lent = !member_has_aside(member) && member->first != RING_NONE;
        before = member->first;
        member->need =
            session_serve(session, lent ? ring_buffer(&member->of->ring, before) : loop->scratch,
                          loop->loop.number);
        if (member->current != RING_NONE) { /* its bytes were not echoed from there */
            members_give_back(member->of, member->current);
            member->current = RING_NONE;
        }
    } while (!loop->hurried && member->need == NEED_READ && member->first != before &&
             member->first != RING_NONE && session_verdict(session) == OUTCOME_SERVED);
    wait_for(member);
}

/* Serve what waits for nothing else. */
static void serve(struct ring_loop *loop)
{
    struct members *members = &loop->members;
    struct member *member = members->ready;

    members->ready = NULL;
    members->ready_end = &members->ready;
    for (struct member *next; member != NULL; member = next) {
        next = member->next_ready;
        member->is_ready = false;
        if (member->need == NEED_NOTHING)
            release(member);
        else if (member->need == NEED_READ && is_moved(member) && !member_has_input(member) &&
                 member->session->rest.bytes == NULL)
            wait_for(member); /* its receive has ended, for want of buffers for instance */
        else
            serve_member(member);
        if (loop->hurried)
            send_batch(loop, false);
    }
}

static void run(struct loop *base)
{
    struct ring_loop *loop = (struct ring_loop *)base;
    int rc = ring_begin(&loop->members.ring);

    if (rc != 0)
        log_fatal("a ring cannot begin: %s", strerror(-rc));
    wait_for_wake(loop);
    while (!loop->stops) {
        send_batch(loop, loop->members.ready == NULL);
        serve(loop);
    }
}

/* --- in the accept loop -------------------------------------------------------------------- */

static struct arrival *welcome(struct loop *base, struct session *session)
{
    struct ring_loop *loop = (struct ring_loop *)base;
    struct member *member = member_new(loop, &loop->members, session);

    if (member == NULL)
        return NULL;
    session_set_nonblocking(session);
    if (loop->members.ring.lends) { /* until TLS, if there is any, replaces the stream */
        session->stream.ops = &loop->ops;
        session->stream.own = member;
    }
    return &member->arrival;
}

/* --- life ---------------------------------------------------------------------------------- */

static int init(struct loop *base)
{
    struct ring_loop *loop = (struct ring_loop *)base;
    const struct shared *shared = base->loops->shared;
    struct stream plain;
    int rc = members_init(&loop->members, shared->buffer_bytes);

    if (rc == 0)
        rc = batch_init(&loop->batch, &loop->members);
    if (rc != 0)
        return rc;
    stream_init_plain(&plain, -1);
    loop->plain = plain.ops;
    loop->ops = *plain.ops;
    loop->ops.read = read_lent;
    loop->ops.write_some = write_lent;
    loop->ops.has_pending = has_pending;
    loop->hurried = shared->delay.mean_ns > 0 || shared->burn.mean_ns > 0;
    loop->scratch = malloc(shared->buffer_bytes);
    return loop->scratch == NULL ? -ENOMEM : 0;
}

static void clear(struct loop *base)
{
    struct ring_loop *loop = (struct ring_loop *)base;

    members_clear(&loop->members);
    batch_clear(&loop->batch);
    free(loop->scratch);
}

static void count_rings(struct model *base, struct ring_counts *counts)
{
    const struct loops *loops = (const struct loops *)base;

    for (size_t i = 0; i < loops->count; i++) {
        const struct ring *ring = &((const struct ring_loop *)loops->at[i])->members.ring;
        counts->enters += atomic_load_explicit(&ring->enters, memory_order_relaxed);
        counts->submissions += atomic_load_explicit(&ring->submissions, memory_order_relaxed);
        counts->completions += atomic_load_explicit(&ring->completions, memory_order_relaxed);
        counts->shortages += atomic_load_explicit(&ring->shortages, memory_order_relaxed);
        counts->lent += atomic_load_explicit(&ring->lent, memory_order_relaxed);
        counts->buffers += ring->buffers;
    }
}

/* Replace the reason of a failure, if the kernel or a filter refuses the rings themselves. */
static int explain(int rc, char why[static MODEL_WHY_MAX])
{
    switch (rc) {
    case -ENOSYS:
        snprintf(why, MODEL_WHY_MAX,
                 "this kernel has no io_uring, or a filter of system calls hides "
                 "it; use --model event");
        return -ENOTSUP;
    case -EPERM:
        snprintf(why, MODEL_WHY_MAX,
                 "kernel.io_uring_disabled or a filter of system calls forbids "
                 "io_uring; use --model event");
        return -ENOTSUP;
    case -EINVAL:
        snprintf(why, MODEL_WHY_MAX,
                 "this kernel's io_uring is older than that of Linux 5.13; use "
                 "--model event");
        return -ENOTSUP;
    case -ENOMEM:
        snprintf(why, MODEL_WHY_MAX,
                 "no memory for a ring, which the kernel may count as locked "
                 "memory (ulimit -l)");
        return rc;
    default: return rc;
    }
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    static const struct loops_kind kind = {
        .loop_bytes = sizeof(struct ring_loop),
        .init = init,
        .run = run,
        .clear = clear,
        .welcome = welcome,
    };

    int rc = loops_create(&kind, settings, result, why);

    if (rc != 0)
        return explain(rc, why);
    if (!((const struct ring_loop *)((const struct loops *)*result)->at[0])->members.ring.lends)
        log_warn("this kernel receives into no lent buffers, as Linux 6.0 does: the rings only "
                 "wait, and "
                 "an echo needs as many system calls as with --model event");
    return 0;
}

const struct model_type model_io_uring = {
    .name = "io-uring",
    .unit = "ring",
    .title = "Rings",
    .words = "each a thread for which the kernel reads and writes many sessions",
    .holds_many = true,
    .create = create,
    .dispatch = loops_dispatch,
    .has_room = loops_have_room,
    .rings = count_rings,
    .destroy = loops_destroy,
};
