/* SPDX-License-Identifier: MIT */
/* A solution of lab 2. The mistakes of tests/labs/mistakes are made in it. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, SOMAXCONN) != 0) {
        perror("echo: cannot listen");
        exit(1);
    }
    return fd;
}

/* Send all bytes. @return false: the client is gone */
static bool send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t some = send(fd, bytes, size, MSG_NOSIGNAL);
        if (some < 0)
            return false;
        bytes += some;
        size -= (size_t)some;
    }
    return true;
}

/* Send back what a client sends until it has ended. */
static void serve(int fd)
{
    char bytes[4096];
    ssize_t size;

    while ((size = recv(fd, bytes, sizeof bytes, 0)) > 0)
        if (!send_all(fd, bytes, (size_t)size))
            break;
    close(fd);
}

static void *thread_main(void *argument)
{
    serve((int)(intptr_t)argument);
    return NULL;
}

int main(int count, char **arguments)
{
    int listener = listen_on(count > 1 ? atoi(arguments[1]) : 8090);

    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        if (pthread_create(&thread, NULL, thread_main, (void *)(intptr_t)fd) != 0)
            close(fd);
        else
            pthread_detach(thread);
    }
}
