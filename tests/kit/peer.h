/* SPDX-License-Identifier: MIT */
/**
 * @file peer.h
 * Servers that a test plays itself, right ones and hostile ones: a listener on 127.0.0.1 and a
 * thread for each connection.
 *
 *     struct peer *peer = peer_start(peer_upper, NULL);
 *     ... a program connects to peer_port(peer) ...
 *     peer_stop(peer);
 *
 * A behaviour is a function that is given the connected socket and talks on it until it returns;
 * the socket is closed then. It must not fail because the program at the other end has gone.
 */
#ifndef TESTS_KIT_PEER_H
#define TESTS_KIT_PEER_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct peer;

/** @param number  of the connection, from 0 */
typedef void peer_behaviour(int fd, unsigned number, void *context);
/** Begin the definition of one, which may leave any of its arguments unused. */
#define BEHAVIOUR(name)                                                                            \
    static void name(int fd CK_ATTRIBUTE_UNUSED, unsigned number CK_ATTRIBUTE_UNUSED,              \
                     void *context CK_ATTRIBUTE_UNUSED)

/** Up to 256 connections, each on a thread of its own. */
struct peer *peer_start(peer_behaviour *behaviour, void *context);

/** The same on ::1. @return NULL: this machine has none */
struct peer *peer_start_v6(peer_behaviour *behaviour, void *context);

/** The same on 127.0.0.1, but one connection after the other: the next is accepted when the last is done. */
struct peer *peer_start_iterative(peer_behaviour *behaviour, void *context);

uint16_t peer_port(const struct peer *peer);
/** The port as text, for a command line. Lives as long as the peer. */
const char *peer_port_text(const struct peer *peer);

/** Connections so far. */
unsigned peer_accepted(const struct peer *peer);

/** Accept no more, wait for the connections to be done, free. */
void peer_stop(struct peer *peer);

/** The states of a caller's socket, as /proc/net/tcp numbers them. */
enum { PEER_CONNECTED = 1, PEER_CALLING = 2 };

/** How many sockets of this machine that call, or have called, a port are in a state. */
unsigned peer_callers(uint16_t port, unsigned state);

/** How many connections to a port, accepted or not, have this many unread bytes. */
unsigned peer_unread(uint16_t port, unsigned bytes);

/** The port on which a process listens on 127.0.0.1, of a server that the test did not start; 0: none yet. */
uint16_t peer_port_of(pid_t pid);

/* --- what behaviours are made of; errors read as the end of the connection ----------------- */

/** Receive exactly size bytes. @return false: the connection ended before */
bool peer_receive(int fd, void *bytes, size_t size);

/** Send all. @return false: it could not be */
bool peer_send(int fd, const void *bytes, size_t size);

/** Receive and forget until the other side has closed. */
void peer_drain(int fd);

/** Finish writing, then drain: an orderly end, however much is still coming. */
void peer_finish(int fd);

/** A right server: upper-cases what comes, as it comes. No context. */
peer_behaviour peer_upper;

#endif /* TESTS_KIT_PEER_H */
