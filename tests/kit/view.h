/* SPDX-License-Identifier: MIT */
/**
 * @file view.h
 * What the tests of views share: sessions by hand, files in memory, standard streams caught, and a
 * terminal that remembers what it was shown.
 *
 * Everything here fails the running Check test where it cannot do its work.
 */
#ifndef TESTS_KIT_VIEW_H
#define TESTS_KIT_VIEW_H

#include "client/views/view.h"

#include <stdbool.h>
#include <stddef.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

/** Where the runs of these tests begin, by the clock of records. */
#define ORIGIN (INT64_C(7) * SECOND)

/** A session with times in milliseconds from the origin; below 0: it did not come so far. */
struct session_record kit_session(unsigned session, enum session_state state, double begun,
                                  double connected, double first_byte, double ended,
                                  const char *reason);

/** A load of `sessions` sessions, at a time from the origin, with an open barrier. */
struct progress kit_progress(unsigned sessions, int64_t at_ns);

/** A file in memory. */
struct kit_file {
    int fd;
    char path[32]; /**< to be opened by */
};

struct kit_file kit_file(void);

/** All that is in it now, ended by zero. */
char *kit_file_text(const struct kit_file *file);

/** From now on a standard stream goes into a file. */
struct kit_file kit_catch(int standard_fd);

/* --- a terminal ---------------------------------------------------------------------------- */

enum { KIT_COLUMNS = 220, KIT_ROWS = 60 };

struct kit_terminal {
    int master;
    int slave;
    unsigned columns;
    unsigned rows;

    /* what it has received */
    char cells[KIT_ROWS][KIT_COLUMNS + 1]; /**< '?' for what is not ASCII */
    unsigned column;
    unsigned row;
    bool alternate; /**< the other screen is shown */
    bool cursor_hidden;
    unsigned pictures; /**< whole ones; each ends by clearing the rest of the screen */
    unsigned taken;    /**< how often the other screen was asked for */
    unsigned escapes;  /**< escape sequences of any kind */
    unsigned styles;   /**< of those, of colours and the like */
    unsigned others;   /**< characters that are not ASCII */
    unsigned too_wide; /**< characters put into the last column or beyond */
    unsigned scrolled;
    size_t bytes;
};

/** A pseudo-terminal, on standard error from now on. */
struct kit_terminal *kit_terminal_new(unsigned columns, unsigned rows);
void kit_terminal_free(struct kit_terminal *terminal);
void kit_terminal_resize(struct kit_terminal *terminal, unsigned columns, unsigned rows);

/** Take in all that has been written to it until now. */
void kit_terminal_read(struct kit_terminal *terminal);

/** Wait until the program that draws has sent this many whole pictures in all. */
void kit_terminal_await(struct kit_terminal *terminal, unsigned pictures);

/** Whether one of its lines has this text. */
bool kit_terminal_shows(const struct kit_terminal *terminal, const char *text);

#endif /* TESTS_KIT_VIEW_H */
