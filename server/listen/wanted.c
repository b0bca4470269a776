/* SPDX-License-Identifier: MIT */
/* All addresses of some names: see wanted.h. */
#include "server/listen/wanted.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* How often a port is picked that all addresses have free. */
#define PORT_TRIES 32

static bool is_wanted(const struct wanted *wanted, const struct address *address)
{
    for (unsigned i = 0; i < wanted->count; i++)
        if (wanted->at[i].length == address->length &&
            memcmp(&wanted->at[i].storage, &address->storage, address->length) == 0)
            return true;
    return false;
}

int wanted_add(struct wanted *wanted, const char *name, uint16_t port, const char **cause)
{
    struct addresses addresses;

    if (!address_resolve_all(name, port, true, &addresses, cause))
        return -errno;
    if (addresses.more) {
        *cause = "the name has too many addresses";
        return -EINVAL;
    }
    for (unsigned i = 0; i < addresses.count; i++) {
        const struct address *address = &addresses.at[i];
        if (is_wanted(wanted, address))
            continue;
        if (wanted->count == SOCKETS_MAX)
            return -E2BIG;
        wanted->has_v4 |= address->storage.ss_family == AF_INET;
        wanted->name[wanted->count] = name;
        wanted->at[wanted->count++] = *address;
    }
    return 0;
}

/* Set the port of an address that has none yet. */
static void set_port(struct address *address, uint16_t port)
{
    if (address->storage.ss_family == AF_INET)
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
    else if (address->storage.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
}

/* Check whether an address may be left out: this machine lacks it, and its name has another one. */
static bool is_dispensable(const struct wanted *wanted, unsigned index, int rc)
{
    if (rc != -EADDRNOTAVAIL && rc != -EAFNOSUPPORT)
        return false;
    for (unsigned i = 0; i < wanted->count; i++)
        if (i != index && wanted->name[i] == wanted->name[index])
            return true;
    return false;
}

/* Open all, with the port that the kernel picks for the first if none is given. Returns as wanted_open(). */
static int open_all(const struct wanted *wanted, const struct socket_rights *rights,
                    struct listening_socket *sockets, unsigned *failed)
{
    uint16_t port = 0;
    int count = 0;

    for (unsigned i = 0; i < wanted->count; i++) {
        struct address address = wanted->at[i];
        struct socket_port shared = {.v6only = wanted->has_v4, .reuse = wanted->reuse_port};
        int rc;
        if (address_port(&address) == 0)
            set_port(&address, port);
        rc = listening_socket_open_with(&address, shared, rights, &sockets[count]);
        *failed = i;
        if (rc == 0) {
            uint16_t picked = address_port(&sockets[count++].address);
            port = picked != 0 ? picked : port;
        } else if (!is_dispensable(wanted, i, rc) || (i == wanted->count - 1 && count == 0)) {
            while (count > 0)
                listening_socket_close(&sockets[--count]);
            return rc;
        }
    }
    return count;
}

/* A port that is free for the first address may be taken for another. */
int wanted_open(const struct wanted *wanted, const struct socket_rights *rights,
                struct listening_socket sockets[static SOCKETS_MAX], unsigned *failed)
{
    int rc = open_all(wanted, rights, sockets, failed);

    for (int tries = 1; rc == -EADDRINUSE && tries < PORT_TRIES; tries++) {
        const struct address *taken = &wanted->at[*failed];
        if (taken->storage.ss_family == AF_UNIX || address_port(taken) != 0)
            break;
        rc = open_all(wanted, rights, sockets, failed);
    }
    return rc;
}
