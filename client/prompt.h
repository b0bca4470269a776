/* SPDX-License-Identifier: MIT */
/**
 * @file prompt.h
 * The conversation with one server: a line in, its reply out, until end of file.
 */
#ifndef CLIENT_PROMPT_H
#define CLIENT_PROMPT_H

#include "client/session/session.h"
#include "common/transform.h"

#include <stdbool.h>

/** How it went, for the program's exit status. */
enum prompt_end {
    PROMPT_OK,
    PROMPT_FAILED, /**< the reason is on standard error, unless standard output was closed */
    PROMPT_WRONG,  /**< at least one reply had wrong bytes; each was shown */
};

/**
 * Connect, and go on until standard input ends or the session does.
 *
 * White space around a line is cut off and empty lines are skipped, as in the seed's client; the
 * rest is sent without a newline.
 *
 * @param plan       address and timeout_ns are set; messages, measure and shown are not used
 * @param transform  what the server should do to the bytes
 * @param quiet      no prompt, no replies; only errors
 */
enum prompt_end prompt_run(const struct session_plan *plan, enum transform transform, bool quiet);

#endif /* CLIENT_PROMPT_H */
