/* SPDX-License-Identifier: MIT */
/* A solution of lab 5. The mistakes of tests/labs/mistakes are made in it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 1024

/* A client, and what it has sent and not got back. */
struct client {
    int fd;
    bool ended; /* it sends no more */
    size_t size, sent;
    char bytes[16384];
};

static struct client *clients[CLIENTS_MAX];
static struct pollfd polled[1 + CLIENTS_MAX]; /* the first is the listener; the others as clients */
static size_t client_count;

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

static void add(int fd)
{
    struct client *client = client_count < CLIENTS_MAX ? malloc(sizeof *client) : NULL;

    if (client == NULL) {
        close(fd);
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    client->fd = fd;
    client->ended = false;
    client->size = client->sent = 0;
    clients[client_count++] = client;
}

/* Send what can be sent. @return false: the client is gone */
static bool flush(struct client *client)
{
    while (client->sent < client->size) {
        ssize_t some = send(client->fd, client->bytes + client->sent, client->size - client->sent,
                            MSG_NOSIGNAL);
        if (some < 0)
            return errno == EAGAIN;
        client->sent += (size_t)some;
    }
    client->size = client->sent = 0;
    return true;
}

/* Do for a client that is ready what does not wait. @return false: it is at its end */
static bool go_on(struct client *client)
{
    if (client->size == 0 && !client->ended) {
        ssize_t some = recv(client->fd, client->bytes, sizeof client->bytes, 0);
        if (some < 0)
            return errno == EAGAIN;
        client->ended = some == 0;
        client->size = (size_t)some;
    }
    return flush(client) && !(client->ended && client->size == 0);
}

int main(int count, char **arguments)
{
    int listener = listen_on(count > 1 ? atoi(arguments[1]) : 8090);

    fcntl(listener, F_SETFL, O_NONBLOCK);
    for (;;) {
        polled[0] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (size_t i = 0; i < client_count; i++)
            polled[1 + i] = (struct pollfd){.fd = clients[i]->fd,
                                            .events = clients[i]->size > 0 ? POLLOUT : POLLIN};
        if (poll(polled, 1 + client_count, -1) < 0)
            continue;
        /* From the last one, so that its place can be filled by one that has been looked at. */
        for (size_t i = client_count; i-- > 0;)
            if (polled[1 + i].revents != 0 && !go_on(clients[i])) {
                close(clients[i]->fd);
                free(clients[i]);
                clients[i] = clients[--client_count];
            }
        if (polled[0].revents != 0) {
            int fd = accept(listener, NULL, NULL);
            if (fd >= 0)
                add(fd);
        }
    }
}
