/* SPDX-License-Identifier: MIT */
/*
 * The agent-check of HAProxy: see agent.h.
 *
 * A client gets its line when it is accepted, and is closed: the kernel takes so few bytes at once. What it has sent
 * is read first, or closing would reset the connection. When accept() fails, as without descriptors, nothing is
 * accepted for a moment.
 */
#include "server/admin/agent.h"

#include "common/address.h"
#include "server/admin/state.h"
#include "server/listen/retry.h"
#include "server/models/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct agent_socket {
    struct agent *agent;
    struct event *event; /* a client has connected */
    struct event *retry; /* watches the socket again after an error */
    int fd;
    char address[ADDRESS_TEXT_MAX];
};

struct agent {
    struct admin_host host;
    struct state_view view;
    unsigned count;
    struct agent_socket sockets[ADMIN_SOCKETS_MAX];
};

static uint64_t percent_free(uint64_t taken, uint64_t of)
{
    return taken < of ? (of - taken) * 100 / of : 0;
}

const char *agent_line(const struct state *state, char text[static AGENT_LINE])
{
    uint64_t sessions = 0, most = state->settings.max_sessions, free = 100;

    if (state_not_ready(state) != NULL) {
        snprintf(text, AGENT_LINE, "stopped\n");
        return text;
    }
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        sessions += state->in_phase[phase];
    if (most > 0)
        free = percent_free(sessions, most);
    if (state->type->capped && percent_free(state_busy_workers(state), state->workers) < free)
        free = percent_free(state_busy_workers(state), state->workers);
    snprintf(text, AGENT_LINE, "up %u%%\n", free > 0 ? (unsigned)free : 1);
    return text;
}

static void on_client(evutil_socket_t fd, short what, void *argument)
{
    struct agent_socket *socket = argument;
    char line[AGENT_LINE], asked[256];
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)what;
    if (client >= 0) {
        (void)agent_line(state_view(&socket->agent->view), line);
        (void)send(client, line, strlen(line), MSG_NOSIGNAL);
        (void)shutdown(client, SHUT_WR);
        (void)recv(client, asked, sizeof asked, 0);
        close(client);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        event_del(socket->event);
        retry_soon(socket->retry);
    }
}

/* Watch the socket again. Without memory, or watches of epoll, later. */
static void on_retry(evutil_socket_t fd, short what, void *argument)
{
    struct agent_socket *socket = argument;

    (void)fd;
    (void)what;
    if (event_add(socket->event, NULL) != 0)
        retry_soon(socket->retry);
}

/* Watch a socket, which is taken over. @return 0 or a negated errno value */
static int add(struct agent *agent, struct event_base *base, const struct listening_socket *from)
{
    struct agent_socket *socket = &agent->sockets[agent->count++];

    *socket = (struct agent_socket){.agent = agent, .fd = from->fd};
    address_text(&from->address, socket->address);
    socket->event = event_new(base, from->fd, EV_READ | EV_PERSIST, on_client, socket);
    socket->retry = evtimer_new(base, on_retry, socket);
    if (socket->event == NULL || socket->retry == NULL)
        return -ENOMEM;
    return event_add(socket->event, NULL) == 0 ? 0 : -errno;
}

int agent_new(struct event_base *base, const char *address, const struct admin_host *host,
              struct agent **result, char why[static ADMIN_WHY_MAX])
{
    struct listening_socket sockets[SOCKETS_MAX];
    char name[ADMIN_HOST_MAX];
    struct agent *agent = calloc(1, sizeof *agent);
    int count, rc = 0;

    snprintf(why, ADMIN_WHY_MAX, "out of memory");
    if (agent == NULL)
        return -ENOMEM;
    agent->host = *host;
    agent->view.host = &agent->host;
    count = admin_open(address, name, sockets, why);
    for (int i = 0; i < count; i++) {
        int added = add(agent, base, &sockets[i]);
        if (added != 0)
            admin_open_explain(-added, &sockets[i].address, why);
        rc = added != 0 ? added : rc;
    }
    if (count < 0 || rc != 0) {
        agent_free(agent);
        return count < 0 ? count : rc;
    }
    *result = agent;
    return 0;
}

const char *agent_address(const struct agent *agent, unsigned index)
{
    return index < agent->count ? agent->sockets[index].address : NULL;
}

void agent_look_again(struct agent *agent)
{
    agent->view.good_until_ns = 0;
}

void agent_free(struct agent *agent)
{
    for (unsigned i = 0; agent != NULL && i < agent->count; i++) {
        if (agent->sockets[i].event != NULL)
            event_free(agent->sockets[i].event);
        if (agent->sockets[i].retry != NULL)
            event_free(agent->sockets[i].retry);
        close(agent->sockets[i].fd);
    }
    free(agent);
}
