/* SPDX-License-Identifier: MIT */
/* The sessions of a ring: see member.h. */
#include "server/models/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- life ---------------------------------------------------------------------------------- */

int members_init(struct members *members, size_t buffer_bytes)
{
    int rc = ring_init(&members->ring, buffer_bytes);

    members->ready_end = &members->ready;
    if (rc != 0 || !members->ring.lends)
        return rc;
    members->lent = calloc(members->ring.buffers, sizeof *members->lent);
    return members->lent == NULL ? -ENOMEM : 0;
}

void members_clear(struct members *members)
{
    ring_clear(&members->ring);
    free(members->lent);
}

struct member *member_new(struct ring_loop *loop, struct members *of, struct session *session)
{
    struct member *member = calloc(1, sizeof *member);

    if (member == NULL)
        return NULL;
    member->loop = loop;
    member->of = of;
    member->session = session;
    member->need = NEED_TURN;
    member->first = member->current = RING_NONE;
    return member;
}

void member_free(struct member *member)
{
    free(member->aside);
    free(member);
}

void member_make_ready(struct member *member)
{
    struct members *members = member->of;

    if (member->is_ready)
        return;
    member->is_ready = true;
    member->next_ready = NULL;
    *members->ready_end = member;
    members->ready_end = &member->next_ready;
}

/* --- operations ---------------------------------------------------------------------------- */

/* Begin an operation. The caller fills it in by one of liburing's functions, and then calls tag(). */
static struct io_uring_sqe *begin(struct member *member)
{
    member->under_way++;
    return ring_operation(&member->of->ring);
}

static void tag(struct io_uring_sqe *operation, struct member *member, enum operation kind)
{
    io_uring_sqe_set_data64(operation, (uintptr_t)member | kind);
}

void member_receive(struct member *member)
{
    struct io_uring_sqe *operation = begin(member);

    if (member->of->ring.repeats)
        io_uring_prep_recv_multishot(operation, member->session->fd, NULL, 0, 0);
    else
        io_uring_prep_recv(operation, member->session->fd, NULL, 0, 0);
    operation->flags |= IOSQE_BUFFER_SELECT;
    operation->buf_group = RING_GROUP;
    tag(operation, member, OPERATION_RECEIVE);
    member->receives = true;
}

void member_stop_receiving(struct member *member)
{
    struct io_uring_sqe *operation;

    if (!member->receives || member->cancels)
        return;
    operation = begin(member);
    io_uring_prep_cancel64(operation, (uintptr_t)member | OPERATION_RECEIVE, 0);
    tag(operation, member, OPERATION_CANCEL);
    member->cancels = true;
}

void member_wait_for_events(struct member *member, unsigned events)
{
    struct io_uring_sqe *operation = begin(member);

    io_uring_prep_poll_add(operation, member->session->fd, events);
    tag(operation, member, OPERATION_WAIT);
}

void member_wait_a_moment(struct member *member)
{
    static struct __kernel_timespec moment = {.tv_nsec = SESSION_MOMENT_NS};
    struct io_uring_sqe *operation = begin(member);

    io_uring_prep_timeout(operation, &moment, 0, 0);
    tag(operation, member, OPERATION_WAIT);
}

/* --- lent buffers -------------------------------------------------------------------------- */

void members_give_back(struct members *members, unsigned id)
{
    ring_return(&members->ring, id);
    ring_count(&members->ring.lent, -1);
}

unsigned member_take_first(struct member *member)
{
    uint16_t id = member->first;

    member->first = member->of->lent[id].next;
    return id;
}

void member_lose(struct member *member)
{
    member->has_end = true;
    member->end = -ENOMEM;
    session_judge(member->session, OUTCOME_FAILED);
}

/* Copy bytes behind those that are aside already. */
static void copy_aside(struct member *member, const unsigned char *bytes, size_t size)
{
    size_t kept = member->aside_size - member->aside_read;
    unsigned char *all;

    if (member->aside_read > 0)
        memmove(member->aside, member->aside + member->aside_read, kept);
    member->aside_read = 0;
    member->aside_size = kept;
    all = realloc(member->aside, kept + size);
    if (all == NULL) {
        member_lose(member);
        return;
    }
    memcpy(all + kept, bytes, size);
    member->aside = all;
    member->aside_size = kept + size;
}

void member_put_aside(struct member *member)
{
    struct members *members = member->of;

    while (member->first != RING_NONE) {
        unsigned id = member_take_first(member);
        copy_aside(member, ring_buffer(&members->ring, id), members->lent[id].size);
        members_give_back(members, id);
    }
    if (member_has_aside(member))
        member_stop_receiving(member);
}

ssize_t member_read_aside(struct member *member, void *bytes, size_t size)
{
    size_t left = member->aside_size - member->aside_read;

    if (size > left)
        size = left;
    memcpy(bytes, member->aside + member->aside_read, size);
    member->aside_read += size;
    if (!member_has_aside(member)) { /* a session may have much once and then nothing for long */
        free(member->aside);
        member->aside = NULL;
        member->aside_size = member->aside_read = 0;
    }
    return (ssize_t)size;
}

/* --- completions --------------------------------------------------------------------------- */

/* Note bytes. */
static void arrived(struct member *member, uint16_t id, uint32_t size)
{
    struct members *members = member->of;

    ring_count(&members->ring.lent, 1);
    members->lent[id] = (struct lent){.size = size, .next = RING_NONE};
    if (member->first == RING_NONE)
        member->first = id;
    else
        members->lent[member->last].next = id;
    member->last = id;
    if (member->need != NEED_READ || member_has_aside(member))
        member_put_aside(member);
}

void member_received(struct member *member, const struct io_uring_cqe *completion)
{
    struct ring *ring = &member->of->ring;
    uint16_t id = (uint16_t)(completion->flags >> IORING_CQE_BUFFER_SHIFT);
    int result = completion->res;

    if ((completion->flags & IORING_CQE_F_MORE) == 0) {
        member->receives = member->cancels = false;
        member->under_way--;
    }
    if (result > 0)
        arrived(member, id, (uint32_t)result);
    else if ((completion->flags & IORING_CQE_F_BUFFER) != 0)
        ring_return(ring, id);
    if (result == -ENOBUFS)
        ring_count(&ring->shortages, 1);
    else if (result <= 0 && result != -ECANCELED && !member->has_end) {
        member->has_end = true;
        member->end = result;
    }
    if (member->need == NEED_READ || member->need == NEED_NOTHING)
        member_make_ready(member);
}

void member_operation_ended(struct member *member, enum operation operation, int result)
{
    member->under_way--;
    if (operation == OPERATION_CANCEL && result < 0)
        member->cancels =
            false; /* it found no receive; if there is one now, the next may find it */
    if (operation == OPERATION_WAIT || member->need == NEED_NOTHING)
        member_make_ready(member);
}
