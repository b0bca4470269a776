/* SPDX-License-Identifier: MIT */
/* Messages between processes, with descriptors and files in memory: see wire-internal.h. */
#include "pool/process/wire-internal.h"

#include "pool/cancel-internal.h"
#include "pool/process/calls-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Room for the descriptors of a message, aligned for the kernel. */
union fd_room {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
};

int wire_send(int socket, const struct iovec *parts, size_t part_count, const int *fds,
              unsigned fd_count, int flags)
{
    union fd_room room;
    /* The lengths of a message have narrower types in musl. */
    struct msghdr header = {
        .msg_iov = (struct iovec *)(uintptr_t)parts,
        .msg_iovlen = (unsigned)part_count,
    };

    if (fd_count > 0) {
        struct cmsghdr *cmsg;

        memset(&room, 0, sizeof room);
        header.msg_control = &room;
        header.msg_controllen = (socklen_t)CMSG_SPACE(fd_count * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = (socklen_t)CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof(int));
    }
    /*
     * The system call, because AddressSanitizer's sendmsg() reads the bytes again after they have
     * been sent. By then the task may be done and its input freed.
     */
    while (syscall(SYS_sendmsg, socket, &header, flags | MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return errno == ENOBUFS ? -ENOMEM : -errno; /* the kernel has two words for it */
    return 0;
}

bool wire_may_pass(int rc)
{
    /* ENOSPC: a file in memory gets no more, because vm.overcommit_memory=2 bounds what may be promised. */
    return rc == -ENOMEM || rc == -ENOSPC || rc == -EMFILE || rc == -ENFILE || rc == -ETOOMANYREFS;
}

/** Collect the descriptors from all control messages; close those that are too many. */
static void collect_fds(struct msghdr *header, struct wire_message *message)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg != NULL;
         cmsg = CMSG_NXTHDR(header, cmsg)) {
        size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
            if (message->fd_count < WIRE_FDS_MAX) {
                message->fds[message->fd_count++] = fd;
            } else { /* the alignment of the control message leaves room for one more */
                HOLD_CANCELLATION;

                close(fd);
                message->fds_lost = true;
            }
        }
    }
}

int wire_receive(int socket, void *buffer, size_t capacity, int flags, struct wire_message *message)
{
    union fd_room room;
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &room};
    ssize_t size;

    do {
        header.msg_controllen = sizeof room;
        /* The system call is no cancellation point, as recvmsg() would be. */
        size = syscall(SYS_recvmsg, socket, &header, flags | MSG_CMSG_CLOEXEC);
        /* ECONNRESET: the peer ended without reading everything. What it had sent can still be
         * read, and the next call reports the end. */
    } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    message->fd_count = 0;
    message->fds_lost = false;
    if (size < 0)
        return -errno;
    message->size = (size_t)size;
    message->fds_lost = (header.msg_flags & MSG_CTRUNC) != 0;
    collect_fds(&header, message);
    if (size > 0 && (header.msg_flags & MSG_TRUNC) == 0)
        return 0;
    wire_close_fds(message, 0);
    return size > 0 ? -EMSGSIZE : -EPIPE; /* neither side sends empty messages */
}

void wire_close_fds(struct wire_message *message, unsigned from)
{
    if (message->fd_count <= from)
        return;
    HOLD_CANCELLATION;
    for (unsigned i = from; i < message->fd_count; i++)
        close(message->fds[i]);
    message->fd_count = from;
}

/* --- payloads in files --------------------------------------------------------------------- */

/** The unit of st_blocks. */
#define BLOCK_BYTES 512u

#ifndef MFD_NOEXEC_SEAL
#    define MFD_NOEXEC_SEAL 8U
#endif

/** Create a memfd that cannot be executed, which vm.memfd_noexec=2 insists on. */
static int memfd_new(void)
{
    int fd = memfd_create("echopool", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create("echopool", MFD_CLOEXEC);
    else if (fd >= 0) /* that flag allows seals: a worker must not keep the executor from writing */
        (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
    return fd;
}

int wire_file_write(int *fd, const void *data, size_t size)
{
    HOLD_CANCELLATION;
    const char *bytes = data;
    struct rlimit limit;

    /* Writing beyond the limit would raise SIGXFSZ, which kills the program. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur)
        return -EFBIG;
    if (*fd < 0 && (*fd = memfd_new()) < 0)
        return -errno;
    for (size_t at = 0; at < size;) {
        ssize_t written = pwrite(*fd, bytes + at, size - at, (off_t)at);

        if (written > 0)
            at += (size_t)written;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int wire_file_check(int fd, size_t size)
{
    struct stat status;

    if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &status) != 0 || size == 0 ||
        (uint64_t)status.st_size < size || (uint64_t)status.st_blocks < size / BLOCK_BYTES)
        return -EPROTO;
    return 0;
}

int wire_file_read(int fd, void *data, size_t size)
{
    HOLD_CANCELLATION;
    char *bytes = data;

    for (size_t at = 0; at < size;) {
        ssize_t got = pread(fd, bytes + at, size - at, (off_t)at);

        if (got > 0)
            at += (size_t)got;
        else if (got == 0)
            return -EPROTO; /* it has been cut meanwhile */
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

/* --- what a child inherits ----------------------------------------------------------------- */

/** Descriptors that a process may have unless fs.nr_open was raised. */
#define DESCRIPTORS_MAX (1u << 20)

static int compare_fds(const void *left, const void *right)
{
    const int *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/** Close descriptors one by one, those that /proc lists; without /proc, all that there can be. */
static void close_each(unsigned from, unsigned to)
{
    DIR *listed = opendir("/proc/self/fd");
    struct dirent *entry;

    if (listed == NULL) {
        for (unsigned fd = from; fd <= to && fd < DESCRIPTORS_MAX; fd++)
            close((int)fd);
        return;
    }
    while ((entry = readdir(listed)) != NULL) {
        unsigned long fd = strtoul(entry->d_name, NULL, 10);

        if (entry->d_name[0] != '.' && fd >= from && fd <= to && (int)fd != dirfd(listed))
            close((int)fd);
    }
    closedir(listed);
}

static void close_from_to(unsigned from, unsigned to)
{
    if (close_fds(from, to) != 0) /* before Linux 5.9, or in a sandbox */
        close_each(from, to);
}

void wire_close_foreign(int *keep, size_t keep_count)
{
    unsigned from = 3;

    qsort(keep, keep_count, sizeof *keep, compare_fds);
    for (size_t i = 0; i < keep_count; i++) {
        if (keep[i] < (int)from)
            continue;
        if (keep[i] > (int)from)
            close_from_to(from, (unsigned)keep[i] - 1);
        from = (unsigned)keep[i] + 1;
    }
    close_from_to(from, ~0u);
}
