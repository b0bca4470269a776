/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the server by check_server_accept: lets calls fail.
 *
 *     ACCEPT_ERROR=71        accept4() fails with this errno, where a connection waits
 *     ACCEPT_FAILURES=3      this many times; or
 *     ACCEPT_FAILS_WHILE=F   as long as the file F exists
 *     ACCEPT_TAKES=1         the connection is lost, as when the kernel has aborted it
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags);

/* The loop's thread alone accepts, so nothing here needs a lock. */
static long failures;

static bool is_to_fail(void)
{
    const char *count = getenv("ACCEPT_FAILURES");
    const char *file = getenv("ACCEPT_FAILS_WHILE");

    if (file != NULL)
        return access(file, F_OK) == 0;
    return count != NULL && failures++ < strtol(count, NULL, 10);
}

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags)
{
    union {
        void *symbol;
        int (*call)(int, struct sockaddr *restrict, socklen_t *restrict, int);
    } real = {.symbol = dlsym(RTLD_NEXT, "accept4")};
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    const char *error = getenv("ACCEPT_ERROR");

    if (poll(&waiting, 1, 0) == 1 && is_to_fail()) {
        if (getenv("ACCEPT_TAKES") != NULL)
            close(real.call(fd, address, length, flags));
        errno = error == NULL ? EIO : (int)strtol(error, NULL, 10);
        return -1;
    }
    return real.call(fd, address, length, flags);
}
