/* SPDX-License-Identifier: MIT */
/*
 * Run a server whose listening socket has a short backlog.
 *
 *     narrow BACKLOG SERVER [ARGUMENT...]
 *
 * Open the socket, on a port of 127.0.0.1 that the kernel picks, and pass it to the server as a
 * service manager does: as descriptor 3, with LISTEN_PID and LISTEN_FDS in the environment. The
 * server asks for the longest backlog possible only for sockets that it opens itself.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PASSED = 3 };

/* Print what has failed and why, and exit. */
static _Noreturn void die(const char *what)
{
    fprintf(stderr, "narrow: ");
    perror(what);
    exit(EXIT_FAILURE);
}

/* Return a socket that listens on 127.0.0.1. */
static int listen_with(int backlog)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || listen(fd, backlog) != 0)
        die("cannot listen");
    return fd;
}

int main(int argc, char **argv)
{
    char pid[sizeof "2147483647"];
    char *end;
    long backlog;
    int fd;

    backlog = argc < 3 ? -1 : strtol(argv[1], &end, 10);
    if (backlog < 0 || backlog > SOMAXCONN || *end != '\0') {
        fprintf(stderr, "Usage: narrow BACKLOG SERVER [ARGUMENT...]\n");
        return 2;
    }
    fd = listen_with((int)backlog);
    if (fd != FIRST_PASSED && (dup2(fd, FIRST_PASSED) < 0 || close(fd) != 0))
        die("cannot pass the socket on");
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (setenv("LISTEN_PID", pid, 1) != 0 || setenv("LISTEN_FDS", "1", 1) != 0)
        die("cannot pass the socket on");
    execvp(argv[2], argv + 2);
    die(argv[2]);
}
