/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program by the campaign of tests/torture, or by a test: counts its calls of one class, or of
 * one name, and lets one of them fail, or several in a row. The orders are in a file, which processes that the program
 * forks share: see shim.h.
 *
 * Each call below fails as the system would let it fail on a bad day, with an error that its manual page
 * lists. These never fail:
 *
 *   - calls that cannot fail on Linux when they are right, such as pthread_mutex_init() or epoll_wait();
 *   - writing to standard error, because a message could not be seen otherwise;
 *   - reading and writing an eventfd, signalfd or timerfd, which have no device behind them;
 *   - close(), whose result says nothing about the descriptor, which is closed in any case.
 *
 * The address to which a call returns tells who has made it. If that is in the C library, which allocates
 * memory in strdup() or fopen(), the stack tells who has called that. No lock is taken: the places of all
 * objects are noted before main(), so that a fork at any time leaves the child nothing that is held.
 */
#undef _FORTIFY_SOURCE /* it would define some of these functions */
#include "config.h"

#include "tests/kit/shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#ifdef HAVE_LIBURING
#    include <liburing.h>
#endif
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { OBJECTS_MAX = 64, STACK_MAX = 24 };

struct event_config;

struct event_config *event_config_new(void);
void shim_end(void);
const char *__asan_default_options(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void);

/* NULL: there are none, or the program is not in main() yet. */
static struct orders *orders;

/* --- Who calls ----------------------------------------------------------------------------- */

enum object_kind { OF_PROGRAM, OF_C_LIBRARY, OF_SANITIZER, OF_LIBRARY };

/* A program or shared library in memory. */
struct object {
    uintptr_t begin, end, base;
    const char *name; /* without folders */
    enum object_kind kind;
};

static struct object objects[OBJECTS_MAX];
static unsigned object_count;

/* Note where an object is. The program itself comes first and has no name. */
static int note_object(struct dl_phdr_info *info, size_t size, void *context)
{
    static const struct {
        const char *name;
        enum object_kind kind;
    } known[] = {{"libc.", OF_C_LIBRARY},   {"ld-linux", OF_C_LIBRARY}, {"libgcc_s", OF_C_LIBRARY},
                 {"libasan", OF_SANITIZER}, {"libtsan", OF_SANITIZER},  {"libubsan", OF_SANITIZER},
                 {"liblsan", OF_SANITIZER}};
    const char *slash = strrchr(info->dlpi_name, '/');
    struct object *object = &objects[object_count];

    (void)size;
    (void)context;
    if (object_count == OBJECTS_MAX)
        return 1;
    object->base = info->dlpi_addr;
    object->begin = UINTPTR_MAX;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        if (begin < object->begin)
            object->begin = begin;
        if (begin + part->p_memsz > object->end)
            object->end = begin + part->p_memsz;
    }
    object->name = slash == NULL ? info->dlpi_name : slash + 1;
    object->kind = object_count == 0 ? OF_PROGRAM : OF_LIBRARY;
    if ((uintptr_t)note_object >= object->begin && (uintptr_t)note_object < object->end)
        object->kind = OF_C_LIBRARY; /* this shim */
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(object->name, known[i].name, strlen(known[i].name)) == 0)
            object->kind = known[i].kind;
    object_count++;
    return 0;
}

/* Find the object an address is in. @return NULL: it was loaded later */
static const struct object *object_at(const void *address)
{
    for (unsigned i = 0; i < object_count; i++)
        if ((uintptr_t)address >= objects[i].begin && (uintptr_t)address < objects[i].end)
            return &objects[i];
    return NULL;
}

/* Check whether it makes calls for what has called it. */
static bool is_between(const struct object *object)
{
    return object != NULL && (object->kind == OF_C_LIBRARY || object->kind == OF_SANITIZER);
}

/*
 * Find what has made a call that returns to an address. NULL: a library that was loaded later, or a sanitizer for
 * itself.
 */
static const struct object *caller_of(const void *address)
{
    const struct object *object = object_at(address);
    bool sanitized = false;
    void *stack[STACK_MAX];
    int depth;

    if (!is_between(object))
        return object;
    depth = backtrace(stack, STACK_MAX);
    for (int i = 0; i < depth; i++) {
        object = object_at(stack[i]);
        if (!is_between(object))
            return object;
        sanitized |= object->kind == OF_SANITIZER;
    }
    return sanitized ? NULL : &objects[0]; /* a thread that begins or ends */
}

