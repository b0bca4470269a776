/* SPDX-License-Identifier: MIT */
/* Servers inside a test: see peer.h. */
#include "tests/kit/peer.h"

#include "common/transform.h"
#include "tests/kit/harness.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256 };

/* A state, as /proc/net/tcp numbers them. */
enum { LISTENING = 10 };

struct connection {
    struct peer *peer;
    pthread_t thread;
    int fd;
    unsigned number;
};

struct peer {
    peer_behaviour *behaviour;
    void *context;
    bool iterative;
    int listener;
    uint16_t port;
    char port_text[8];
    pthread_t acceptor;
    atomic_uint accepted;
    struct connection connections[CONNECTIONS_MAX]; /* the acceptor's, until it is joined */
};

static void *serve(void *argument)
{
    struct connection *connection = argument;

    connection->peer->behaviour(connection->fd, connection->number, connection->peer->context);
    close(connection->fd);
    return NULL;
}

/* Ends when peer_stop() shuts the listener down. */
static void *accept_all(void *argument)
{
    struct peer *peer = argument;

    for (unsigned number = 0; number < CONNECTIONS_MAX; number++) {
        struct connection *connection = &peer->connections[number];
        int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            break;
        /* what a behaviour has sent is on its way, whatever it does next */
        ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
        *connection = (struct connection){.peer = peer, .fd = fd, .number = number};
        atomic_fetch_add(&peer->accepted, 1);
        if (peer->iterative)
            serve(connection);
        else
            ck_assert_int_eq(pthread_create(&connection->thread, NULL, serve, connection), 0);
    }
    return NULL;
}

static struct peer *start(int (*listen_on)(uint16_t *port), peer_behaviour *behaviour,
                          void *context, bool iterative)
{
    struct peer *peer = calloc(1, sizeof *peer);

    ck_assert_ptr_nonnull(peer);
    peer->listener = listen_on(&peer->port);
    if (peer->listener < 0) {
        free(peer);
        return NULL;
    }
    peer->behaviour = behaviour;
    peer->context = context;
    peer->iterative = iterative;
    snprintf(peer->port_text, sizeof peer->port_text, "%u", (unsigned)peer->port);
    ck_assert_int_eq(pthread_create(&peer->acceptor, NULL, accept_all, peer), 0);
    return peer;
}

struct peer *peer_start(peer_behaviour *behaviour, void *context)
{
    return start(tcp_listen, behaviour, context, false);
}

struct peer *peer_start_v6(peer_behaviour *behaviour, void *context)
{
    return start(tcp_listen_v6, behaviour, context, false);
}

struct peer *peer_start_iterative(peer_behaviour *behaviour, void *context)
{
    return start(tcp_listen, behaviour, context, true);
}

uint16_t peer_port(const struct peer *peer)
{
    return peer->port;
}

const char *peer_port_text(const struct peer *peer)
{
    return peer->port_text;
}

unsigned peer_accepted(const struct peer *peer)
{
    return atomic_load(&peer->accepted);
}

void peer_stop(struct peer *peer)
{
    shutdown(peer->listener, SHUT_RDWR);
    ck_assert_int_eq(pthread_join(peer->acceptor, NULL), 0);
    for (unsigned i = 0; !peer->iterative && i < peer_accepted(peer); i++)
        ck_assert_int_eq(pthread_join(peer->connections[i].thread, NULL), 0);
    close(peer->listener);
    free(peer);
}

/* A line of /proc/net/tcp. */
struct entry {
    unsigned local; /* port */
    unsigned remote;
    unsigned state;
    unsigned unread; /* bytes */
    unsigned long inode;
};

/* @param wanted  is given to fits(), and becomes the first that fits */
static unsigned find_entries(bool (*fits)(const struct entry *, const struct entry *),
                             struct entry *wanted)
{
    struct entry first = {0};
    FILE *file = fopen("/proc/net/tcp", "re");
    char line[256];
    unsigned count = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        struct entry entry;

        if (sscanf(line, "%*u: %*[0-9A-F]:%x %*[0-9A-F]:%x %x %*x:%x %*x:%*x %*x %*u %*u %lu",
                   &entry.local, &entry.remote, &entry.state, &entry.unread, &entry.inode) == 5 &&
            fits(&entry, wanted)) {
            if (count++ == 0)
                first = entry;
        }
    }
    fclose(file);
    *wanted = first;
    return count;
}

static bool is_caller(const struct entry *entry, const struct entry *wanted)
{
    return entry->remote == wanted->remote && entry->state == wanted->state;
}

static bool has_unread(const struct entry *entry, const struct entry *wanted)
{
    return entry->local == wanted->local && entry->state == PEER_CONNECTED &&
           entry->unread == wanted->unread;
}

unsigned peer_callers(uint16_t port, unsigned state)
{
    return find_entries(is_caller, &(struct entry){.remote = port, .state = state});
}

unsigned peer_unread(uint16_t port, unsigned bytes)
{
    return find_entries(has_unread, &(struct entry){.local = port, .unread = bytes});
}

static bool is_listener(const struct entry *entry, const struct entry *wanted)
{
    return entry->state == LISTENING && entry->inode == wanted->inode;
}

uint16_t peer_port_of(pid_t pid)
{
    char path[32], socket[64];
    struct entry found = {0};
    struct dirent *name;
    DIR *folder;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    while (found.local == 0 && (name = readdir(folder)) != NULL) {
        ssize_t size = readlinkat(dirfd(folder), name->d_name, socket, sizeof socket - 1);

        socket[size > 0 ? size : 0] = '\0';
        if (sscanf(socket, "socket:[%lu]", &found.inode) != 1 ||
            find_entries(is_listener, &found) == 0)
            found = (struct entry){0};
    }
    closedir(folder);
    return (uint16_t)found.local;
}

static ssize_t receive(int fd, void *bytes, size_t size)
{
    ssize_t got;

    do
        got = recv(fd, bytes, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

bool peer_receive(int fd, void *bytes, size_t size)
{
    char *to = bytes;

    while (size > 0) {
        ssize_t got = receive(fd, to, size);

        if (got <= 0)
            return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

bool peer_send(int fd, const void *bytes, size_t size)
{
    const char *from = bytes;

    while (size > 0) {
        ssize_t put = send(fd, from, size, MSG_NOSIGNAL);

        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0) {
            from += put;
            size -= (size_t)put;
        }
    }
    return true;
}

void peer_drain(int fd)
{
    char bytes[4096];

    while (receive(fd, bytes, sizeof bytes) > 0)
        continue;
}

void peer_finish(int fd)
{
    shutdown(fd, SHUT_WR);
    peer_drain(fd);
}

void peer_upper(int fd, unsigned number, void *context)
{
    unsigned char bytes[4096];
    ssize_t got;

    (void)number;
    (void)context;
    while ((got = receive(fd, bytes, sizeof bytes)) > 0) {
        transform_apply(TRANSFORM_UPPER, bytes, (size_t)got);
        if (!peer_send(fd, bytes, (size_t)got))
            break;
    }
}
