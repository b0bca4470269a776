/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the client by check_client_faults: lets calls fail that seldom do.
 *
 *     FAIL_CALL=epoll_ctl    this one: epoll_ctl (to add), event_config_new, connect or malloc
 *     FAIL_ERROR=28          with this errno
 *     FAIL_AFTER=3           the first three succeed
 *     FAIL_BYTES=256         of malloc: only those of this size
 *     HAS_ADDRESSES=::1,127.0.0.1     the addresses of every name: kit/names.c
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct event_config;

struct event_config *event_config_new(void);
void *__libc_malloc(size_t size);

static atomic_long calls;

static long number(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? strtol(text, NULL, 10) : 0;
}

static bool fails(const char *call)
{
    const char *wanted = getenv("FAIL_CALL");

    if (wanted == NULL || strcmp(wanted, call) != 0 ||
        atomic_fetch_add(&calls, 1) < number("FAIL_AFTER"))
        return false;
    errno = (int)number("FAIL_ERROR");
    return true;
}

int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
    union {
        void *symbol;
        int (*call)(int, int, int, struct epoll_event *);
    } real = {.symbol = dlsym(RTLD_NEXT, "epoll_ctl")};

    if (operation == EPOLL_CTL_ADD && fails("epoll_ctl"))
        return -1;
    return real.call(epfd, operation, fd, event);
}

struct event_config *event_config_new(void)
{
    union {
        void *symbol;
        struct event_config *(*call)(void);
    } real = {.symbol = dlsym(RTLD_NEXT, "event_config_new")};

    return fails("event_config_new") ? NULL : real.call();
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    union {
        void *symbol;
        int (*call)(int, const struct sockaddr *, socklen_t);
    } real = {.symbol = dlsym(RTLD_NEXT, "connect")};

    return fails("connect") ? -1 : real.call(fd, address, size);
}

void *malloc(size_t size)
{
    return size == (size_t)number("FAIL_BYTES") && fails("malloc") ? NULL : __libc_malloc(size);
}