/* --- A sanitizer --------------------------------------------------------------------------- */

/*
 * AddressSanitizer's library wants to be the first that is loaded. Then it would have the calls for memory, and none
 * would come here; as the second it has them from here. Its fast unwinder stops within the C library, whose frames
 * hold no chain; the functions named below are found by the other one.
 */
const char *__asan_default_options(void)
{
    return "verify_asan_link_order=0:fast_unwind_on_malloc=0";
}

/* Tests compare standard error. */
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

/*
 * The C library has leaks of its own when its own calls fail. They are named by the function that was called, and
 * never by "libc.so": main() and each thread are called from there, so every leak of the program would be meant.
 */
const char *__lsan_default_suppressions(void)
{
    return "leak:ld-linux\nleak:newlocale\nleak:textdomain\nleak:gettext\n";
}

/* --- Whether it fails ---------------------------------------------------------------------- */

/* Write down the first call that fails. */
static void note_failure(const char *name, const struct object *caller)
{
    void *stack[STACK_MAX];
    int depth = backtrace(stack, STACK_MAX);
    size_t used = 0;

    snprintf(orders->name, sizeof orders->name, "%s", name);
    snprintf(orders->library, sizeof orders->library, "%s", caller->name);
    for (int i = 0; i < depth && used < sizeof orders->stack; i++) {
        const struct object *object = object_at(stack[i]);
        if (object != NULL && !is_between(object))
            used += (size_t)snprintf(orders->stack + used, sizeof orders->stack - used,
                                     "%s 0x%lx\n", object->name,
                                     (unsigned long)((uintptr_t)stack[i] - object->base - 1));
    }
}

static atomic_bool is_over;

/* Let no call of this process fail from now on. scripts/coverage has it called before the counts are written. */
void shim_end(void)
{
    atomic_store(&is_over, true);
}

/* Count a call, and set errno if it fails. */
static bool fails(enum torture_class class, const char *name, int error, const void *address)
{
    static _Thread_local bool within; /* backtrace() might allocate */
    const struct object *caller;
    unsigned number;
    bool result = false;

    if (orders == NULL || !atomic_load(&orders->armed) || within || atomic_load(&is_over))
        return false;
    if (*orders->only != '\0' ? strcmp(orders->only, name) != 0 : orders->class != class)
        return false;
    within = true;
    caller = caller_of(address);
    if (caller != NULL && (*orders->only != '\0' ||
                           (caller->kind == OF_LIBRARY) == (orders->caller == CALLER_LIBRARY))) {
        number = atomic_fetch_add(&orders->calls, 1) + 1;
        result = number >= orders->first && number <= orders->last;
        if (result && atomic_fetch_add(&orders->failed, 1) == 0)
            note_failure(name, caller);
        if (result)
            errno = orders->error != 0 ? orders->error : error;
    }
    within = false;
    return result;
}

/* --- For tests of one failure -------------------------------------------------------------- */

/* Check whether a call needs /proc where there is none, and set errno. */
static bool lacks_proc(bool needs, int error)
{
    if (!needs || orders == NULL || !orders->no_proc)
        return false;
    errno = error;
    return true;
}

static bool is_in_proc(const char *path)
{
    return strncmp(path, "/proc", 5) == 0;
}

static bool has_size(size_t size)
{
    return orders == NULL || orders->bytes == 0 || orders->bytes == size;
}

/* Check whether it is a socket of the internet of the kind that is to fail. */
static bool is_socket(int fd)
{
    int domain = 0, listens = 0;
    socklen_t size = sizeof domain;

    if (orders == NULL || (!orders->listeners && !orders->connections))
        return true;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_INET &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
           (listens != 0) == orders->listeners;
}

enum { ANY_ARGUMENT = -1 };

/* Forbid a call for good, or those with this second argument. */
static void deny(unsigned number, int argument, int error)
{
    unsigned at = (unsigned)offsetof(struct seccomp_data, args[1]);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, argument == ANY_ARGUMENT ? 1 : 3),
        argument == ANY_ARGUMENT
            ? (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error)
            : (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                           __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? at + 4 : at),
        argument == ANY_ARGUMENT
            ? (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
            : (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)argument, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        abort();
}

/* --- Calls --------------------------------------------------------------------------------- */

