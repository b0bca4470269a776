/* SPDX-License-Identifier: MIT */
/*
 * Three small echo servers and a client: see servers.h.
 *
 * Each server is one thread that serves one connection at a time, which is enough for the examples;
 * echo-server shows how to do better.
 */
#include "examples/servers.h"

#include "examples/example.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    int listener;
    bool serves;
    pthread_t thread;
} servers[PAGES];

static const uint32_t page_bytes[PAGES] = {13011, 1270, 2039};

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

/** Send all the bytes. @return 0 or a negated errno value */
static int send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR)
            return -errno;
        if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
        }
    }
    return 0;
}

/* --- the servers --------------------------------------------------------------------------- */

static void echo(int connection)
{
    char buffer[4096];
    ssize_t size;

    while ((size = recv(connection, buffer, sizeof buffer, 0)) > 0 || (size < 0 && errno == EINTR))
        if (size > 0 && send_all(connection, buffer, (size_t)size) != 0)
            break;
    close(connection);
}

static void *serve(void *context)
{
    int listener = *(const int *)context, connection;

    /* servers_stop() ends the loop: accept() fails on a socket that was shut down. */
    while ((connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR ||
           errno == ECONNABORTED)
        if (connection >= 0)
            echo(connection);
    return NULL;
}

void servers_start(struct page pages[PAGES], int down)
{
    for (int i = 0; i < PAGES; i++) {
        struct sockaddr_in address = loopback(0);
        socklen_t length = sizeof address;
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        /* The server that is down is bound to a port too, but does not listen on it. */
        if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
            getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
            (i != down && listen(listener, 16) != 0))
            example_must(-errno, "start a server");
        servers[i].listener = listener;
        servers[i].serves = i != down;
        if (i != down)
            example_must(-pthread_create(&servers[i].thread, NULL, serve, &servers[i].listener),
                         "start a server");
        pages[i] = (struct page){.port = ntohs(address.sin_port), .bytes = page_bytes[i]};
        snprintf(pages[i].url, sizeof pages[i].url, "echo://127.0.0.1:%u/%u", pages[i].port,
                 pages[i].bytes);
    }
}

void servers_stop(void)
{
    for (int i = 0; i < PAGES; i++) {
        shutdown(servers[i].listener, SHUT_RDWR);
        if (servers[i].serves)
            pthread_join(servers[i].thread, NULL);
        close(servers[i].listener);
    }
}

/* --- the task ------------------------------------------------------------------------------ */

/** Send the page and receive its echo. @return 0 or a negated errno value */
static int converse(int fd, const struct page *page, char *bytes)
{
    struct sockaddr_in address = loopback(page->port);
    uint32_t received = 0;
    int rc;

    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return -errno;
    memset(bytes, 'x', page->bytes);
    rc = send_all(fd, bytes, page->bytes); /* fits into the sockets' buffers */
    while (rc == 0 && received < page->bytes) {
        ssize_t size = recv(fd, bytes + received, page->bytes - received, 0);

        if (size == 0)
            rc = -EPIPE;
        else if (size > 0)
            received += (uint32_t)size;
        else if (errno != EINTR)
            rc = -errno;
    }
    return rc;
}

int fetch_page(struct ep_task *task)
{
    const struct page *page = ep_task_input(task, NULL);
    char *bytes = malloc(page->bytes);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = bytes == NULL ? -ENOMEM : fd < 0 ? -errno : converse(fd, page, bytes);

    if (rc == 0)
        rc = ep_task_reply(task, bytes, page->bytes);
    if (fd >= 0)
        close(fd);
    free(bytes);
    return rc == 0 ? 0 : ep_task_fail(task, -rc, strerror(-rc));
}
