/* SPDX-License-Identifier: MIT */
/**
 * @file wanted.h
 * All addresses of some names, and a socket that listens on each of them, all with the same port.
 *
 *     struct wanted wanted = {0};
 *     rc = wanted_add(&wanted, "localhost", 8090, &cause);      as often as there are names
 *     rc = wanted_open(&wanted, NULL, sockets, &failed);
 */
#ifndef SERVER_LISTEN_WANTED_H
#define SERVER_LISTEN_WANTED_H

#include "common/address.h"
#include "server/listen/listening-socket.h"

#include <stdbool.h>
#include <stdint.h>

/** Addresses to listen on, each once, and the name that it is of. Ready when zeroed. */
struct wanted {
    unsigned count;
    struct address at[SOCKETS_MAX];
    const char *name[SOCKETS_MAX]; /**< the caller's */
    bool has_v4;
    bool reuse_port; /**< set by the caller: other servers of this user may have the same port */
};

/**
 * Add the addresses of a name, except those that are there already.
 *
 * @param port   0: the kernel picks one, the same for all
 * @param cause  set on failure except -E2BIG, as by address_resolve()
 * @return       0, -EINVAL: the name has no address, or more than ADDRESSES_MAX, -E2BIG: all together are more
 *               than SOCKETS_MAX, or another negated errno value: it could not be looked up
 */
int wanted_add(struct wanted *wanted, const char *name, uint16_t port, const char **cause);

/**
 * Open a socket for each. An address that this machine does not have is left out if its name has another.
 * :: takes IPv4 clients as well, unless an IPv4 address is wanted, too.
 *
 * @param rights  of the files of unix sockets; NULL: all zero
 * @param failed  set on failure to the index of the address
 * @return        how many sockets, for listening_socket_close(); or as listening_socket_open_with(), and none
 *                is open
 */
int wanted_open(const struct wanted *wanted, const struct socket_rights *rights,
                struct listening_socket sockets[static SOCKETS_MAX], unsigned *failed);

#endif /* SERVER_LISTEN_WANTED_H */
