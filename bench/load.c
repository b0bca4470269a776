/* SPDX-License-Identifier: MIT */
/* A bare closed-loop load: see load.h. */
#include "bench/load.h"

#include "common/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_BYTES (64u << 10)

struct session {
    pthread_t thread;
    int fd;
    unsigned messages;
};

struct load {
    unsigned sessions;
    unsigned served;
    struct session session[];
};

/* One message there and back. */
static void echo(int fd, const char *message, const char *expected)
{
    char reply[LOAD_MESSAGE_BYTES];
    size_t have = 0;

    if (send(fd, message, sizeof reply, MSG_NOSIGNAL) != (ssize_t)sizeof reply)
        log_fatal("the load cannot send: %s", strerror(errno));
    while (have < sizeof reply) {
        ssize_t got = recv(fd, reply + have, sizeof reply - have, 0);
        if (got <= 0)
            log_fatal("the server ended a session: %s", got < 0 ? strerror(errno) : "end of file");
        have += (size_t)got;
    }
    if (memcmp(reply, expected, sizeof reply) != 0)
        log_fatal("the server echoed other bytes than it should");
}

static void *speak(void *argument)
{
    const struct session *session = argument;
    char message[LOAD_MESSAGE_BYTES];
    char expected[LOAD_MESSAGE_BYTES];

    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (char)('a' + i % 26);
        expected[i] = (char)('A' + i % 26);
    }
    for (unsigned i = 0; i < session->messages; i++)
        echo(session->fd, message, expected);
    return NULL;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        log_fatal("the load cannot connect to port %u: %s", (unsigned)port, strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

struct load *load_open(uint16_t port, unsigned sessions, unsigned served)
{
    struct load *load = calloc(1, sizeof *load + sessions * sizeof load->session[0]);

    if (load == NULL)
        log_fatal("no memory for %u sessions", sessions);
    load->sessions = sessions;
    load->served = served;
    for (unsigned i = 0; i < sessions; i++) {
        load->session[i].fd = connect_to(port);
        load->session[i].messages = 1;
        if (i < served)
            (void)speak(&load->session[i]);
    }
    return load;
}

void load_run(struct load *load, unsigned messages)
{
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (unsigned i = 0; i < load->sessions; i++) {
        int code;
        load->session[i].messages = messages;
        code = pthread_create(&load->session[i].thread, &attributes, speak, &load->session[i]);
        if (code != 0)
            log_fatal("the load cannot start thread %u: %s", i, strerror(code));
    }
    for (unsigned i = 0; i < load->sessions; i++)
        pthread_join(load->session[i].thread, NULL);
    pthread_attr_destroy(&attributes);
}

void load_close(struct load *load)
{
    char byte;

    for (unsigned i = 0; i < load->sessions; i++)
        shutdown(load->session[i].fd, SHUT_WR);
    for (unsigned i = 0; i < load->sessions; i++) {
        if (i < load->served)
            (void)!recv(load->session[i].fd, &byte, 1, 0);
        close(load->session[i].fd);
    }
    free(load);
}
