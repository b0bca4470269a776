/* SPDX-License-Identifier: MIT */
/* An io_uring: see ring.h. */
#include "server/models/ring.h"

#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    OPERATIONS = 1024,  /* that one system call hands over */
    COMPLETIONS = 4096, /* for which there is room; the kernel keeps more */
    BUFFERS_MOST = 512,
    BUFFERS_LEAST = 16,
    REPEATS_MOST = 4096,           /* of a buffer */
    MEMORY_MOST = 2 * 1024 * 1024, /* of all buffers, unless these are the least */
};

/* --- what the kernel can do ---------------------------------------------------------------- */

/*
 * Make a ring with as many of the wanted flags as the kernel knows. IORING_SETUP_DEFER_TASKRUN keeps the
 * kernel from interrupting the thread for each completion: it collects them until the thread asks.
 *
 * Before Linux 5.13 a ring takes no operations while completions wait for room (EBUSY), so that a thread that
 * has many to hand over could try forever. IORING_FEAT_RSRC_TAGS came with the same release.
 *
 * @return 0 or a negated errno value; -EINVAL: the kernel is older than that
 */
static int make(struct io_uring *uring, unsigned operations, unsigned common, unsigned *flags)
{
    static const unsigned wanted[] = {
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN,
        0,
    };
    int rc = -EINVAL;

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && rc == -EINVAL; i++) {
        struct io_uring_params parameters = {
            .flags = common | wanted[i] | IORING_SETUP_CQSIZE,
            .cq_entries = operations * (COMPLETIONS / OPERATIONS),
        };
        rc = io_uring_queue_init_params(operations, uring, &parameters);
        *flags = wanted[i];
        if (rc == 0 && (parameters.features & IORING_FEAT_RSRC_TAGS) == 0) {
            io_uring_queue_exit(uring);
            rc = -EINVAL;
        }
    }
    return rc;
}

