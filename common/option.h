/* SPDX-License-Identifier: MIT */
/**
 * @file option.h
 * Read a command line by a table that has one row for each option.
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OPTION_ROWS_MAX = 64,   /**< of one table, with its headings */
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
#define OPTION_HELP_AND_VERSION                                                                    \
    {"help", NULL, NULL, "print this text and exit", .kind = OPTION_KIND_HELP, .letter = 'h'},     \
    {                                                                                              \
        "version", NULL, NULL, "print the version and exit", .kind = OPTION_KIND_VERSION           \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        .name = NULL                                                                               \
    }

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
};

/** The program itself, and then its commands, ended by NULL. Each program defines it. */
extern const struct option_command *const option_commands[];

/** What stood on a command line. */
struct option_line {
    const struct option_row *rows;
    const char
        *given[OPTION_ROWS_MAX]; /**< by row: its last value, "" for a flag; NULL: not given */
    int operands;                /**< argv from here on */
};

/**
 * Fill in the defaults and read the command line.
 *
 * --help and --version print and exit with status 0, wherever they stand. A mistake is answered
 * with one line on standard error and exit status 2.
 *
 * @param options  the program's struct options
 */
void option_read(const struct option_command *command, int argc, char *argv[], void *options,
                 struct option_line *line);

/** Whether an option stood on the command line. It must be in the table. */
bool option_given(const struct option_line *line, const char *name);

/**
 * Write what a value may be: "1 to 4096 or auto", "pause, reject or drop-oldest".
 *
 * @return text; "" for options that take no value, or any
 */
const char *option_range(const struct option_row *row, char text[static OPTION_RANGE_MAX]);

#endif /* COMMON_OPTION_H */