/* Look up the next definition of a function. */
static void *find(_Atomic(void *) *found, const char *name)
{
    void *symbol = atomic_load(found);

    if (symbol == NULL)
        atomic_store(found, symbol = dlsym(RTLD_NEXT, name));
    return symbol;
}

/*
 * A function that fails on a condition.
 *
 * @param failure what it returns then
 */
#define CALL_IF(condition, type, name, parameters, arguments, failure)                             \
    type name parameters                                                                           \
    {                                                                                              \
        static _Atomic(void *) found;                                                              \
        union {                                                                                    \
            void *symbol;                                                                          \
            type(*call) parameters;                                                                \
        } real = {.symbol = find(&found, #name)};                                                  \
                                                                                                   \
        if (condition)                                                                             \
            return failure;                                                                        \
        return real.call arguments;                                                                \
    }
/*
 * The same, in its turn.
 *
 * @param where   a condition on its arguments without which it never fails
 * @param error   errno; 0: it returns the error
 */
#define CALL_WHERE(where, class, type, name, parameters, arguments, failure, error)                \
    CALL_IF((where) && fails(class, #name, error, __builtin_return_address(0)), type, name,        \
            parameters, arguments, failure)
#define CALL(class, type, name, parameters, arguments, failure, error)                             \
    CALL_WHERE(true, class, type, name, parameters, arguments, failure, error)
/* Of a file with a path, which may be in /proc. */
#define CALL_AT(class, type, name, parameters, arguments, failure, error)                          \
    CALL_IF(lacks_proc(is_in_proc(path), ENOENT) ||                                                \
                fails(class, #name, error, __builtin_return_address(0)),                           \
            type, name, parameters, arguments, failure)

/* clang-format off */
CALL_WHERE(has_size(size), CALL_MEMORY, void *, malloc, (size_t size), (size), NULL, ENOMEM)
CALL(CALL_MEMORY, void *, calloc, (size_t count, size_t size), (count, size), NULL, ENOMEM)
CALL_WHERE(size > 0, CALL_MEMORY, void *, realloc, (void *memory, size_t size), (memory, size), NULL, ENOMEM)
CALL(CALL_MEMORY, void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NULL, ENOMEM)
CALL(CALL_MEMORY, int, posix_memalign, (void **memory, size_t alignment, size_t size), (memory, alignment, size), ENOMEM, 0)
CALL(CALL_MEMORY, void *, mmap, (void *address, size_t size, int protection, int flags, int fd, off_t offset),
     (address, size, protection, flags, fd, offset), MAP_FAILED, ENOMEM)
CALL(CALL_MEMORY, struct event_config *, event_config_new, (void), (), NULL, ENOMEM)
CALL(CALL_MEMORY, int, madvise, (void *address, size_t size, int advice), (address, size, advice), -1, ENOMEM)

CALL(CALL_DESCRIPTORS, int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, socketpair, (int domain, int type, int protocol, int pair[2]), (domain, type, protocol, pair), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, accept, (int fd, struct sockaddr *restrict address, socklen_t *restrict size), (fd, address, size), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, pipe, (int ends[2]), (ends), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, pipe2, (int ends[2], int flags), (ends, flags), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, dup, (int fd), (fd), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, epoll_create, (int size), (size), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, epoll_create1, (int flags), (flags), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, timerfd_create, (int clock, int flags), (clock, flags), -1, EMFILE)
CALL(CALL_DESCRIPTORS, int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
CALL_AT(CALL_DESCRIPTORS, FILE *, fopen, (const char *restrict path, const char *restrict mode), (path, mode), NULL, EMFILE)
CALL_AT(CALL_DESCRIPTORS, DIR *, opendir, (const char *path), (path), NULL, EMFILE)

CALL(CALL_THREADS, int, pthread_create, (pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
     void *(*run)(void *), void *restrict context), (thread, attributes, run, context), orders->error != 0 ? orders->error : EAGAIN, 0)
CALL(CALL_THREADS, pid_t, fork, (void), (), -1, EAGAIN)
CALL(CALL_THREADS, int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set), (pid, size, set), -1, EPERM)
CALL(CALL_THREADS, int, unshare, (int flags), (flags), -1, EPERM)
CALL(CALL_THREADS, int, close_range, (unsigned first, unsigned last, int flags), (first, last, flags), -1, ENOSYS)
CALL(CALL_THREADS, int, getrlimit, (__rlimit_resource_t resource, struct rlimit *limit), (resource, limit), -1, EPERM)
CALL(CALL_THREADS, int, setrlimit, (__rlimit_resource_t resource, const struct rlimit *limit), (resource, limit), -1, EPERM)

CALL(CALL_NETWORK, int, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1, EADDRINUSE)
CALL(CALL_NETWORK, int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
CALL(CALL_NETWORK, int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1, ECONNREFUSED)
CALL(CALL_NETWORK, int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size), (fd, level, name, value, size), -1, ENOPROTOOPT)
CALL(CALL_NETWORK, int, getsockopt, (int fd, int level, int name, void *restrict value, socklen_t *restrict size), (fd, level, name, value, size), -1, ENOBUFS)
CALL(CALL_NETWORK, int, getsockname, (int fd, struct sockaddr *restrict address, socklen_t *restrict size), (fd, address, size), -1, ENOBUFS)
CALL(CALL_NETWORK, int, getpeername, (int fd, struct sockaddr *restrict address, socklen_t *restrict size), (fd, address, size), -1, ENOTCONN)
CALL(CALL_NETWORK, ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1, ENOMEM)
CALL(CALL_NETWORK, ssize_t, send, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags), -1, ECONNRESET)
CALL(CALL_NETWORK, ssize_t, sendto, (int fd, const void *bytes, size_t size, int flags, const struct sockaddr *address, socklen_t length),
     (fd, bytes, size, flags, address, length), -1, ENOBUFS)
CALL(CALL_NETWORK, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1, ENOBUFS)
CALL_WHERE(operation == EPOLL_CTL_ADD && is_socket(fd), CALL_NETWORK, int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event),
           (epoll, operation, fd, event), -1, ENOSPC)
CALL(CALL_NETWORK, int, getaddrinfo, (const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
     struct addrinfo **restrict result), (name, service, hints, result), orders->error != 0 ? orders->error : EAI_MEMORY, 0)
CALL(CALL_NETWORK, int, getnameinfo, (const struct sockaddr *restrict address, socklen_t size, char *restrict host, socklen_t host_size,
     char *restrict service, socklen_t service_size, int flags), (address, size, host, host_size, service, service_size, flags), EAI_MEMORY, 0)

/* What a descriptor is of: anonymous inodes, an eventfd for instance, have no type. */
static bool has_device(int fd)
{
    struct stat about;

    return fd != STDERR_FILENO && syscall(SYS_fstat, fd, &about) == 0 && (about.st_mode & S_IFMT) != 0;
}

CALL_WHERE(has_device(fd), CALL_FILES, ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size), -1, EIO)
CALL_WHERE(has_device(fd), CALL_FILES, ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size), -1, ENOSPC)
CALL(CALL_FILES, ssize_t, pread, (int fd, void *bytes, size_t size, off_t offset), (fd, bytes, size, offset), -1, EIO)
CALL(CALL_FILES, ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t offset), (fd, bytes, size, offset), -1, ENOSPC)
CALL(CALL_FILES, int, ftruncate, (int fd, off_t size), (fd, size), -1, ENOSPC)
CALL(CALL_FILES, off_t, lseek, (int fd, off_t offset, int whence), (fd, offset, whence), -1, ESPIPE)
CALL_AT(CALL_FILES, int, stat, (const char *restrict path, struct stat *restrict about), (path, about), -1, EACCES)
CALL(CALL_FILES, int, lstat, (const char *restrict path, struct stat *restrict about), (path, about), -1, EACCES)
CALL(CALL_FILES, int, fstat, (int fd, struct stat *about), (fd, about), -1, EIO)
CALL(CALL_FILES, int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EROFS)
CALL(CALL_FILES, int, unlink, (const char *path), (path), -1, EACCES)
CALL(CALL_FILES, int, flock, (int fd, int operation), (fd, operation), -1, ENOLCK)
CALL(CALL_FILES, int, fflush, (FILE *file), (file), EOF, ENOSPC)
/* Older C libraries reach a file that must not be a link through /proc, as this process would. */
CALL_IF(lacks_proc((flags & AT_SYMLINK_NOFOLLOW) != 0, EOPNOTSUPP), int, fchmodat, (int folder, const char *path, mode_t mode, int flags),
        (folder, path, mode, flags), -1)
