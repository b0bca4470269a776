/* SPDX-License-Identifier: MIT */
/**
 * @file candidates.h
 * Every server that is measured, and how it is started: echo-server's models, bare servers of our
 * own (floors), and other people's ways (peers).
 *
 * What this machine or this build does not have is left out with a sentence, so a measurement asks
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
     * candidate_make_files(), "%a" for an address that is free, for --admin. */
    const char *arguments[CANDIDATE_ARGUMENTS];
    const char *needs; /**< what to install where it cannot be started; NULL: its own words say */
    bool unchanged;    /**< it echoes the same bytes, no capitals */
    unsigned at_once;  /**< sessions that it serves at once, if that is fewer than are asked for */
};

extern const struct candidate floor_thread, floor_epoll, floor_prethreaded, floor_tls;
extern const struct candidate model_iterative, model_thread, model_fork;
/** Session hold, as many workers as there are sessions. */
extern const struct candidate model_thread_pool, model_process_pool;
/** One loop. */
extern const struct candidate model_event;
/** Message hold, 4 workers. */
extern const struct candidate model_message;
/** As their namesakes, with TLS. */
extern const struct candidate tls_thread_pool, tls_event;
extern const struct candidate peer_bufferevent, peer_go, peer_seed, peer_socat;

/**
 * Make the certificate and key that "%c" and "%k" stand for, where there is OpenSSL. Once is
 * enough; they are removed at exit.
 */
void candidate_make_files(void);

/** A command line with nothing left to fill in. */
struct command {
    const char *arguments[2 * CANDIDATE_ARGUMENTS + 1];
    char number[16];
    char admin[32];
    uint16_t admin_port; /**< what "%a" became; 0: there was none */
};

/**
 * Fill a candidate in for so many sessions.
 *
 * @param more     further arguments, ended by NULL; may itself be NULL
 * @param command  where `arguments` comes out; stays where it is as long as it is used
 */
void candidate_command(const struct candidate *candidate, unsigned sessions,
                       const char *const more[], struct command *command);

/** Whether it can be started. Starts it once; a sentence in why if not. */
bool candidate_is_there(const struct candidate *candidate, const char *const more[], char *why,
                        size_t size);

#endif /* BENCH_CANDIDATES_H */
