/* SPDX-License-Identifier: MIT */
/**
 * @file option-row.h
 * One row of a table of options: what it says of an option, and how a text becomes its value. See
 * option.h for the table.
 */
#ifndef COMMON_OPTION_ROW_H
#define COMMON_OPTION_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OPTION_ROWS_MAX = 96,   /**< of one table, with its headings */
    OPTION_RANGE_MAX = 256, /**< bytes of a range in words */
};

/** What an option takes. */
enum option_kind {
    OPTION_KIND_FLAG,
    OPTION_KIND_TEXT,   /**< any text but an empty one */
    OPTION_KIND_FILE,   /**< the same, which completion takes for the name of a file */
    OPTION_KIND_NUMBER, /**< from least to most, or one of words, which is stored as its index */
    OPTION_KIND_SIZE,   /**< bytes, from least to most */
    OPTION_KIND_TIME,   /**< nanoseconds, from least to most */
    OPTION_KIND_WORD,   /**< one of words, stored as its index */
    OPTION_KIND_OTHER,  /**< what the row's read() takes */
    /* These print and exit, and are for the command line only. */
    OPTION_KIND_PRINT, /**< print the configuration */
    OPTION_KIND_HELP,
    OPTION_KIND_VERSION,
};

struct option_row {
    const char *name;     /**< without dashes; NULL: `help` is a heading of --help */
    const char *argument; /**< the word for its value; NULL: it takes none */
    const char *initial;  /**< the default; NULL: the member stays as it was, usually zero */
    const char *help;     /**< --help adds range and default */
    enum option_kind kind;
    char letter;           /**< the short option; 0: none */
    const char *otherwise; /**< for --help: a default that depends on other options */
    const char *needs[2];  /**< at least one of these options must be given, too */
    bool repeats;          /**< read() adds each value to those before */
    size_t at;             /**< the member's place in struct options */
    size_t size;           /**< of the member */
    uint64_t least, most;
    const char *const *words; /**< ended by NULL */
    const char *range;        /**< of OPTION_KIND_OTHER, in words, to follow "is not" */
    bool (*read)(const char *value, void *member); /**< @return false: it is not in the range */
};

/* Where a value goes, and a compile error if the member has none of these types. */
#define OPTION_MEMBER(member, ...)                                                                 \
    .at = offsetof(struct options, member),                                                        \
    .size = sizeof(((struct options *)0)->member) *                                                \
            _Generic(((struct options *)0)->member, __VA_ARGS__)

#define OPTION_FLAG(member) .kind = OPTION_KIND_FLAG, OPTION_MEMBER(member, bool : 1)
#define OPTION_TEXT(member) .kind = OPTION_KIND_TEXT, OPTION_MEMBER(member, const char * : 1)
#define OPTION_FILE(member) .kind = OPTION_KIND_FILE, OPTION_MEMBER(member, const char * : 1)
#define OPTION_NUMBER(member, from, to)                                                            \
    .kind = OPTION_KIND_NUMBER, .least = (from), .most = (to),                                     \
    OPTION_MEMBER(member, uint16_t : 1, uint32_t : 1, uint64_t : 1)
#define OPTION_SIZE(member, from, to)                                                              \
    .kind = OPTION_KIND_SIZE, .least = (from), .most = (to),                                       \
    OPTION_MEMBER(member, uint32_t : 1, uint64_t : 1)
#define OPTION_TIME(member, from, to)                                                              \
    .kind = OPTION_KIND_TIME, .least = (from), .most = (to), OPTION_MEMBER(member, int64_t : 1)
/** The member has the type of its enum, which is an int or an unsigned; or is a bool. */
#define OPTION_WORD(member, list)                                                                  \
    .kind = OPTION_KIND_WORD, .words = (list),                                                     \
    OPTION_MEMBER(member, bool : 1, int : 1, unsigned : 1)
/** The function knows the member's type. */
#define OPTION_OTHER(member, function, in_words)                                                   \
    OPTION_WHOLE(function, in_words), .at = offsetof(struct options, member)
/** As before, and the function gets the whole struct options. */
#define OPTION_WHOLE(function, in_words)                                                           \
    .kind = OPTION_KIND_OTHER, .read = (function), .range = (in_words)

#define OPTION_HEADING(text)                                                                       \
    {                                                                                              \
        .help = (text)                                                                             \
    }
/** Of a command with an environment. The struct options has a `const char *config`. */
#define OPTION_CONFIGURATION                                                                       \
    {"config", "FILE", NULL, "read options from this file, a line each, such as: port 8090",       \
     OPTION_FILE(config)},                                                                         \
    {                                                                                              \
        "print-config", NULL, NULL, "print the options in use and where each was given, and exit", \
            .kind = OPTION_KIND_PRINT                                                              \
    }
#define OPTION_HELP_AND_VERSION                                                                    \
    {"help", NULL, NULL, "print this text and exit", .kind = OPTION_KIND_HELP, .letter = 'h'},     \
    {                                                                                              \
        "version", NULL, NULL, "print the version and exit", .kind = OPTION_KIND_VERSION           \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/** Check for the end of a table. */
bool option_row_is_end(const struct option_row *row);

/** Find the row of an option. @return NULL: the table has none of that name */
const struct option_row *option_row_find(const struct option_row *rows, const char *name);

/**
 * Write what a value may be: "1 to 4096 or auto", "pause, reject or drop-oldest".
 *
 * @return text; "" for options that take no value, or any
 */
const char *option_range(const struct option_row *row, char text[static OPTION_RANGE_MAX]);

/**
 * Read a value into its member: a default, or one from any source. A flag may be "", for yes, or a word
 * for yes or no.
 *
 * @return false: it is not in the row's range
 */
bool option_row_set(const struct option_row *row, const char *value, void *options);

/** Check for a flag that is given a word for no: as if it were not given. */
bool option_row_is_off(const struct option_row *row, const char *value);

#endif /* COMMON_OPTION_ROW_H */
