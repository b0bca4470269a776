/* SPDX-License-Identifier: MIT */
/**
 * @file floor.h
 * Shared functions of the bare servers, which exist for measurements only and exit at the first
 * error.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "common/transform.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOR_BUFFER_BYTES 1024 /* the default of echo-server's --buffer */

/** Listen on a port of 127.0.0.1 that the kernel picks, and print it. @return descriptor */
static inline int floor_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        exit(EXIT_FAILURE);
    printf("listening on 127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/** Accept a connection, with TCP_NODELAY as in echo-server. @return descriptor */
static inline int floor_accept(int listener, int flags)
{
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | flags);

    if (fd < 0)
        exit(EXIT_FAILURE);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/** Echo in capitals, blocking, until the client closes; then close. */
static inline void floor_echo(int fd)
{
    unsigned char bytes[FLOOR_BUFFER_BYTES];
    ssize_t size;

    while ((size = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        transform_apply(TRANSFORM_UPPER, bytes, (size_t)size);
        if (send(fd, bytes, (size_t)size, MSG_NOSIGNAL) != size)
            break;
    }
    close(fd);
}

#endif /* BENCH_FLOOR_H */
