/* SPDX-License-Identifier: MIT */
/**
 * @file floor.h
 * What both bare servers begin with. They end at the first error: nobody relies on them.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define FLOOR_BUFFER_BYTES 1024 /* as echo-server's --buffer */

/** Listen on a port of 127.0.0.1 that the kernel picks, and print which. @return descriptor */
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

/** The next connection, with TCP_NODELAY as echo-server sets it. @return descriptor */
static inline int floor_accept(int listener, int flags)
{
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | flags);

    if (fd < 0)
        exit(EXIT_FAILURE);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

#endif /* BENCH_FLOOR_H */
