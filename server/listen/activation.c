/* SPDX-License-Identifier: MIT */
/*
 * Sockets from the service manager: see activation.h.
 *
 * What is passed is checked before it is used. A unit file with a wrong line (ListenDatagram=, Accept=yes)
 * passes something else, and accept() would fail with no more than "invalid argument".
 */
#include "server/listen/activation.h"

#include "common/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_DESCRIPTOR = 3 };

/* Get an option of the socket that is a number. @return false: this is not a socket */
static bool option_of(int fd, int option, int *value)
{
    socklen_t size = sizeof *value;

    return getsockopt(fd, SOL_SOCKET, option, value, &size) == 0;
}

/* Return why a descriptor cannot be listened on, as the end of a sentence. NULL: it can */
static const char *what_is_wrong(int fd)
{
    int family, type, listens;

    if (fcntl(fd, F_GETFD) < 0)
        return "is not open";
    if (!option_of(fd, SO_DOMAIN, &family) || !option_of(fd, SO_TYPE, &type) ||
        !option_of(fd, SO_ACCEPTCONN, &listens))
        return "is not a socket";
    if (type != SOCK_STREAM)
        return "is not a stream socket; the socket unit wants ListenStream=";
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return "is neither an IP nor a unix socket";
    if (listens == 0)
        return "does not listen; the socket unit wants Accept=no";
    return NULL;
}

/* Get its address and set its flags. @return false: the kernel has refused */
static bool adopt(int fd, struct listening_socket *socket)
{
    struct address *address = &socket->address;
    int flags = fcntl(fd, F_GETFL);

    *socket = (struct listening_socket){
        .fd = fd, .is_shared = true, .address.length = sizeof address->storage};
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        getsockname(fd, (struct sockaddr *)&address->storage, &address->length) != 0)
        return false;
    listening_socket_prepare(socket);
    return true;
}

/* Find the service manager's name for a socket. @return its length */
static int name_of(const char *names, int index, const char **name)
{
    while (names != NULL && index-- > 0) {
        names = strchr(names, ':');
        names = names == NULL ? NULL : names + 1;
    }
    *name = names == NULL ? "" : names;
    return (int)strcspn(*name, ":");
}

/* Check each and take it over. @return 0, or -EINVAL and why */
static int take_all(int count, const char *names, struct listening_socket *sockets,
                    char why[static ACTIVATION_WHY_MAX])
{
    /* All of them first, before a check can fail: a child process must not get any. */
    for (int i = 0; i < count; i++)
        (void)fcntl(FIRST_DESCRIPTOR + i, F_SETFD, FD_CLOEXEC);
    for (int i = 0; i < count; i++) {
        int fd = FIRST_DESCRIPTOR + i;
        const char *wrong = what_is_wrong(fd);
        if (wrong == NULL && !adopt(fd, &sockets[i]))
            wrong = "cannot be listened on";
        if (wrong != NULL) {
            const char *name;
            int length = name_of(names, i, &name);
            snprintf(why, ACTIVATION_WHY_MAX,
                     "descriptor %d%s%.*s, passed by the service manager, %s", fd,
                     length > 0 ? ", named " : "", length, name, wrong);
            return -EINVAL;
        }
    }
    return 0;
}

int activation_take(struct listening_socket sockets[static SOCKETS_MAX],
                    char why[static ACTIVATION_WHY_MAX])
{
    const char *process = getenv("LISTEN_PID");
    const char *count_text = getenv("LISTEN_FDS");
    uint64_t pid, count;
    int rc;

    if (process == NULL || count_text == NULL || !parse_number(process, 1, INT_MAX, &pid) ||
        (pid_t)pid != getpid()) {
        rc = 0;
    } else if (!parse_number(count_text, 0, SOCKETS_MAX, &count)) {
        snprintf(why, ACTIVATION_WHY_MAX,
                 "LISTEN_FDS, set by the service manager, is %.32s, not a number from 0 to %d",
                 count_text[0] == '\0' ? "''" : count_text, SOCKETS_MAX);
        rc = -EINVAL;
    } else {
        rc = take_all((int)count, getenv("LISTEN_FDNAMES"), sockets, why);
        rc = rc == 0 ? (int)count : rc;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return rc;
}
