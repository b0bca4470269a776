/* SPDX-License-Identifier: MIT */
/**
 * @file agent.h
 * --agent: a line for the agent-check of HAProxy, to each client that connects.
 *
 *     up 75%      three quarters of the server are free: its weight among the others
 *     stopped     send it no more sessions
 *
 * Not "ready" and "drain", which change the administrative state: "ready" would end the maintenance that a person has
 * set in HAProxy.
 *
 * The part that is free is that of the workers, if they have one session each, or that of --max-sessions, whichever is
 * less. It is at least 1 %, since HAProxy sends nothing to a weight of 0, and if all are full clients must go
 * somewhere.
 *
 * Threads: loop only.
 */
#ifndef SERVER_ADMIN_AGENT_H
#define SERVER_ADMIN_AGENT_H

#include "server/admin/host.h"
#include "server/admin/open.h"

#include <event2/event.h>

/** Descriptors that an agent may take: its listeners, and a client. */
#define AGENT_DESCRIPTORS_MAX (ADMIN_SOCKETS_MAX + 1)

/** Room for a line. */
enum { AGENT_LINE = 16 };

struct agent;

/** Listen, and answer as soon as the loop runs. Parameters and results are those of admin_new(). */
int agent_new(struct event_base *base, const char *address, const struct admin_host *host,
              struct agent **agent, char why[static ADMIN_WHY_MAX]);

/** Return an address that it listens on, with its port. NULL: there are fewer. */
const char *agent_address(const struct agent *agent, unsigned index);

/** Show nothing older than now. */
void agent_look_again(struct agent *agent);

/** NULL is fine. */
void agent_free(struct agent *agent);

/** Write the line for a state. @return text */
const char *agent_line(const struct state *state, char text[static AGENT_LINE]);

#endif /* SERVER_ADMIN_AGENT_H */