/* Map memory for the shelf, and behind it for the buffers. @return 0 or a negated errno value */
static int make_buffers(struct ring *ring, size_t buffer_bytes, unsigned most)
{
    size_t head, page = (size_t)sysconf(_SC_PAGESIZE);
    void *memory;

    ring->buffer_bytes = buffer_bytes < RING_BUFFER_MAX ? buffer_bytes : RING_BUFFER_MAX;
    for (ring->buffers = most;
         ring->buffers > BUFFERS_LEAST && ring->buffers * ring->buffer_bytes > MEMORY_MOST;)
        ring->buffers /= 2;
    head = (ring->buffers * sizeof(struct io_uring_buf) + page - 1) / page * page;
    ring->shelf_bytes = head + ring->buffers * ring->buffer_bytes;
    memory =
        mmap(NULL, ring->shelf_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    ring->shelf = memory;
    ring->memory = (unsigned char *)memory + head;
    return 0;
}

/* Give the kernel all buffers. @return 0 or a negated errno value */
static int provide(struct ring *ring)
{
    struct io_uring_buf_reg shelf = {
        .ring_addr = (uintptr_t)ring->shelf,
        .ring_entries = ring->buffers,
        .bgid = RING_GROUP,
    };
    int rc = io_uring_register_buf_ring(&ring->uring, &shelf, 0);

    if (rc != 0)
        return rc;
    io_uring_buf_ring_init(ring->shelf);
    for (unsigned i = 0; i < ring->buffers; i++)
        ring_return(ring, i);
    ring_show_returned(ring);
    return 0;
}

/* Receive a byte as sessions do. @return 0: it came into a lent buffer, and more may come; or a negated errno value */
static int receive_again(struct ring *ring, int fd)
{
    struct io_uring_sqe *operation = io_uring_get_sqe(&ring->uring);
    struct io_uring_cqe *completion;
    int rc;

    io_uring_prep_recv_multishot(operation, fd, NULL, 0, 0);
    operation->flags |= IOSQE_BUFFER_SELECT;
    operation->buf_group = RING_GROUP;
    rc = io_uring_submit_and_wait(&ring->uring, 1);
    if (rc >= 0)
        rc = io_uring_peek_cqe(&ring->uring, &completion);
    if (rc != 0)
        return rc;
    if (completion->res < 0)
        return completion->res;
    return (completion->flags & IORING_CQE_F_BUFFER) != 0 &&
                   (completion->flags & IORING_CQE_F_MORE) != 0
               ? 0
               : -EINVAL;
}

/*
 * Try the receives of sessions out, with a ring and a connection of its own.
 *
 * @param can  set to whether the kernel has them
 * @return     0 or a negated errno value: without memory or descriptors this cannot be found out
 */
static int can_lend(bool *can)
{
    struct ring trial = {0};
    unsigned flags;
    int pair[2];
    int rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -errno;
    rc = make(&trial.uring, 8, 0, &flags);
    if (rc == 0) {
        rc = make_buffers(&trial, 64, BUFFERS_LEAST);
        if (rc == 0)
            rc = provide(&trial);
        if (rc == 0)
            rc = send(pair[1], "", 1, MSG_NOSIGNAL) == 1 ? receive_again(&trial, pair[0]) : -errno;
        ring_clear(&trial);
    }
    close(pair[0]);
    close(pair[1]);
    *can = rc == 0;
    return rc == -EINVAL ? 0 : rc;
}

/* --- life ---------------------------------------------------------------------------------- */

int ring_init(struct ring *ring, size_t buffer_bytes)
{
    unsigned flags;
    int rc = make(&ring->uring, OPERATIONS, IORING_SETUP_R_DISABLED, &flags);

    if (rc != 0) {
        ring->uring.ring_fd = -1;
        return rc;
    }
    ring->silent = (flags & IORING_SETUP_DEFER_TASKRUN) != 0;
    rc = can_lend(&ring->lends);
    if (rc != 0 || !ring->lends)
        return rc;
    rc = make_buffers(ring, buffer_bytes, BUFFERS_MOST);
    if (rc == 0)
        rc = provide(ring);
    ring->lends = rc == 0;
    ring->repeats = ring->buffer_bytes <= REPEATS_MOST;
    return rc;
}

void ring_clear(struct ring *ring)
{
    if (ring->uring.ring_fd > 0)
        io_uring_queue_exit(&ring->uring);
    if (ring->shelf != NULL)
        munmap(ring->shelf, ring->shelf_bytes);
}

int ring_begin(struct ring *ring)
{
    int rc =
        io_uring_register((unsigned)ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

    /* Without this each call looks the descriptor up: no more than a matter of speed. */
    if (rc == 0)
        (void)io_uring_register_ring_fd(&ring->uring);
    return rc;
}

/* --- work ---------------------------------------------------------------------------------- */

/*
 * Act on the result of a system call. What is short now may be there later. After EBUSY there are completions
 * to take, and no operation is left to hand over: see make().
 */
static void judge(struct ring *ring, int rc)
{
    ring_count(&ring->enters, 1);
    if (rc >= 0) {
        ring_count(&ring->submissions, rc);
        return;
    }
    if (rc == -EAGAIN || rc == -ENOMEM)
        poll(NULL, 0, 1);
    else if (rc != -EINTR && rc != -EBUSY)
        log_fatal("a ring has failed: %s", strerror(-rc));
}

struct io_uring_sqe *ring_operation(struct ring *ring)
{
    struct io_uring_sqe *operation;

    while ((operation = io_uring_get_sqe(&ring->uring)) == NULL)
        judge(ring, io_uring_submit(&ring->uring));
    return operation;
}

void ring_enter(struct ring *ring, bool wait)
{
    do
        judge(ring, wait ? io_uring_submit_and_wait(&ring->uring, 1)
                         : io_uring_submit_and_get_events(&ring->uring));
    while (io_uring_sq_ready(&ring->uring) > 0);
}

bool ring_fetch_more(struct ring *ring)
{
    if (!io_uring_cq_has_overflow(&ring->uring))
        return false;
    judge(ring, io_uring_get_events(&ring->uring));
    return true;
}
