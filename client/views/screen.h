/* SPDX-License-Identifier: MIT */
/**
 * @file screen.h
 * What a terminal is like: its size, whether it can be written to, and what its user prefers.
 */
#ifndef CLIENT_VIEWS_SCREEN_H
#define CLIENT_VIEWS_SCREEN_H

#include <stdbool.h>

struct screen {
    unsigned columns; /**< at least 1 */
    unsigned rows;    /**< at least 1 */
};

/** @return its size now; 80 x 24 if it is not known */
struct screen screen_size(int fd);

/** @return whether a write would not wait: false for a terminal that ^S has stopped */
bool screen_is_ready(int fd);

/** @return whether TERM is "dumb" or empty, so that the cursor cannot be moved */
bool screen_is_dumb(void);

/** @return false if NO_COLOR is set and not empty (https://no-color.org) */
bool screen_wants_colours(void);

/** @return whether the locale has UTF-8, and so more characters than ASCII */
bool screen_is_utf8(void);

#endif /* CLIENT_VIEWS_SCREEN_H */
