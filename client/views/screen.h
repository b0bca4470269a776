/* SPDX-License-Identifier: MIT */
/**
 * @file screen.h
 * What a terminal is like: its size, its patience, and what the person before it wishes.
 */
#ifndef CLIENT_VIEWS_SCREEN_H
#define CLIENT_VIEWS_SCREEN_H

#include <stdbool.h>

struct screen {
    unsigned columns; /**< at least 1 */
    unsigned rows;    /**< at least 1 */
};

/** Its size now; 80 x 24 where it does not say. */
struct screen screen_size(int fd);

/** Whether something can be written at once: not to a terminal that somebody has stopped by ^S. */
bool screen_is_ready(int fd);

/** TERM is "dumb", or there is none: no cursor can be moved. */
bool screen_is_dumb(void);

/** Not if NO_COLOR is set, to anything but an empty text (https://no-color.org). */
bool screen_wants_colours(void);

/** The locale is one of UTF-8, so that there are more characters than ASCII has. */
bool screen_is_utf8(void);

#endif /* CLIENT_VIEWS_SCREEN_H */
