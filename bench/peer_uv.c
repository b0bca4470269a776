/* SPDX-License-Identifier: MIT */
/*
 * A peer: the usual echo server with libuv, one loop. A session has one buffer, which is enough because
 * its client sends one message at a time. uv_try_write() sends at once; a short send ends the session,
 * as in floor_epoll.c.
 */
#include "bench/floor.h"

#include <uv.h>

struct session {
    uv_tcp_t stream; /* first, so that a handle is its session */
    char buffer[FLOOR_BUFFER_BYTES];
};

static void lend(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    struct session *session = (struct session *)handle;

    (void)wanted;
    *buffer = uv_buf_init(session->buffer, sizeof session->buffer);
}

static void release(uv_handle_t *handle)
{
    free(handle);
}

static void echo(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    uv_buf_t reply;

    if (size == 0)
        return; /* EAGAIN */
    if (size > 0) {
        transform_apply(TRANSFORM_UPPER, (unsigned char *)buffer->base, (size_t)size);
        reply = uv_buf_init(buffer->base, (unsigned)size);
        if (uv_try_write(stream, &reply, 1) == (int)size)
            return;
    }
    uv_close((uv_handle_t *)stream, release);
}

static void begin(uv_stream_t *listener, int status)
{
    struct session *session = malloc(sizeof *session);

    if (status != 0 || session == NULL || uv_tcp_init(listener->loop, &session->stream) != 0 ||
        uv_accept(listener, (uv_stream_t *)&session->stream) != 0)
        exit(EXIT_FAILURE);
    (void)uv_tcp_nodelay(&session->stream, 1);
    if (uv_read_start((uv_stream_t *)&session->stream, lend, echo) != 0)
        exit(EXIT_FAILURE);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;

    if (uv_tcp_init(loop, &listener) != 0 || uv_tcp_open(&listener, floor_listen()) != 0 ||
        uv_listen((uv_stream_t *)&listener, SOMAXCONN, begin) != 0)
        return EXIT_FAILURE;
    return uv_run(loop, UV_RUN_DEFAULT) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
