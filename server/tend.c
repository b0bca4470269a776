/* SPDX-License-Identifier: MIT */
/* The loop's answer to a wake-up: see tend.h. */
#include "server/tend.h"

#include "server/drain.h"
#include "server/parts.h"
#include "server/session/linger.h"
#include "server/session/trace.h"

#include <sys/eventfd.h>

void tend(void *argument)
{
    struct server *server = argument;

    linger_tend(server->shared->lingerer);
    model_tend(server->model);
    if (server->shared->trace != NULL)
        trace_flush(server->shared->trace);
    if (server->listener != NULL && server->type->is_broken != NULL &&
        server->type->is_broken(server->model))
        drain_on_failure(server);
    if (server->listener != NULL)
        listener_look_again(server->listener);
    else
        drain_look(server);
}

void tend_on_wake(evutil_socket_t fd, short what, void *argument)
{
    eventfd_t ignored;

    (void)what;
    (void)eventfd_read(fd, &ignored);
    tend(argument);
}
