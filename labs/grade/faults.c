/* SPDX-License-Identifier: MIT */
/*
 * Faults for students' programs: see faults.h. Each is one that POSIX allows and that a test on a quiet
 * machine does not meet: a send that takes a part, a thread that cannot be made, a wait that returns early.
 */
#include "faults.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

atomic_int lab_waiting, lab_spurious;

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __real_sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to,
                      socklen_t length);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_writev(int fd, const struct iovec *pieces, int count);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until);

/* Return how many of these bytes a socket takes. */
static size_t part(int fd, size_t size)
{
    struct stat status;

    if (size < 2 || getenv("LAB_SHORT") == NULL || fstat(fd, &status) != 0 ||
        !S_ISSOCK(status.st_mode))
        return size;
    return size / 3 + 1;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    return __real_write(fd, bytes, part(fd, size));
}

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    return __real_send(fd, bytes, part(fd, size), flags);
}

ssize_t __wrap_sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to,
                      socklen_t length)
{
    return __real_sendto(fd, bytes, part(fd, size), flags, to, length);
}

/* Of several pieces a socket takes a part of the first. */
ssize_t __wrap_writev(int fd, const struct iovec *pieces, int count)
{
    if (count > 0 && part(fd, pieces[0].iov_len) < pieces[0].iov_len)
        return __real_write(fd, pieces[0].iov_base, part(fd, pieces[0].iov_len));
    return __real_writev(fd, pieces, count);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (message->msg_iovlen > 0 &&
        part(fd, message->msg_iov[0].iov_len) < message->msg_iov[0].iov_len)
        return __real_send(fd, message->msg_iov[0].iov_base, part(fd, message->msg_iov[0].iov_len),
                           flags);
    return __real_sendmsg(fd, message, flags);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    static atomic_int made;
    const char *fails = getenv("LAB_FAIL_THREAD");

    if (atomic_fetch_add(&made, 1) + 1 == (fails != NULL ? atoi(fails) : 0))
        return EAGAIN;
    return __real_pthread_create(thread, attributes, start, argument);
}

/* Return early, after others had their chance to run. @return whether it did */
static bool is_spurious(pthread_mutex_t *mutex)
{
    int left = atomic_load(&lab_spurious);

    while (left > 0)
        if (atomic_compare_exchange_weak(&lab_spurious, &left, left - 1)) {
            pthread_mutex_unlock(mutex);
            sched_yield();
            pthread_mutex_lock(mutex);
            return true;
        }
    return false;
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    int rc;

    if (is_spurious(mutex))
        return 0;
    atomic_fetch_add(&lab_waiting, 1);
    rc = __real_pthread_cond_wait(condition, mutex);
    atomic_fetch_sub(&lab_waiting, 1);
    return rc;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    int rc;

    if (is_spurious(mutex))
        return 0;
    atomic_fetch_add(&lab_waiting, 1);
    rc = __real_pthread_cond_timedwait(condition, mutex, until);
    atomic_fetch_sub(&lab_waiting, 1);
    return rc;
}
