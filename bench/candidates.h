/* SPDX-License-Identifier: MIT */
/**
 * @file candidates.h
 * Every measured server and its command line: echo-server's models, bare servers (floors), and the
 * usual servers of other libraries and languages (peers).
 *
 * A server that this machine or this build does not have is left out with a message: call
 * candidate_is_there() first.
 */
#ifndef BENCH_CANDIDATES_H
#define BENCH_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CANDIDATE_ARGUMENTS 20

struct candidate {
    const char *name;
    /** "%n" stands for the number of sessions, "%c" and "%k" for the files of
     * candidate_make_files(), "%a" for a free address, for --admin. */
    const char *arguments[CANDIDATE_ARGUMENTS];
    const char *needs; /**< what to install if it does not start; NULL: its own message says */
    bool unchanged;    /**< it echoes the bytes unchanged, not in capitals */
    unsigned at_once;  /**< most sessions that it serves at once; 0: any number */
};

extern const struct candidate floor_thread, floor_process, floor_epoll, floor_prethreaded,
    floor_tls;
extern const struct candidate model_iterative, model_thread, model_fork;
/** Session hold, one worker per session. */
extern const struct candidate model_thread_pool, model_process_pool;
extern const struct candidate model_thread_accept, model_prefork;
/** One event loop. */
extern const struct candidate model_event;
/** Message hold, 4 workers. */
extern const struct candidate model_message;
/** The same models with TLS. */
extern const struct candidate tls_thread_pool, tls_event;
/** One ring, and its floor. */
extern const struct candidate model_io_uring, floor_uring;
extern const struct candidate peer_bufferevent, peer_uv, peer_go, peer_tokio, peer_seed, peer_socat;

/**
 * Make the certificate and key for "%c" and "%k", if there is OpenSSL. Call it once; they are
 * removed at exit.
 */
void candidate_make_files(void);

/** A command line with all placeholders replaced. */
struct command {
    const char *arguments[2 * CANDIDATE_ARGUMENTS + 1];
    char number[16];
    char admin[32];
    uint16_t admin_port; /**< the port for "%a"; 0: there is none */
};

/**
 * Make the command line of a candidate for a number of sessions.
 *
 * @param more     further arguments, ended by NULL; may be NULL
 * @param command  the result; it must not be moved while it is used
 */
void candidate_command(const struct candidate *candidate, unsigned sessions,
                       const char *const more[], struct command *command);

/** Start a candidate once. @return whether it starts; if not, `why` has the reason */
bool candidate_is_there(const struct candidate *candidate, const char *const more[], char *why,
                        size_t size);

#endif /* BENCH_CANDIDATES_H */
