/* SPDX-License-Identifier: MIT */
/**
 * @file option.h
 * Read a command line, an environment and a file by a table that has one row for each option.
 *
 *     static const struct option_row rows[] = {
 *         {"workers", "N", "4", "threads of the pool", OPTION_NUMBER(workers, 1, 4096)},
 *         {"trace", "FILE", NULL, "write the life of each session", OPTION_FILE(trace)},
 *         {"quiet", NULL, NULL, "print errors only", OPTION_FLAG(quiet)},
 *         OPTION_HELP_AND_VERSION,
 *         OPTION_END,
 *     };
 *
 * A row is the only place that knows an option: its name, the word for its value, its default, its
 * range, and its text in --help. The parser, --help, the sentence about a wrong value and the
 * shell's completion are made from the rows, and a test compares the manual pages with them. A
 * default is written as a user would write it, and goes through the same code as a user's value.
 *
 * Values go into a `struct options`, which each program defines for itself. A row whose member has
 * the wrong type does not compile.
 */
#ifndef COMMON_OPTION_H
#define COMMON_OPTION_H

#include "common/option-row.h"
#include "common/option-source.h"

#include <stdbool.h>

/** Two options that must not be given together. */
struct option_conflict {
    const char *one, *other;
    const char *why; /**< NULL: it is plain */
};

/** A program, or one command of it. */
struct option_command {
    const char *name;    /**< as it is typed: "echo-client report" */
    const char *usage;   /**< --help before the options */
    const char *closing; /**< and after them */
    const char
        *operand; /**< the word for the files that follow the options; NULL: none may follow */
    const struct option_row *rows;
    const struct option_conflict *conflicts; /**< ended by NULL in `one`; NULL: none */
    const char *environment; /**< what the names of its variables begin with; with it the rows have
                                  OPTION_CONFIGURATION. NULL: neither variables nor a file */
};

/** The program itself, and then its commands, ended by NULL. Each program defines it. */
extern const struct option_command *const option_commands[];

/** What was given, on the command line and elsewhere. */
struct option_line {
    const struct option_row *rows;
    const struct option_value *given[OPTION_ROWS_MAX]; /**< by row: the last that counts; NULL: not
                                                            given, or a flag that is off */
    enum option_source source[OPTION_ROWS_MAX]; /**< by row: where the values that count are */
    struct option_values values;
    int operands; /**< argv from here on */
};

/**
 * Fill in the defaults, and read the command line and what counts less: the environment, and the file of
 * --config.
 *
 * Of two options that exclude each other and are given in different sources, the one in the source that
 * counts less is left out, as if the other replaced it.
 *
 * --help and --version print and exit with status 0, wherever they stand. A mistake is answered
 * with one line on standard error and exit status 2.
 *
 * @param options  the program's struct options
 */
void option_read(const struct option_command *command, int argc, char *argv[], void *options,
                 struct option_line *line);

/** Whether an option was given, in any source. It must be in the table. */
bool option_given(const struct option_line *line, const char *name);

/**
 * If --print-config was given, print each option as a line of a file for --config, with where it was
 * given, and exit with status 0. What was not given is a comment, as is a value that has blanks at an end,
 * a blank before #, or what may not be shown. To be called when all is checked.
 */
void option_print_config(const struct option_line *line);

#endif /* COMMON_OPTION_H */
