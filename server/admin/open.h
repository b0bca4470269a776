/* SPDX-License-Identifier: MIT */
/**
 * @file open.h
 * Where the admin port listens: the value of --admin, [ADDR:]PORT.
 */
#ifndef SERVER_ADMIN_OPEN_H
#define SERVER_ADMIN_OPEN_H

#include "server/admin/control.h"
#include "server/listen/listening-socket.h"

/** The most addresses that it has: those of one name. */
#define ADMIN_SOCKETS_MAX ADDRESSES_MAX

/** Room for why there is no admin port. */
#define ADMIN_WHY_MAX 320

/** Check whether a text is [ADDR:]PORT. ADDR is not looked up. */
bool admin_open_takes(const char *text);

/**
 * Open a socket for each address of ADDR, all with the same port. Sending to a client that does not read
 * fills no more than 64 KiB of the kernel's memory.
 *
 * @param host  set to ADDR; "127.0.0.1" without one
 * @return      how many sockets, at most ADMIN_SOCKETS_MAX. Otherwise why is what to do, and
 *              -EINVAL  text is not [ADDR:]PORT, or names no address
 *              another negated errno value of address_resolve(), socket(), bind() or listen()
 */
int admin_open(const char *text, char host[static ADMIN_HOST_MAX],
               struct listening_socket sockets[static SOCKETS_MAX], char why[static ADMIN_WHY_MAX]);

/** Write what to do about an errno value of a socket of this address. */
void admin_open_explain(int error, const struct address *address, char why[static ADMIN_WHY_MAX]);

#endif /* SERVER_ADMIN_OPEN_H */
