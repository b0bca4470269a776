/* SPDX-License-Identifier: MIT */
/*
 * Where the server listens: see open.h. How a socket is opened is in listening-socket.c, how one is taken
 * over from a service manager in activation.c. This file chooses, and explains failures.
 */
#include "server/listen/open.h"

#include "common/log.h"
#include "server/listen/activation.h"
#include "server/models/model.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* How often a port is picked that all addresses have free. */
#define PORT_TRIES 32

/* Refuse an address that other machines can reach, for a model that takes all they ask for. */
static void check_exposure(const struct model_type *local_only, const struct address *address,
                           const char *where)
{
    if (local_only != NULL && !address_is_loopback(address))
        log_usage("--model %s on %s would let anybody take all %s; use --model %s-pool, or add "
                  "--allow-uncapped",
                  local_only->name, where, local_only->processes ? "processes" : "threads",
                  local_only->processes ? "process" : "thread");
}

/* Exit with a sentence about a socket that could not be opened. */
static _Noreturn void die_of_socket(const struct address *address, int rc)
{
    char text[ADDRESS_TEXT_MAX];
    bool has_file = address_path(address) != NULL;
    const char *advice = "";

    address_text(address, text);
    switch (-rc) {
    case EACCES:
        advice = has_file ? "; try a folder of your own"
                          : "; ports below 1024 need root, try --port 8090";
        break;
    case EADDRINUSE:
        advice = address->storage.ss_family == AF_UNIX
                     ? "; stop the other program, or try another path"
                     : "; stop the other program, or try --port 0";
        break;
    case EADDRNOTAVAIL: advice = "; this machine has no such address, try --host 127.0.0.1"; break;
    case EAFNOSUPPORT: advice = "; this machine has no IPv6, try --host 127.0.0.1"; break;
    case EEXIST:
        log_fatal("cannot listen on %s: there is a file that is no socket, which is left alone; "
                  "remove it, or try another path",
                  text);
    default: break;
    }
    log_fatal("cannot listen on %s: %s%s", text, strerror(-rc), advice);
}

unsigned open_passed(const struct model_type *local_only,
                     struct listening_socket sockets[static SOCKETS_MAX])
{
    char why[ACTIVATION_WHY_MAX];
    char text[ADDRESS_TEXT_MAX];
    int count = activation_take(sockets, why);

    if (count < 0)
        log_fatal("cannot listen: %s", why);
    for (int i = 0; i < count; i++)
        check_exposure(local_only, &sockets[i].address, address_text(&sockets[i].address, text));
    return (unsigned)count;
}

/* The addresses to listen on, each once, and the name that it is of. */
struct wanted {
    unsigned count;
    struct address at[SOCKETS_MAX];
    const char *host[SOCKETS_MAX];
    bool has_v4;
};

static bool is_wanted(const struct wanted *wanted, const struct address *address)
{
    for (unsigned i = 0; i < wanted->count; i++)
        if (wanted->at[i].length == address->length &&
            memcmp(&wanted->at[i].storage, &address->storage, address->length) == 0)
            return true;
    return false;
}

/* Add the addresses of a host. */
static void want(struct wanted *wanted, const char *host, uint16_t port,
                 const struct model_type *local_only)
{
    struct addresses addresses;
    const char *cause;

    if (!address_resolve_all(host, port, true, &addresses, &cause))
        log_fatal("cannot listen on %s: %s; try --host 127.0.0.1", host, cause);
    for (unsigned i = 0; i < addresses.count; i++) {
        const struct address *address = &addresses.at[i];
        if (is_wanted(wanted, address))
            continue;
        check_exposure(local_only, address, host);
        if (wanted->count == SOCKETS_MAX)
            log_fatal("cannot listen on more than %d addresses: use fewer --host", SOCKETS_MAX);
        wanted->has_v4 |= address->storage.ss_family == AF_INET;
        wanted->host[wanted->count] = host;
        wanted->at[wanted->count++] = *address;
    }
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
        if (i != index && wanted->host[i] == wanted->host[index])
            return true;
    return false;
}

/* Open all. @return how many, or a negated errno value, and *failed is the address */
static int open_all(const struct wanted *wanted, struct listening_socket *sockets, unsigned *failed)
{
    uint16_t port = 0; /* that the kernel has picked for the first */
    int count = 0;

    for (unsigned i = 0; i < wanted->count; i++) {
        struct address address = wanted->at[i];
        int rc;
        if (address_port(&address) == 0)
            set_port(&address, port);
        rc = wanted->has_v4 ? listening_socket_open_v6only(&address, &sockets[count])
                            : listening_socket_open(&address, &sockets[count]);
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

unsigned open_hosts(const struct hosts *hosts, uint16_t port, const struct model_type *local_only,
                    struct listening_socket sockets[static SOCKETS_MAX])
{
    struct wanted wanted = {0};
    unsigned failed = 0;
    int rc = 0;

    for (unsigned i = 0; i < hosts->count; i++)
        want(&wanted, hosts->at[i], port, local_only);
    /* A port that is free for the first address may be taken for another. */
    for (int tries = 0; tries == 0 || (rc == -EADDRINUSE && port == 0 && tries < PORT_TRIES);
         tries++)
        rc = open_all(&wanted, sockets, &failed);
    if (rc < 0)
        die_of_socket(&wanted.at[failed], rc);
    return (unsigned)rc;
}
