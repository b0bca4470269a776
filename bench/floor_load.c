/* SPDX-License-Identifier: MIT */
/*
 * The floor under event loops that load a server: floor_load PORT SESSIONS MESSAGES
 *
 * One thread, one epoll descriptor; each session sends its next message when the reply to the
 * previous one is complete. It checks only the number of bytes: no content, no clock, no
 * statistics. All messages are the same constant. It exists for measurements only and exits at the
 * first error.
 */
#include "bench/floor.h"
#include "bench/load.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

#define EVENTS 64

struct session {
    int fd;
    unsigned left; /* messages without a complete reply */
    size_t have;   /* received bytes of the current reply */
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "floor_load: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* Connect while the socket blocks, then make it non-blocking. */
static void session_open(struct session *session, uint16_t port, int epoll)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = session};
    int on = 1;

    session->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (session->fd < 0 || connect(session->fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("cannot connect");
    (void)setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, session->fd, &event) != 0)
        fail("cannot watch a session");
}

static void session_send(const struct session *session)
{
    static const unsigned char message[LOAD_MESSAGE_BYTES] = "the same for every one";

    if (send(session->fd, message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT) !=
        (ssize_t)sizeof message)
        fail("cannot send");
}

/* Receive. @return whether the session has its last reply */
static bool session_receive(struct session *session)
{
    unsigned char bytes[LOAD_MESSAGE_BYTES];
    ssize_t got = recv(session->fd, bytes, sizeof bytes - session->have, MSG_DONTWAIT);

    if (got <= 0)
        fail("a session was lost");
    session->have += (size_t)got;
    if (session->have < sizeof bytes)
        return false;
    session->have = 0;
    if (--session->left == 0)
        return true;
    session_send(session);
    return false;
}

/* Close like a well-behaved client: shut down sending, then wait for the server's end of file. */
static void session_close(const struct session *session)
{
    unsigned char byte;

    shutdown(session->fd, SHUT_WR);
    (void)!recv(session->fd, &byte, 1, 0);
    close(session->fd);
}

int main(int argc, char *argv[])
{
    unsigned count = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    unsigned running = count;
    struct session *sessions = calloc(count, sizeof *sessions);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS];

    if (count == 0 || sessions == NULL || epoll < 0)
        fail("usage: PORT SESSIONS MESSAGES; or out of memory");
    for (unsigned i = 0; i < count; i++) {
        sessions[i].left = (unsigned)strtoul(argv[3], NULL, 10);
        session_open(&sessions[i], (uint16_t)strtoul(argv[1], NULL, 10), epoll);
    }
    for (unsigned i = 0; i < count; i++)
        session_send(&sessions[i]);
    while (running > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++)
            running -= session_receive(events[i].data.ptr) ? 1 : 0;
    }
    for (unsigned i = 0; i < count; i++)
        session_close(&sessions[i]);
    free(sessions);
    return EXIT_SUCCESS;
}
