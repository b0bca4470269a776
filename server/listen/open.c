/* SPDX-License-Identifier: MIT */
/*
 * Where the server listens: see server-internal.h. How a socket is opened is in listening-socket.c, how one
 * is taken over from a service manager in activation.c; here is which of the two, and what is said
 * when it does not work.
 */
#include "server/server-internal.h"

#include "common/log.h"
#include "server/listen/activation.h"

#include <errno.h>
#include <string.h>

/* An uncapped model on an address that anybody can reach has to be asked for. */
static void check_exposure(const struct server *server, const struct address *address,
                           const char *where)
{
    const struct model_type *type = server->type;

    if (!type->capped && !type->holds_many && !address_is_loopback(address) &&
        !server->options->allow_uncapped)
        log_usage("--model %s on %s would let anybody take all %s; use --model %s-pool, or add "
                  "--allow-uncapped",
                  type->name, where, type->processes ? "processes" : "threads",
                  type->processes ? "process" : "thread");
}

/* The sentence for a socket that could not be opened. */
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

unsigned sockets_take(const struct server *server,
                      struct listening_socket sockets[static SOCKETS_MAX])
{
    char why[ACTIVATION_WHY_MAX];
    char text[ADDRESS_TEXT_MAX];
    int count = activation_take(sockets, why);

    if (count < 0)
        log_fatal("cannot listen: %s", why);
    for (int i = 0; i < count; i++)
        check_exposure(server, &sockets[i].address, address_text(&sockets[i].address, text));
    return (unsigned)count;
}

void sockets_open(const struct server *server, struct listening_socket *socket)
{
    const struct options *options = server->options;
    struct address address;
    const char *cause;
    int rc;

    if (!address_resolve(options->host, (uint16_t)options->port, true, &address, &cause))
        log_fatal("cannot listen on %s: %s; try --host 127.0.0.1", options->host, cause);
    check_exposure(server, &address, options->host);
    rc = listening_socket_open(&address, socket);
    if (rc != 0)
        die_of_socket(&address, rc);
}

void sockets_announce(const struct server *server)
{
    unsigned count;
    const struct listening_socket *sockets = listener_sockets(server->listener, &count);
    char text[ADDRESS_TEXT_MAX];

    for (unsigned i = 0; i < count; i++)
        printer_line(server->shared->printer, "listening on %s",
                     address_text(&sockets[i].address, text));
}
