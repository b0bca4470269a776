/* SPDX-License-Identifier: MIT */
/*
 * The server and its service manager: see server-internal.h. The words are systemd/notify.c's; here is when
 * they are said.
 */
#include "server/server-internal.h"

#include "common/address.h"

#include <stdio.h>

/* What is due now, and a timer for what is due later. */
static void tend(struct server *server)
{
    int64_t next_ns = notify_tend(&server->notify);
    struct timeval next = {next_ns / 1000000000, next_ns % 1000000000 / 1000};

    /* Without memory for the timer a watchdog may end us. It is right to. */
    if (next_ns > 0)
        (void)event_add(server->events[ON_NOTIFY], &next);
}

void manager_on_time(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    tend(argument);
}

void manager_tell_ready(struct server *server)
{
    const struct listening_socket *sockets;
    unsigned count;
    char address[ADDRESS_TEXT_MAX];
    char status[ADDRESS_TEXT_MAX + 64];

    if (server->listener == NULL)
        return; /* it drains, and has said so */
    sockets = listener_sockets(server->listener, &count);
    address_text(&sockets[0].address, address);
    if (count == 1)
        snprintf(status, sizeof status, "listening on %s", address);
    else
        snprintf(status, sizeof status, "listening on %s and %u more", address, count - 1);
    notify_ready(&server->notify, status);
    tend(server);
}

void manager_tell_reloading(struct server *server)
{
    if (server->listener == NULL)
        return;
    notify_reloading(&server->notify);
    tend(server);
}

void manager_tell_stopping(struct server *server)
{
    notify_stopping(&server->notify);
    tend(server);
}
