/* SPDX-License-Identifier: MIT */
/**
 * @file snapshot.h
 * The server as the admin port shows it.
 */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

struct server;
struct state;

/** Fill in a state: see admin/state.h. Threads: loop only. */
void snapshot_take(struct server *server, struct state *state);

#endif /* SERVER_SNAPSHOT_H */
