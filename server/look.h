/* SPDX-License-Identifier: MIT */
/**
 * @file look.h
 * The server as the admin port shows it.
 */
#ifndef SERVER_LOOK_H
#define SERVER_LOOK_H

struct server;
struct state;

/** Fill in a state: see admin/state.h. Threads: loop only. */
void server_look(struct server *server, struct state *state);

#endif /* SERVER_LOOK_H */
