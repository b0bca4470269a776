/* SPDX-License-Identifier: MIT */
/*
 * Printing from processes that serve: see child.h.
 *
 * DESIGN. Between poll() and write() another process may fill the pipe, and then the write would
 * block. So standard output is opened once more, if it is a pipe or a terminal, as a description that
 * belongs to this server alone and does not block.
 */
#include "server/output/child.h"

#include "server/output/escape.h"
#include "server/output/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Replace standard output by a non-blocking description. Making the old one non-blocking would do that
 * to every process that shares it, the shell for one. A file never blocks, and a socket cannot be
 * opened; for these, and if opening is not allowed, poll() must suffice.
 */
static void reopen_output(void)
{
    struct stat status;
    int fd;

    if (fstat(STDOUT_FILENO, &status) != 0 ||
        (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)))
        return;
    fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return;
    dup2(fd, STDOUT_FILENO);
    close(fd);
}

int child_output_open(struct child_output **output)
{
    void *memory =
        mmap(NULL, sizeof **output, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    *output = memory; /* a fresh page is zero */
    reopen_output();
    return 0;
}

void child_output_close(struct child_output *output)
{
    if (output != NULL)
        munmap(output, sizeof *output);
}

void child_output_message(struct child_output *output, uint64_t session, const void *bytes,
                          size_t size, size_t total)
{
    char text[PIPE_BUF];
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    size_t length = line_begin(text, session, total);
    ssize_t written = -1;
    size_t used;

    length += escape_bytes(text + length, sizeof text - length - LINE_END_MAX, bytes, size, &used);
    length += line_end(text + length, used == total);
    if (poll(&out, 1, 0) == 1)
        written = write(STDOUT_FILENO, text, length);
    if (written != (ssize_t)length)
        atomic_fetch_add(&output->dropped, 1);
}
