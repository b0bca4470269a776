/* SPDX-License-Identifier: MIT */
/* Where the admin port listens: see open.h. */
#include "server/admin/open.h"

#include "common/address.h"
#include "common/parse.h"
#include "common/translate.h"
#include "server/listen/wanted.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_BUFFER_BYTES 65536 /* what the kernel holds for a client that does not read */

/* Split [ADDR:]PORT. An IPv6 address stands in brackets. @return false: it is not that */
static bool split(const char *text, char host[static ADMIN_HOST_MAX], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    uint64_t number;

    snprintf(host, ADMIN_HOST_MAX, "127.0.0.1");
    if (!parse_number(colon == NULL ? text : colon + 1, 0, 65535, &number) ||
        (colon != NULL && (length == 0 || length >= ADMIN_HOST_MAX)))
        return false;
    if (colon != NULL) {
        memcpy(host, text, length);
        host[length] = '\0';
    }
    *port = (uint16_t)number;
    return strchr(host, ':') == NULL || host[0] == '[';
}

bool admin_open_takes(const char *text)
{
    char host[ADMIN_HOST_MAX];
    uint16_t port;

    return split(text, host, &port);
}

void admin_open_explain(int error, const struct address *address, char why[static ADMIN_WHY_MAX])
{
    char text[ADDRESS_TEXT_MAX];
    const char *advice = "";

    if (error == EACCES)
        advice = _("; ports below 1024 need root");
    else if (error == EADDRINUSE)
        advice = _("; choose a port that neither this server nor another program has; with port "
                   "0 the kernel picks one");
    else if (error == EADDRNOTAVAIL)
        advice = _("; this machine has no such address");
    else if (error == ENOSPC)
        advice = _("; raise fs.epoll.max_user_watches");
    snprintf(why, ADMIN_WHY_MAX, _("cannot listen on %s: %s%s"), address_text(address, text),
             translate_error(error), advice);
}

int admin_open(const char *text, char host[static ADMIN_HOST_MAX],
               struct listening_socket sockets[static SOCKETS_MAX], char why[static ADMIN_WHY_MAX])
{
    const int bytes = SEND_BUFFER_BYTES;
    struct wanted wanted = {0};
    const char *cause;
    unsigned failed = 0;
    uint16_t port = 0;
    int rc;

    if (!split(text, host, &port)) {
        snprintf(why, ADMIN_WHY_MAX, _("this is not [ADDR:]PORT; try 8091 or 127.0.0.1:8091"));
        return -EINVAL;
    }
    rc = wanted_add(&wanted, host, port, &cause);
    if (rc == -E2BIG) {
        cause = _("the name has too many addresses");
        rc = -EINVAL;
    }
    if (rc != 0) {
        snprintf(why, ADMIN_WHY_MAX, "%s; try 127.0.0.1:%u", cause, (unsigned)port);
        return rc;
    }
    rc = wanted_open(&wanted, NULL, sockets, &failed);
    if (rc < 0)
        admin_open_explain(-rc, &wanted.at[failed], why);
    /* Accepted sockets inherit it; not worth failing for. */
    for (int i = 0; i < rc; i++)
        (void)setsockopt(sockets[i].fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return rc;
}