CALL(CALL_FILES, ssize_t, getrandom, (void *bytes, size_t size, unsigned flags), (bytes, size, flags), -1, ENOSYS)
/* clang-format on */

/*
 * libevent may wait for a connection that is gone, and a call that had no reason to work must not fail. One that
 * finds nothing is not made: a connection that comes meanwhile would be accepted, though it was to fail.
 */
int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
    static _Atomic(void *) found;
    union {
        void *symbol;
        int (*call)(int, struct sockaddr *restrict, socklen_t *restrict, int);
    } real = {.symbol = find(&found, "accept4")};
    struct pollfd waiting = {.fd = fd, .events = POLLIN};

    if (poll(&waiting, 1, 0) == 0) {
        errno = EAGAIN; /* the sockets of our programs do not wait */
        return -1;
    }
    if (!fails(CALL_DESCRIPTORS, "accept4", EMFILE, __builtin_return_address(0)))
        return real.call(fd, address, size, flags);
    if (orders->loses) {
        int error = errno;
        close(real.call(fd, address, size, flags));
        errno = error;
    }
    return -1;
}

int open(const char *path, int flags, ...)
{
    static _Atomic(void *) found;
    union {
        void *symbol;
        int (*call)(const char *, int, ...);
    } real = {.symbol = find(&found, "open")};
    va_list more;
    mode_t mode;

    va_start(more, flags);
    mode = va_arg(more, mode_t); /* not used without O_CREAT */
    va_end(more);
    if (fails(CALL_DESCRIPTORS, "open", EMFILE, __builtin_return_address(0)))
        return -1;
    return real.call(path, flags, mode);
}

