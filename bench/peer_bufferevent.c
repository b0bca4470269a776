/* SPDX-License-Identifier: MIT */
/*
 * A peer: the usual echo server with libevent, one loop and a bufferevent for each session. It
 * converts the bytes to capitals in the input buffer and moves them to the output buffer.
 */
#include "bench/floor.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

static void echo(struct bufferevent *session, void *unused)
{
    struct evbuffer *input = bufferevent_get_input(session);
    size_t size = evbuffer_get_length(input);

    (void)unused;
    transform_apply(TRANSFORM_UPPER, evbuffer_pullup(input, -1), size);
    evbuffer_add_buffer(bufferevent_get_output(session), input);
}

static void end(struct bufferevent *session, short what, void *unused)
{
    (void)what;
    (void)unused;
    bufferevent_free(session);
}

static void begin(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                  int size, void *unused)
{
    struct event_base *base = evconnlistener_get_base(listener);
    struct bufferevent *session = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    int on = 1;

    (void)address;
    (void)size;
    (void)unused;
    if (session == NULL)
        exit(EXIT_FAILURE);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bufferevent_setcb(session, echo, NULL, end, NULL);
    bufferevent_enable(session, EV_READ | EV_WRITE);
}

int main(void)
{
    struct event_base *base = event_base_new();
    int fd = floor_listen();

    if (base == NULL || evutil_make_socket_nonblocking(fd) != 0 ||
        evconnlistener_new(base, begin, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd) == NULL)
        return EXIT_FAILURE;
    return event_base_dispatch(base) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
