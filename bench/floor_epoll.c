/* SPDX-License-Identifier: MIT */
/*
 * The floor under event loops: one thread, one epoll descriptor, recv and send when readable.
 *
 * A short send ends the session and is not queued: it does not happen, because the load sends one
 * message per session at a time. Prints "listening on 127.0.0.1:PORT".
 */
#include "bench/floor.h"
#include "common/transform.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        exit(EXIT_FAILURE);
}

static void echo_once(int fd)
{
    unsigned char bytes[FLOOR_BUFFER_BYTES];
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);

    if (size > 0) {
        transform_apply(TRANSFORM_UPPER, bytes, (size_t)size);
        if (send(fd, bytes, (size_t)size, MSG_NOSIGNAL) == size)
            return;
    }
    close(fd);
}

int main(void)
{
    int listener = floor_listen();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS];

    watch(epoll, listener);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                watch(epoll, floor_accept(listener, SOCK_NONBLOCK));
            else
                echo_once(events[i].data.fd);
        }
    }
}
