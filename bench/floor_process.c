/* SPDX-License-Identifier: MIT */
/*
 * The floor under process-per-session servers: floor_thread with a process for each session.
 *
 * What it costs more than floor_thread is the cost of address spaces: both make the same system calls for an
 * echo, a recv and a send.
 */
#include "bench/floor.h"

#include <signal.h>

int main(void)
{
    int listener = floor_listen();

    signal(SIGCHLD, SIG_IGN); /* the kernel waits for them */
    for (;;) {
        int fd = floor_accept(listener, 0);
        pid_t pid = fork();
        if (pid < 0)
            return EXIT_FAILURE;
        if (pid == 0) {
            close(listener);
            floor_echo(fd);
            _exit(EXIT_SUCCESS);
        }
        close(fd);
    }
}
