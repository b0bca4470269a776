/* SPDX-License-Identifier: MIT */
/*
 * Waiting for adopted processes: see reap.h.
 *
 * DESIGN. A model that makes processes waits for them itself, because it must know how they have ended; so look
 * first (WNOWAIT), and leave its own alone. The kernel shows one process that has ended, always the same: behind
 * one of the model's there may be others. The model will have waited for it in a moment, and a timer looks
 * again. The zygote of --model process-pool is not the model's own in this sense: it is known by its pidfd.
 */
#include "server/reap.h"

#include "server/parts.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_AGAIN_US 100000

bool reap_is_needed(void)
{
    int is_subreaper = 0;

    return getpid() == 1 || (prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper) == 0 && is_subreaper);
}

/* Get a process that has ended. @return 0: there is none */
static pid_t ended_process(void)
{
    siginfo_t child = {0};

    return waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 ? child.si_pid : 0;
}

void reap_on_child(evutil_socket_t fd, short what, void *argument)
{
    static const struct timeval soon = {.tv_usec = LOOK_AGAIN_US};
    struct server *server = argument;
    pid_t pid;

    (void)fd;
    (void)what;
    while ((pid = ended_process()) > 0) {
        if (server->type->owns != NULL && server->type->owns(server->model, pid)) {
            /* Without memory for the timer the next SIGCHLD has to do. */
            (void)event_add(server->events[ON_REAP], &soon);
            return;
        }
        (void)waitpid(pid, NULL, WNOHANG);
    }
}
