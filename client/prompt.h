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

/** How it went, as the program's exit status has it. */
enum prompt_end {
    PROMPT_OK,
    PROMPT_FAILED, /**< which has been said on standard error, unless nobody reads the replies */
    PROMPT_WRONG,  /**< at least one reply had wrong bytes; each was shown */
};

/**
 * Connect, and go on until standard input ends or the session does.
 *
 * White space around a line is cut off, and what is then empty is skipped, as the seed's client
 * does; the rest is sent without a newline.
 *
 * @param plan       address and timeout_ns are set; messages, measure and shown are not used
 * @param transform  what the server is expected to do
 * @param quiet      no prompt, no replies; only errors
 */
enum prompt_end prompt_run(const struct session_plan *plan, enum transform transform, bool quiet);

#endif /* CLIENT_PROMPT_H */