int fcntl(int fd, int command, ...)
{
    static _Atomic(void *) found;
    union {
        void *symbol;
        int (*call)(int, int, ...);
    } real = {.symbol = find(&found, "fcntl")};
    va_list more;
    long argument;

    va_start(more, command);
    argument = va_arg(more, long);
    va_end(more);
    if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) &&
        fails(CALL_DESCRIPTORS, "fcntl", EMFILE, __builtin_return_address(0)))
        return -1;
    return real.call(fd, command, argument);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    static _Atomic(void *) found;
    union {
        void *symbol;
        ssize_t (*call)(int, void *, size_t, int);
    } real = {.symbol = find(&found, "recv")};
    ssize_t got;

    if (fails(CALL_NETWORK, "recv", ECONNRESET, __builtin_return_address(0)))
        return -1;
    got = real.call(fd, bytes, size, flags);
    if (got > 0 && orders != NULL && orders->stops && atomic_load(&orders->armed))
        raise(SIGSTOP);
    return got;
}

/* It says that the peer has gone; then there is nothing left to shut down. */
int shutdown(int fd, int how)
{
    static _Atomic(void *) found;
    union {
        void *symbol;
        int (*call)(int, int);
    } real = {.symbol = find(&found, "shutdown")};
    int result = real.call(fd, how);

    return fails(CALL_NETWORK, "shutdown", ENOTCONN, __builtin_return_address(0)) ? -1 : result;
}

/* The stream is closed in any case. */
int fclose(FILE *file)
{
    static _Atomic(void *) found;
    union {
        void *symbol;
        int (*call)(FILE *);
    } real = {.symbol = find(&found, "fclose")};
    int result = real.call(file);

    return fails(CALL_FILES, "fclose", ENOSPC, __builtin_return_address(0)) ? EOF : result;
}

/* Some calls are made by their number. */
long syscall(long number, ...)
{
    static const struct {
        long number;
        enum torture_class class;
        int error;
        const char *name;
    } by_number[] = {
        {SYS_sendmsg, CALL_NETWORK, ENOBUFS, "sendmsg"},
        {SYS_close_range, CALL_THREADS, ENOSYS, "close_range"},
        {SYS_pidfd_open, CALL_DESCRIPTORS, EMFILE, "pidfd_open"},
        {SYS_pidfd_send_signal, CALL_THREADS, EPERM, "pidfd_send_signal"},
    };
    static _Atomic(void *) found;
    union {
        void *symbol;
        long (*call)(long, ...);
    } real = {.symbol = find(&found, "syscall")};
    long arguments[6];
    va_list more;

    va_start(more, number);
    for (int i = 0; i < 6; i++) /* those that were not given are not used by the call either */
        arguments[i] = va_arg(more, long);
    va_end(more);
    /* With -1 it is only asked whether there is such a call: common/calls.c. */
    for (size_t i = 0; i < sizeof by_number / sizeof by_number[0] && arguments[0] != -1; i++)
        if (by_number[i].number == number && fails(by_number[i].class, by_number[i].name,
                                                   by_number[i].error, __builtin_return_address(0)))
            return -1;
    return real.call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                     arguments[5]);
}

