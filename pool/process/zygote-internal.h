/* SPDX-License-Identifier: MIT */
/**
 * @file zygote-internal.h
 * The process from which worker processes are forked, as an executor sees it.
 *
 * Each executor has a line to the zygote, a socket that never blocks. Over it the executor orders
 * workers, and the zygote reports on each: it started, or could not; it ended, with which status.
 * Workers are children of the zygote, so only the zygote can wait for them. It can also send them the
 * signals that the program may not send any more, because it has called setuid() since.
 */
#ifndef POOL_PROCESS_ZYGOTE_INTERNAL_H
#define POOL_PROCESS_ZYGOTE_INTERNAL_H

#include "pool/echopool.h"
#include "pool/process/worker-internal.h"

#include <sys/types.h>

/** Executor to zygote: fork a worker, and then it carries the worker's end of the socketpair; or send it a signal. */
struct zygote_order {
    uint64_t ticket; /**< of this worker: repeated in every report on it */
    uint64_t signal; /**< 0: fork it */
    struct worker_plan plan;
};

enum zygote_news {
    ZYGOTE_STARTED = 1, /**< pid is set; carries its pidfd */
    ZYGOTE_FAILED,      /**< status is the errno value of fork(2) */
    ZYGOTE_ENDED,       /**< status is that of wait(2) */
};

/** Zygote to executor. */
struct zygote_report {
    uint64_t ticket;
    uint32_t news;
    int32_t pid;
    int32_t status;
    uint32_t unused;
};

/** Open a line to the zygote for one executor. @return a socket, or a negated errno value */
int zygote_connect(struct ep_zygote *zygote);

/** Let a zygote that is stopped (SIGSTOP) go on: it would report no end of a worker. */
void zygote_continue(struct ep_zygote *zygote);

/**
 * Run the zygote, in a process just forked. Its first answer on the control socket, an int32_t as all are, is 0 or
 * the errno value for which it ends again.
 *
 * @param ends     the two ends of the control socket; the second is its own
 * @param program  a pidfd of the program, with which it ends
 */
_Noreturn void zygote_process(int ends[2], int program);

#endif /* POOL_PROCESS_ZYGOTE_INTERNAL_H */
