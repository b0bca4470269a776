/* SPDX-License-Identifier: MIT */
/* Calls of the system that fail when a test wants them to: see faults.h. */
#include "config.h"

#include "tests/kit/faults.h"

#include <check.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct wanted {
    atomic_int pid, error;
    atomic_uint skipped, times, failed;
};

/** Set while other threads may be at work already. */
static struct wanted *_Atomic wanted;

void faults_setup(void)
{
    wanted = mmap(NULL, FAULT_KINDS * sizeof *wanted, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(wanted, MAP_FAILED);
}

void faults_set(enum fault fault, pid_t pid, int error, unsigned times)
{
    atomic_store(&wanted[fault].times, 0);
    atomic_store(&wanted[fault].skipped, 0);
    atomic_store(&wanted[fault].pid, pid);
    atomic_store(&wanted[fault].error, error);
    atomic_store(&wanted[fault].failed, 0);
    atomic_store(&wanted[fault].times, times);
}

void faults_set_one(enum fault fault, unsigned skipped, int error)
{
    faults_set(fault, 0, error, 0);
    atomic_store(&wanted[fault].skipped, skipped);
    atomic_store(&wanted[fault].times, 1);
}

unsigned faults_failed(enum fault fault)
{
    return atomic_load(&wanted[fault].failed);
}

bool faults_fail(enum fault fault)
{
    struct wanted *all = wanted, *here = all != NULL ? &all[fault] : NULL;
    unsigned times, skipped;

    if (here == NULL || (times = atomic_load(&here->times)) == 0 ||
        (atomic_load(&here->pid) != 0 && atomic_load(&here->pid) != getpid()))
        return false;
    for (skipped = atomic_load(&here->skipped); skipped > 0;)
        if (atomic_compare_exchange_weak(&here->skipped, &skipped, skipped - 1))
            return false;
    while (times != UINT_MAX && !atomic_compare_exchange_weak(&here->times, &times, times - 1))
        if (times == 0)
            return false;
    atomic_fetch_add(&here->failed, 1);
    errno = atomic_load(&here->error);
    return true;
}

/* --- the C library's functions ------------------------------------------------------------- */

/** Look up the C library's own function once; several threads may do so at a time. */
static void *real_function(_Atomic(void *) *found, const char *name)
{
    if (atomic_load(found) == NULL)
        atomic_store(found, dlsym(RTLD_NEXT, name));
    return atomic_load(found);
}

/** Calls that the library makes without a function of the C library. */
static const struct {
    long number;
    enum fault fault;
} by_number[] = {
    {SYS_sendmsg, FAULT_SENDMSG},
    {SYS_close_range, FAULT_CLOSE_RANGE},
    {SYS_pidfd_open, FAULT_PIDFD_OPEN},
    {SYS_pidfd_send_signal, FAULT_PIDFD_SEND_SIGNAL},
};

/* It reads six arguments where a caller may have given fewer, as the kernel does. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
    static _Atomic(void *) found;
    long (*real)(long, ...);
    long arguments[6];
    va_list list;

    for (size_t i = 0; i < sizeof by_number / sizeof by_number[0]; i++)
        if (by_number[i].number == number && faults_fail(by_number[i].fault))
            return -1;
    *(void **)(void *)&real = real_function(&found, "syscall");
    va_start(list, number);
    for (int i = 0; i < 6; i++) /* those that were not given are not used by the call either */
        arguments[i] = va_arg(list, long);
    va_end(list);
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
}

#if !WITH_SANITIZER
void *realloc(void *memory, size_t size)
{
    static _Atomic(void *) found;
    void *(*real)(void *, size_t);

    *(void **)(void *)&real = real_function(&found, "realloc");
    return faults_fail(FAULT_REALLOC) ? NULL : real(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    static _Atomic(void *) found;
    void *(*real)(size_t, size_t);

    *(void **)(void *)&real = real_function(&found, "aligned_alloc");
    return faults_fail(FAULT_ALIGNED) ? NULL : real(alignment, size);
}
#endif

int memfd_create(const char *name, unsigned flags)
{
    return faults_fail(FAULT_MEMFD) ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    static _Atomic(void *) found;
    ssize_t (*real)(int, const void *, size_t, off_t);

    *(void **)(void *)&real =
        real_function(&found, sizeof at > sizeof(long) ? "pwrite64" : "pwrite");
    return faults_fail(FAULT_PWRITE) ? -1 : real(fd, bytes, size, at);
}

DIR *opendir(const char *name)
{
    static _Atomic(void *) found;
    DIR *(*real)(const char *);

    *(void **)(void *)&real = real_function(&found, "opendir");
    return faults_fail(FAULT_OPENDIR) ? NULL : real(name);
}

int unshare(int flags)
{
    return faults_fail(FAULT_UNSHARE) ? -1 : (int)syscall(SYS_unshare, flags);
}

int epoll_wait(int epoll, struct epoll_event *events, int room, int timeout_ms)
{
    static _Atomic(void *) found;
    int (*real)(int, struct epoll_event *, int, int);

    *(void **)(void *)&real = real_function(&found, "epoll_wait");
    return faults_fail(FAULT_EPOLL_WAIT) ? -1 : real(epoll, events, room, timeout_ms);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    static _Atomic(void *) found;
    pid_t (*real)(pid_t, int *, int);

    *(void **)(void *)&real = real_function(&found, "waitpid");
    return faults_fail(FAULT_WAITPID) ? -1 : real(pid, status, options);
}
