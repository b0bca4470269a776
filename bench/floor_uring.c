/* SPDX-License-Identifier: MIT */
/*
 * The floor under --model io-uring: one thread, one ring; each connection has a receive that completes
 * again and again into buffers of the ring, and all echoes are handed over by the call that waits.
 *
 * A short send ends the program: it does not happen, because the load sends one message per session at a
 * time. Needs Linux 6.1. Prints "listening on 127.0.0.1:PORT".
 */
#include "bench/floor.h"

#include <liburing.h>
#include <stdint.h>
#include <stdlib.h>

#define BUFFERS 512

enum { ACCEPT = 1U << 31, SEND = 1U << 30 };

static struct io_uring ring;
static struct io_uring_buf_ring *shelf;
static unsigned char buffers[BUFFERS][FLOOR_BUFFER_BYTES];
static int returned;

static void give_back(unsigned id)
{
    io_uring_buf_ring_add(shelf, buffers[id], FLOOR_BUFFER_BYTES, (unsigned short)id, BUFFERS - 1,
                          returned++);
}

static void show_returned(void)
{
    io_uring_buf_ring_advance(shelf, returned);
    returned = 0;
}

static struct io_uring_sqe *operation(void)
{
    struct io_uring_sqe *next;

    while ((next = io_uring_get_sqe(&ring)) == NULL)
        io_uring_submit(&ring);
    return next;
}

static void receive(int fd)
{
    struct io_uring_sqe *next = operation();

    io_uring_prep_recv_multishot(next, fd, NULL, 0, 0);
    next->flags |= IOSQE_BUFFER_SELECT;
    io_uring_sqe_set_data64(next, (unsigned)fd);
}

static void echo(int fd, unsigned id, unsigned size)
{
    struct io_uring_sqe *next = operation();

    transform_apply(TRANSFORM_UPPER, buffers[id], size);
    io_uring_prep_send(next, fd, buffers[id], size, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
    next->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(next, SEND);
}

static void start(void)
{
    struct io_uring_params parameters = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                                  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                         .cq_entries = 4096};
    struct io_uring_buf_reg of = {.ring_entries = BUFFERS};

    if (io_uring_queue_init_params(1024, &ring, &parameters) != 0 ||
        posix_memalign((void **)&shelf, 4096, BUFFERS * sizeof(struct io_uring_buf)) != 0)
        exit(EXIT_FAILURE);
    of.ring_addr = (uintptr_t)shelf;
    if (io_uring_register_buf_ring(&ring, &of, 0) != 0)
        exit(EXIT_FAILURE);
    io_uring_buf_ring_init(shelf);
    for (unsigned id = 0; id < BUFFERS; id++)
        give_back(id);
    show_returned();
    (void)io_uring_register_ring_fd(&ring);
}

/* Act on a completion. @return the buffer to give back after the next call, or -1 */
static int act(const struct io_uring_cqe *completion)
{
    uint64_t data = io_uring_cqe_get_data64(completion);
    int on = 1, id = (int)(completion->flags >> IORING_CQE_BUFFER_SHIFT);

    if (data == SEND)
        exit(EXIT_FAILURE);
    if (data == ACCEPT) {
        (void)setsockopt(completion->res, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        receive(completion->res);
        return -1;
    }
    if (completion->res > 0)
        echo((int)data, (unsigned)id, (unsigned)completion->res);
    if ((completion->flags & IORING_CQE_F_MORE) == 0) {
        if (completion->res > 0 || completion->res == -ENOBUFS)
            receive((int)data);
        else
            close((int)data);
    }
    return completion->res > 0 ? id : -1;
}

int main(void)
{
    int listener = floor_listen();
    struct io_uring_sqe *accepts;
    static int lent[2 * BUFFERS];
    unsigned lent_count = 0;

    start();
    accepts = operation();
    io_uring_prep_multishot_accept(accepts, listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(accepts, ACCEPT);
    for (;;) {
        struct io_uring_cqe *completion;
        unsigned head, count = 0;
        if (io_uring_submit_and_wait(&ring, 1) < 0)
            exit(EXIT_FAILURE);
        for (unsigned i = 0; i < lent_count; i++)
            give_back((unsigned)lent[i]);
        show_returned();
        lent_count = 0;
        io_uring_for_each_cqe(&ring, head, completion)
        {
            int id = act(completion);
            if (id >= 0)
                lent[lent_count++] = id;
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
}
