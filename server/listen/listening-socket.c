/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: see listening-socket.h.
 *
 * DESIGN. To find out whether a server listens on a unix socket's file, connect to it. The kernel refuses
 * if none does, and also in the moment between bind() and listen() of a server that is starting. The lock
 * on the folder closes that gap, and the one between checking a file and removing it. It is an flock() on
 * the folder itself, so it leaves no file behind. Other programs may hold such a lock, and a folder that
 * cannot be read cannot be locked: then continue without it, after a second.
 */
#include "server/listen/listening-socket.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOCK_WAIT_NS  SECOND_NS
#define LOCK_RETRY_NS 10000000

/* --- the file of a unix socket ------------------------------------------------------------- */

/* Lock the folder that the file is in. @return for unlock_folder(); -1: not locked */
static int lock_folder(const char *path)
{
    static const struct timespec pause = {.tv_nsec = LOCK_RETRY_NS};
    const char *slash = strrchr(path, '/');
    const int64_t until_ns = clock_now_ns() + LOCK_WAIT_NS;
    char folder[sizeof(struct sockaddr_un)] = ".";
    int fd;

    if (slash != NULL) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && clock_now_ns() < until_ns)
        nanosleep(&pause, NULL);
    return fd;
}

static void unlock_folder(int lock)
{
    if (lock >= 0)
        close(lock);
}

/*
 * Check whether a socket's file may be removed, because no server listens on it.
 *
 * @return 0 if so, or a negated errno value: -EADDRINUSE, or -EEXIST for another kind of file
 */
static int check_stale(const struct address *address)
{
    struct stat file;
    int fd, rc;

    if (lstat(address_path(address), &file) != 0)
        return -errno;
    if (!S_ISSOCK(file.st_mode))
        return -EEXIST;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    rc = connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0 ? 0 : errno;
    close(fd);
    switch (rc) {
    case ECONNREFUSED: return 0;
    case EACCES: return -EACCES;
    default: return -EADDRINUSE; /* connected, or its backlog is full, or it is of another type */
    }
}

/*
 * Bind the socket, and replace a file that a dead server has left behind.
 *
 * The kernel makes the file with the mode of the socket, less the umask (unix_bind()): it never
 * has more rights than those, not even for a moment.
 */
static int bind_file(int fd, const struct address *address)
{
    int rc;

    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address->storage, address->length) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    rc = check_stale(address);
    if (rc == 0 && unlink(address_path(address)) != 0)
        rc = -errno;
    if (rc == 0 && bind(fd, (const struct sockaddr *)&address->storage, address->length) != 0)
        rc = -errno;
    return rc;
}

/*
 * Set the mode of a socket's file. The C library may need /proc for AT_SYMLINK_NOFOLLOW; without it
 * look first: the file was made here, a moment ago, in a folder that others should not write to.
 */
static int set_mode(const char *path, mode_t mode)
{
    struct stat file;

    if (fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return -errno;
    if (lstat(path, &file) != 0)
        return -errno;
    if (!S_ISSOCK(file.st_mode))
        return -EEXIST;
    return chmod(path, mode) == 0 ? 0 : -errno;
}

/* Give the file its group and then its mode, so that no other group has rights for a moment. */
static int set_rights(const char *path, const struct socket_rights *rights)
{
    mode_t mode = rights->mode;

    if (mode == 0 && rights->has_group)
        mode = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP;
    if (rights->has_group && lchown(path, (uid_t)-1, rights->group) != 0)
        return -errno;
    return mode == 0 ? 0 : set_mode(path, mode);
}

void listening_socket_remove_file(struct listening_socket *socket)
{
    const char *path = address_path(&socket->address);
    struct stat file;
    int lock;

    if (!socket->has_file)
        return;
    socket->has_file = false;
    lock = lock_folder(path);
    if (lstat(path, &file) == 0 && file.st_dev == socket->device && file.st_ino == socket->inode)
        (void)unlink(path);
    unlock_folder(lock);
}

/* Bind, listen, and remember the file that was made, all under the lock. */
static int listen_at_path(struct listening_socket *socket, const struct socket_rights *rights)
{
    const char *path = address_path(&socket->address);
    int lock = lock_folder(path);
    int rc = bind_file(socket->fd, &socket->address);
    struct stat file;

    if (rc == 0 && lstat(path, &file) == 0) {
        socket->has_file = true;
        socket->device = file.st_dev;
        socket->inode = file.st_ino;
    }
    if (rc == 0 && rights != NULL)
        rc = set_rights(path, rights);
    if (rc == 0 && listen(socket->fd, SOMAXCONN) != 0)
        rc = -errno;
    unlock_folder(lock);
    return rc;
}

/* --- sockets ------------------------------------------------------------------------------- */

void listening_socket_prepare(const struct listening_socket *socket)
{
    static const struct {
        int level;
        int option;
        int value;
    } inherited[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60},  /* seconds of silence before the first probe */
        {IPPROTO_TCP, TCP_KEEPINTVL, 10}, /* between probes */
        {IPPROTO_TCP, TCP_KEEPCNT, 6},    /* probes without an answer */
    };

    for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++)
        if (socket->address.storage.ss_family != AF_UNIX)
            (void)setsockopt(socket->fd, inherited[i].level, inherited[i].option,
                             &inherited[i].value, sizeof inherited[i].value);
}

void listening_socket_limit_loss(const struct listening_socket *socket, int64_t write_timeout_ns)
{
    const unsigned two_minutes_ms = 120 * 1000;

    if (socket->address.storage.ss_family != AF_UNIX && write_timeout_ns > 0 &&
        write_timeout_ns / (SECOND_NS / 1000) <= two_minutes_ms)
        (void)setsockopt(socket->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &two_minutes_ms,
                         sizeof two_minutes_ms);
}

static int listen_without_file(struct listening_socket *socket, struct socket_port port)
{
    struct address *address = &socket->address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
    /* An IPv4 address mapped into IPv6 is one of IPv4, which such a socket cannot have. */
    int on = 1, v6only = port.v6only && !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);

    listening_socket_prepare(socket);
    if (address->storage.ss_family == AF_INET6 &&
        setsockopt(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only) != 0)
        return -errno;
    if (port.reuse && address->storage.ss_family != AF_UNIX &&
        setsockopt(socket->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return -errno;
    /* Without it a restarted server cannot bind until the connections of its predecessor are gone. */
    if (setsockopt(socket->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(socket->fd, (const struct sockaddr *)&address->storage, address->length) != 0 ||
        listen(socket->fd, SOMAXCONN) != 0)
        return -errno;
    address->length = sizeof address->storage;
    if (getsockname(socket->fd, (struct sockaddr *)&address->storage, &address->length) != 0)
        return -errno;
    return 0;
}

int listening_socket_open_with(const struct address *address, struct socket_port port,
                               const struct socket_rights *rights, struct listening_socket *result)
{
    const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int rc;

    *result = (struct listening_socket){.fd = socket(address->storage.ss_family, type, 0),
                                        .address = *address};
    if (result->fd < 0)
        return -errno;
    rc = address_path(address) != NULL ? listen_at_path(result, rights)
                                       : listen_without_file(result, port);
    if (rc != 0)
        listening_socket_close(result);
    return rc;
}

int listening_socket_open(const struct address *address, struct listening_socket *result)
{
    return listening_socket_open_with(address, (struct socket_port){0}, NULL, result);
}

void listening_socket_close(struct listening_socket *socket)
{
    listening_socket_remove_file(socket);
    close(socket->fd);
    socket->fd = -1;
}
