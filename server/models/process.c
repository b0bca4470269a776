/* SPDX-License-Identifier: MIT */
/* Sessions that are served in other processes: see process.h. */
#include "server/models/process.h"

#include "common/log.h"
#include "common/translate.h"
#include "pool/process/calls-internal.h"
#include "server/session/boundary.h"
#include "server/session/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/oom.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Thousandths of all memory that this process seems to have more of. The main one is larger, but not by that. */
enum { OOM_SCORE_MORE = 300 };

/*
 * When memory runs out, have the kernel kill this process and not the main one, whose score it has inherited: that
 * costs a session, and not the server. Anyone may raise a score. Without /proc it stays.
 */
static void offer_memory(void)
{
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    char text[16] = "";
    long score;

    if (fd < 0)
        return;
    if (read(fd, text, sizeof text - 1) > 0) {
        score = strtol(text, NULL, 10) + OOM_SCORE_MORE;
        dprintf(fd, "%ld", score < OOM_SCORE_ADJ_MAX ? score : OOM_SCORE_ADJ_MAX);
    }
    close(fd);
}

void process_enter(struct shared *shared)
{
    static const int for_the_server[] = {SIGTERM, SIGINT,  SIGHUP, SIGUSR1,
                                         SIGUSR2, SIGTTIN, SIGTTOU};

    for (size_t i = 0; i < sizeof for_the_server / sizeof for_the_server[0]; i++)
        signal(for_the_server[i], SIG_IGN);
    offer_memory();
    printer_enter_child(shared->printer);
}

/* A handler of the server would wake its loop, so no signal is unblocked until there is none. */
void process_begin(struct shared *shared, pid_t parent)
{
    struct sigaction action;
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it had died before the line above */
        _exit(1);
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN)
            signal(number, SIG_DFL);
    process_enter(shared);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

enum need process_serve(struct session *session, int fd, unsigned char *buffer, unsigned worker)
{
    if (session->stage == STAGE_NEW)
        stream_init_plain(&session->stream, fd);
    return session_serve(session, buffer, worker);
}

void process_wait(int pidfd, char how[static PROCESS_HOW_MAX])
{
    siginfo_t status = {0};

    while (waitid(P_PIDFD, (id_t)pidfd, &status, WEXITED) != 0 && errno == EINTR)
        continue;
    snprintf(how, PROCESS_HOW_MAX, "its process %d %s %d", (int)status.si_pid,
             status.si_code == CLD_EXITED ? "exited with status" : "was killed by signal",
             status.si_status);
}

void process_kill(pid_t pid)
{
    kill(pid, SIGKILL); /* not waited for yet, so the number is still its own */
    waitpid(pid, NULL, 0);
}

/*
 * Check whether bytes were lost. A worker that was killed may have read some that it has not counted; the kernel has
 * counted them, with those of a PROXY header. What it counts of TLS are other bytes.
 */
static enum outcome loss(const struct session *session)
{
    bool all_echoed = session->stream.tls == NULL && session->stage >= STAGE_ECHO;
    uint64_t counted = session->header_bytes + atomic_load(&session->entry.bytes_received);

    return all_echoed && session->fd >= 0 && boundary_received(session->fd) > counted
               ? OUTCOME_CUT
               : session_loss(session, session->fd);
}

void process_session_over(struct session *session, const char *how)
{
    enum outcome verdict = (enum outcome)atomic_load(&session->verdict);
    char peer[ADDRESS_TEXT_MAX];

    if (session->stage == STAGE_ENDED) {
        session_end(session);
    } else if (verdict != OUTCOME_SERVED) {
        session_drop(session, verdict == OUTCOME_CUT ? loss(session) : verdict);
    } else {
        address_text(&session->peer, peer);
        log_event(LOG_NORMAL, "session failed",
                  &(struct log_facts){.session = session->number, .peer = peer, .reason = how},
                  N_("session %" PRIu64 " from %s failed: %s"), session->number, peer, how);
        session_drop(session, OUTCOME_FAILED);
    }
}
