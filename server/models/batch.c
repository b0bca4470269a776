/* SPDX-License-Identifier: MIT */
/* Echoes that are sent together: see batch.h. */
#include "server/models/batch.h"

#include "server/session/echo.h"

#include <errno.h>
#include <stdlib.h>

int batch_init(struct batch *batch, struct members *members)
{
    size_t most = members->ring.buffers;

    batch->members = members;
    if (most == 0)
        return 0; /* it stays empty */
    batch->sendings = calloc(most, sizeof *batch->sendings);
    batch->parts = calloc(most, sizeof *batch->parts);
    batch->buffers = calloc(most, sizeof *batch->buffers);
    return batch->sendings == NULL || batch->parts == NULL || batch->buffers == NULL ? -ENOMEM : 0;
}

void batch_clear(struct batch *batch)
{
    free(batch->sendings);
    free(batch->parts);
    free(batch->buffers);
}

void batch_add(struct batch *batch, struct member *member, unsigned id, size_t size)
{
    struct sending *sending;

    if (member->parts == 0)
        batch->sendings[batch->sending_count++] =
            (struct sending){.member = member, .first = batch->part_count};
    sending = &batch->sendings[batch->sending_count - 1];
    batch->parts[batch->part_count] =
        (struct iovec){.iov_base = ring_buffer(&batch->members->ring, id), .iov_len = size};
    batch->buffers[batch->part_count++] = (uint16_t)id;
    sending->count++;
    sending->size += size;
    member->parts++;
}

bool batch_may_add(const struct batch *batch, const struct member *member)
{
    return member->parts == 0 || (member->parts < BATCH_PARTS_MOST &&
                                  batch->sendings[batch->sending_count - 1].member == member);
}

void batch_flush(struct batch *batch)
{
    struct ring *ring = &batch->members->ring;
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (ring->silent ? MSG_WAITALL : 0);

    for (unsigned i = 0; i < batch->sending_count; i++) {
        struct io_uring_sqe *operation = ring_operation(ring);
        struct sending *sending = &batch->sendings[i];
        struct iovec *parts = &batch->parts[sending->first];
        int fd = sending->member->session->fd;
        if (sending->count == 1) {
            io_uring_prep_send(operation, fd, parts->iov_base, parts->iov_len, flags);
        } else {
            sending->message = (struct msghdr){.msg_iov = parts, .msg_iovlen = sending->count};
            io_uring_prep_sendmsg(operation, fd, &sending->message, (unsigned)flags);
        }
        /* One that falls short has failed, because of MSG_WAITALL, and so has a completion. */
        if (ring->silent)
            operation->flags |= IOSQE_CQE_SKIP_SUCCESS;
        else
            batch->unanswered++;
        io_uring_sqe_set_data64(operation, (uint64_t)i * (OPERATION_MASK + 1) | OPERATION_SEND);
    }
}

void batch_sent(struct batch *batch, unsigned number, int result)
{
    struct sending *sending = &batch->sendings[number];

    if (!batch->members->ring.silent)
        batch->unanswered--;
    sending->sent = result > 0 ? (size_t)result : 0;
    sending->failed = sending->sent < sending->size;
}

/* Give a session back what was not sent. */
static void take_back(const struct batch *batch, const struct sending *sending)
{
    struct member *member = sending->member;
    size_t skip = sending->sent;
    int rc = 0;

    if (member->need == NEED_NOTHING) { /* it was ended meanwhile, and has judged too early */
        if (member->session->outcome == OUTCOME_STOPPED)
            member->session->outcome = OUTCOME_CUT;
        return;
    }
    for (unsigned i = sending->first; i < sending->first + sending->count && rc == 0; i++) {
        const struct iovec *part = &batch->parts[i];
        size_t done = skip < part->iov_len ? skip : part->iov_len;
        skip -= done;
        if (done < part->iov_len)
            rc = echo_take_back(member->session, (unsigned char *)part->iov_base + done,
                                part->iov_len - done);
    }
    if (rc != 0)
        member_lose(member);
    member_make_ready(member);
}

void batch_end(struct batch *batch)
{
    struct members *members = batch->members;

    for (unsigned i = 0; i < batch->sending_count; i++) {
        struct sending *sending = &batch->sendings[i];
        struct member *member = sending->member;
        if (sending->failed)
            take_back(batch, sending);
        member->parts = 0;
    }
    for (unsigned i = 0; i < batch->part_count; i++)
        members_give_back(members, batch->buffers[i]);
    batch->sending_count = batch->part_count = 0;
    if (members->ring.lends)
        ring_show_returned(&members->ring);
}
