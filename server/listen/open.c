/* SPDX-License-Identifier: MIT */
/*
 * Where the server listens: see open.h. How a socket is opened is in listening-socket.c, and for all addresses
 * of a name in wanted.c; how one is taken over from a service manager in activation.c. This file chooses, and
 * explains failures.
 */
#include "server/listen/open.h"

#include "common/log.h"
#include "common/translate.h"
#include "server/listen/activation.h"
#include "server/listen/wanted.h"
#include "server/models/model.h"

#include <errno.h>
#include <string.h>

/* Refuse an address that other machines can reach, for a model that takes all they ask for. */
static void check_exposure(const struct model_type *local_only, const struct address *address,
                           const char *where)
{
    if (local_only != NULL && !address_is_loopback(address))
        log_usage("--model %s on %s would let anybody take all %s; use --model %s-pool, or add "
                  "--allow-uncapped",
                  local_only->name, where, local_only->processes ? _("processes") : _("threads"),
                  local_only->processes ? "process" : "thread");
}

/* Exit with a sentence about a socket that could not be opened. */
static _Noreturn void die_of_socket(const struct address *address, bool reuse_port, int rc)
{
    char text[ADDRESS_TEXT_MAX];
    bool has_file = address_path(address) != NULL;
    const char *advice = "";

    address_text(address, text);
    switch (-rc) {
    case EACCES:
        advice = has_file ? _("; try a folder of your own")
                          : _("; ports below 1024 need root, try --port 8090");
        break;
    case EPERM:
        advice = has_file ? _("; --socket-group needs root, or a group of which you are a member, "
                              "and the unit "
                              "of systemd forbids it: use SocketGroup= of echo-server.socket there")
                          : "";
        break;
    case EINVAL:
        advice = has_file ? _("; --socket-group needs a group that this user namespace has") : "";
        break;
    case EADDRINUSE:
        advice = address->storage.ss_family == AF_UNIX
                     ? _("; stop the other program, or try another path")
                 : reuse_port
                     ? _("; the other program must have --reuse-port, too, and the same user")
                     : _("; stop the other program, or try --port 0");
        break;
    case EADDRNOTAVAIL:
        advice = _("; this machine has no such address, try --host 127.0.0.1");
        break;
    case EAFNOSUPPORT: advice = _("; this machine has no IPv6, try --host 127.0.0.1"); break;
    case EEXIST:
        log_fatal("cannot listen on %s: there is a file that is no socket, which is left alone; "
                  "remove it, or try another path",
                  text);
    default: break;
    }
    log_fatal("cannot listen on %s: %s%s", text, translate_error(-rc), advice);
}

/* Check whether an address that is in use is free without the others: then it is in use by them. */
static bool is_free_alone(const struct wanted *wanted, unsigned index,
                          const struct socket_rights *rights)
{
    struct wanted alone = *wanted;
    struct listening_socket sockets[SOCKETS_MAX];
    unsigned failed;

    alone.count = 1;
    alone.at[0] = wanted->at[index];
    if (wanted_open(&alone, rights, sockets, &failed) < 0)
        return false;
    listening_socket_close(&sockets[0]);
    return true;
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

/* Add the addresses of a host. */
static void want(struct wanted *wanted, const char *host, uint16_t port,
                 const struct model_type *local_only)
{
    unsigned before = wanted->count;
    const char *cause;
    int rc = wanted_add(wanted, host, port, &cause);

    if (rc == -E2BIG)
        log_fatal("cannot listen on more than %d addresses: use fewer --host", SOCKETS_MAX);
    if (rc != 0)
        log_fatal("cannot listen on %s: %s; try --host 127.0.0.1", host, cause);
    for (unsigned i = before; i < wanted->count; i++)
        check_exposure(local_only, &wanted->at[i], host);
}

unsigned open_hosts(const struct hosts *hosts, uint16_t port, const struct socket_rights *rights,
                    const struct model_type *local_only,
                    struct listening_socket sockets[static SOCKETS_MAX])
{
    struct wanted wanted = {.reuse_port = hosts->reuse_port};
    char text[ADDRESS_TEXT_MAX];
    unsigned failed = 0;
    int rc;

    for (unsigned i = 0; i < hosts->count; i++)
        want(&wanted, hosts->at[i], port, local_only);
    rc = wanted_open(&wanted, rights, sockets, &failed);
    if (rc == -EADDRINUSE && failed > 0 && is_free_alone(&wanted, failed, rights))
        log_fatal("cannot listen on %s: another --host has this address already; leave one of them "
                  "out",
                  address_text(&wanted.at[failed], text));
    if (rc < 0)
        die_of_socket(&wanted.at[failed], hosts->reuse_port, rc);
    return (unsigned)rc;
}
