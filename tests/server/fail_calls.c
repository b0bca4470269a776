/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the server by check_server_accept and check_server_refused: lets calls fail.
 *
 *     ACCEPT_ERROR=71        accept4() fails with this errno, where a connection waits
 *     ACCEPT_FAILURES=3      this many times; or
 *     ACCEPT_FAILS_WHILE=F   as long as the file F exists
 *     ACCEPT_TAKES=1         the connection is lost, as when the kernel has aborted it
 *
 *     WATCH_ERROR=28         epoll_ctl() fails with this errno when it adds
 *     WATCH_LISTENERS=1      a socket that listens, or without this a connection
 *     WATCH_SKIPS=1          after this many that it does not fail
 *     WATCH_FAILURES=1       this many times
 *
 *     PROC_MISSING=1         there is no /proc
 *     PRLIMIT_DENIED=1       a filter of system calls forbids prlimit64()
 *
 *     CONFIG_FAILS=2         event_config_new() finds no memory for the second and all after it
 *     PIDFD_FAILURES=1       pidfd_open() finds none, this many times
 *     LOOKUP_FAILS=2         getaddrinfo() fails likewise,
 *     LOOKUP_ERROR=-3        with this code
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags);
struct event_config *event_config_new(void);

/* The loop's thread alone accepts, and the tests fail watches of few threads: no lock is needed. */
static long failures;
static long configs;
static long lookups;
static long pidfds;
static atomic_long watches;

static long number_of(const char *name)
{
    const char *value = getenv(name);

    return value == NULL ? 0 : strtol(value, NULL, 10);
}

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

/* Check whether it is a socket of the internet that listens, or one that is a connection. */
static bool is_socket(int fd, bool listens)
{
    int domain = 0;
    int accepts = 0;
    socklen_t size = sizeof domain;

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_INET &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0 &&
           (accepts != 0) == listens;
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    union {
        void *symbol;
        int (*call)(int, int, int, struct epoll_event *);
    } real = {.symbol = dlsym(RTLD_NEXT, "epoll_ctl")};
    long error = number_of("WATCH_ERROR");
    long skips = number_of("WATCH_SKIPS");

    if (error != 0 && operation == EPOLL_CTL_ADD &&
        is_socket(fd, getenv("WATCH_LISTENERS") != NULL)) {
        long watch = atomic_fetch_add(&watches, 1);
        if (watch >= skips && watch < skips + number_of("WATCH_FAILURES")) {
            errno = (int)error;
            return -1;
        }
    }
    return real.call(epoll, operation, fd, event);
}

struct event_config *event_config_new(void)
{
    union {
        void *symbol;
        struct event_config *(*call)(void);
    } real = {.symbol = dlsym(RTLD_NEXT, "event_config_new")};

    if (number_of("CONFIG_FAILS") != 0 && ++configs >= number_of("CONFIG_FAILS")) {
        errno = ENOMEM;
        return NULL;
    }
    return real.call();
}

int pidfd_open(pid_t pid, unsigned flags)
{
    if (++pidfds > number_of("PIDFD_FAILURES"))
        return (int)syscall(SYS_pidfd_open, pid, flags);
    errno = ENOMEM;
    return -1;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
    union {
        void *symbol;
        int (*call)(const char *restrict, const char *restrict, const struct addrinfo *restrict,
                    struct addrinfo **restrict);
    } real = {.symbol = dlsym(RTLD_NEXT, "getaddrinfo")};

    if (number_of("LOOKUP_FAILS") != 0 && ++lookups >= number_of("LOOKUP_FAILS"))
        return (int)number_of("LOOKUP_ERROR");
    return real.call(name, service, hints, result);
}

/* Before main(): forbid the call for good. */
__attribute__((constructor)) static void deny(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

    if (getenv("PRLIMIT_DENIED") != NULL && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                                             prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)))
        abort();
}

static bool is_missing(const char *path)
{
    if (getenv("PROC_MISSING") == NULL || strncmp(path, "/proc", 5) != 0)
        return false;
    errno = ENOENT;
    return true;
}

FILE *fopen(const char *restrict path, const char *restrict mode)
{
    union {
        void *symbol;
        FILE *(*call)(const char *restrict, const char *restrict);
    } real = {.symbol = dlsym(RTLD_NEXT, "fopen")};

    return is_missing(path) ? NULL : real.call(path, mode);
}

DIR *opendir(const char *path)
{
    union {
        void *symbol;
        DIR *(*call)(const char *);
    } real = {.symbol = dlsym(RTLD_NEXT, "opendir")};

    return is_missing(path) ? NULL : real.call(path);
}

/* Older C libraries reach a file that must not be a link through /proc, as this process would. */
int fchmodat(int folder, const char *path, mode_t mode, int flags)
{
    union {
        void *symbol;
        int (*call)(int, const char *, mode_t, int);
    } real = {.symbol = dlsym(RTLD_NEXT, "fchmodat")};

    if ((flags & AT_SYMLINK_NOFOLLOW) != 0 && getenv("PROC_MISSING") != NULL) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return real.call(folder, path, mode, flags);
}

int stat(const char *restrict path, struct stat *restrict result)
{
    union {
        void *symbol;
        int (*call)(const char *restrict, struct stat *restrict);
    } real = {.symbol = dlsym(RTLD_NEXT, "stat")};

    return is_missing(path) ? -1 : real.call(path, result);
}