#ifdef HAVE_LIBURING
/* liburing makes system calls by itself, and returns errors as negated errno values. */
CALL(CALL_MEMORY, int, io_uring_register_buf_ring,
     (struct io_uring * ring, struct io_uring_buf_reg *shelf, unsigned flags), (ring, shelf, flags),
     -errno, ENOMEM)
CALL(CALL_MEMORY, int, io_uring_register_ring_fd, (struct io_uring * ring), (ring), -errno, ENOMEM)

/* An older kernel refuses flags that it does not know. */
int io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                               struct io_uring_params *parameters)
{
    static _Atomic(void *) found;
    union {
        void *symbol;
        int (*call)(unsigned, struct io_uring *, struct io_uring_params *);
    } real = {.symbol = find(&found, "io_uring_queue_init_params")};

    if (orders != NULL && (parameters->flags & orders->ring_flags) != 0)
        return -EINVAL;
    if (fails(CALL_DESCRIPTORS, "io_uring_queue_init_params", EMFILE, __builtin_return_address(0)))
        return -errno;
    if (orders != NULL && orders->small_rings)
        entries = parameters->cq_entries = 4;
    int rc = real.call(entries, ring, parameters);
    if (orders != NULL && orders->busy_rings)
        parameters->features &= ~IORING_FEAT_RSRC_TAGS;
    return rc;
}

/*
 * Spoil operations before they are handed over. The kernel refuses one that has no descriptor, in its turn, and a
 * receive that repeats, if it has a flag that no kernel knows. No operation has the address that a cancellation gets.
 *
 * @return false
 */
static bool spoil(struct io_uring *ring, const void *address)
{
    static atomic_uint cancels;

    for (unsigned i = ring->sq.sqe_head; orders != NULL && i != ring->sq.sqe_tail; i++) {
        struct io_uring_sqe *operation = &ring->sq.sqes[i & *ring->sq.kring_mask];
        bool receives = operation->opcode == IORING_OP_RECV;
        if (receives && orders->no_repeat && (operation->ioprio & IORING_RECV_MULTISHOT) != 0)
            operation->ioprio |= 1U << 15;
        if ((receives || operation->opcode == IORING_OP_SEND ||
             operation->opcode == IORING_OP_SENDMSG) &&
            fails(CALL_NETWORK, receives ? "IORING_OP_RECV" : "IORING_OP_SEND", 0, address))
            operation->fd = -1;
        if (operation->opcode == IORING_OP_ASYNC_CANCEL &&
            atomic_fetch_add(&cancels, 1) < orders->no_cancels)
            operation->addr = UINT64_MAX;
    }
    return false;
}

#    define SUBMIT(name, parameters, arguments)                                                    \
        CALL_IF(fails(CALL_MEMORY, #name, EAGAIN, __builtin_return_address(0)) ||                  \
                    spoil(ring, __builtin_return_address(0)),                                      \
                int, name, parameters, arguments, -errno)

SUBMIT(io_uring_submit, (struct io_uring * ring), (ring))
SUBMIT(io_uring_submit_and_wait, (struct io_uring * ring, unsigned wait), (ring, wait))
SUBMIT(io_uring_submit_and_get_events, (struct io_uring * ring), (ring))
#endif

/* Before main(): note who is there, and read the orders. */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv(ORDERS_VARIABLE);
    void *stack[1];
    struct orders *mapped;
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    backtrace(stack, 1); /* the first time it loads a library */
    dl_iterate_phdr(note_object, NULL);
    mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        abort();
    orders = mapped;
    if (orders->error != 0 && *orders->only == '\0')
        deny(orders->denied, ANY_ARGUMENT, orders->error);
    if (orders->no_ring != 0)
        deny(SYS_io_uring_setup, ANY_ARGUMENT, orders->no_ring);
#ifdef HAVE_LIBURING
    if (orders->no_lending)
        deny(SYS_io_uring_register, IORING_REGISTER_PBUF_RING, EINVAL);
#endif
}
