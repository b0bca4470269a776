/* SPDX-License-Identifier: MIT */
/**
 * @file option-source.h
 * Values of options as they are given, with where each was given: on the command line, in the environment,
 * or in a file.
 *
 * The environment has a variable for each option: a prefix and the option's name in capitals, with _ for -.
 * A file has the names as they are, each with its value on a line:
 *
 *     # the pool
 *     workers 8
 *     queue = 32    # blanks, =, or both
 *     quiet
 *
 * A flag has no value, or a word for yes or no; in the environment it needs one. Whatever is in neither
 * table nor form is answered with one line on standard error and exit status 2.
 */
#ifndef COMMON_OPTION_SOURCE_H
#define COMMON_OPTION_SOURCE_H

#include "common/option-row.h"

enum {
    OPTION_VALUES_MAX = 256,       /**< of all sources together */
    OPTION_CONFIG_MAX = 64 * 1024, /**< bytes of a file */
    OPTION_WHERE_MAX = 512,
};

/** A later one counts more. */
enum option_source {
    SOURCE_DEFAULT,
    SOURCE_FILE,
    SOURCE_ENVIRONMENT,
    SOURCE_LINE, /**< the command line */
};

struct option_value {
    const struct option_row *row;
    const char *text; /**< "": a flag that is given without a word */
    enum option_source source;
    unsigned line; /**< in the file, from 1 */
};

struct option_values {
    const char *program; /**< whose --help may be tried */
    const char *prefix;  /**< of its variables */
    const char *file;    /**< NULL: none */
    struct option_value at[OPTION_VALUES_MAX];
    unsigned count;
};

/** Add a value. The text is kept. */
void option_source_add(struct option_values *values, const struct option_value *value);

/**
 * Add the values of all variables with the prefix. Kubernetes makes variables for each service, for
 * "echo-server" with the prefix of this program: those are left out.
 */
void option_source_read_environment(const struct option_row *rows, struct option_values *values);

/** Add the values in the file. One file at a time: the texts are valid until the next call. */
void option_source_read_file(const struct option_row *rows, struct option_values *values);

/**
 * Find what must stand between an option and its value in a line of a file, so that the line gives that value.
 *
 * @return  "" if nothing follows the option; NULL: no line that can be shown gives the value
 */
const char *option_source_line_mark(const struct option_value *value);

/** Write how an option was given, to begin a sentence: "--port", "ECHO_SERVER_PORT", "FILE:3: port". */
const char *option_source_name(const struct option_values *values, const struct option_value *value,
                               char text[static OPTION_WHERE_MAX]);

/** Write where: "command line", "ECHO_SERVER_PORT", "FILE:3". */
const char *option_source_where(const struct option_values *values,
                                const struct option_value *value,
                                char text[static OPTION_WHERE_MAX]);

#endif /* COMMON_OPTION_SOURCE_H */
