/* SPDX-License-Identifier: MIT */
/*
 * Command lines from a table: see option.h.
 *
 * getopt_long() takes the line apart; its tables are made from the rows. All sentences are ours, so
 * that both programs word a mistake alike. set() is the one place where a text becomes a value, and
 * knows nothing of command lines: defaults go through it, and an environment or a file could.
 */
#include "common/option.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"
#include "common/parse.h"
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LETTERS = 256,    /* getopt_long() returns a letter, or LETTERS and the number of the row */
    HELP_COLUMN = 29, /* of --help: where texts begin */
    HELP_WIDTH = 80,
};

static bool is_end(const struct option_row *row)
{
    return row->name == NULL && row->help == NULL;
}

/* Find a row by its name or its letter. There must be one. */
static const struct option_row *find(const struct option_row *rows, const char *name, int letter)
{
    const struct option_row *row = rows;

    while (name != NULL ? row->name == NULL || strcmp(row->name, name) != 0
                        : row->letter != letter) {
        MUST(is_end(row));
        row++;
    }
    return row;
}

/* --- values -------------------------------------------------------------------------------- */

/* Write a bound as a user would: 4096, 16M, 1h. */
static void write_bound(enum option_kind kind, uint64_t bound, char text[static 32])
{
    static const struct unit {
        const char *word;
        uint64_t is;
    } numbers[] = {{"", 1}}, sizes[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}},
      times[] = {{"h", HOUR_NS},           {"m", 60 * SECOND_NS},       {"s", SECOND_NS},
                 {"ms", SECOND_NS / 1000}, {"us", SECOND_NS / 1000000}, {"ns", 1}};
    const struct unit *unit = kind == OPTION_KIND_TIME   ? times
                              : kind == OPTION_KIND_SIZE ? sizes
                                                         : numbers;

    while (bound % unit->is != 0)
        unit++;
    snprintf(text, 32, "%" PRIu64 "%s", bound / unit->is, bound == 0 ? "" : unit->word);
}

const char *option_range(const struct option_row *row, char text[static OPTION_RANGE_MAX])
{
    char least[32], most[32];
    size_t length = 0;

    text[0] = '\0';
    if (row->kind == OPTION_KIND_OTHER)
        return row->range;
    if (row->most > 0) {
        write_bound(row->kind, row->least, least);
        write_bound(row->kind, row->most, most);
        length = (size_t)snprintf(text, OPTION_RANGE_MAX, "%s to %s", least, most);
    }
    for (int i = 0; row->words != NULL && row->words[i] != NULL; i++) {
        length += (size_t)snprintf(text + length, OPTION_RANGE_MAX - length, "%s%s",
                                   length == 0                 ? ""
                                   : row->words[i + 1] == NULL ? " or "
                                                               : ", ",
                                   row->words[i]);
        MUST(length >= OPTION_RANGE_MAX);
    }
    return text;
}

/* Store a number in a member of that many bytes. */
static void store(void *member, size_t size, uint64_t number)
{
    switch (size) {
    case sizeof(uint8_t): *(uint8_t *)member = (uint8_t)number; break;
    case sizeof(uint16_t): *(uint16_t *)member = (uint16_t)number; break;
    case sizeof(uint32_t): *(uint32_t *)member = (uint32_t)number; break;
    default: *(uint64_t *)member = number; break;
    }
}

/* Read a value into its member. @return false: it is not in the row's range */
static bool set(const struct option_row *row, const char *value, void *options)
{
    void *member = (char *)options + row->at;
    int word = row->words != NULL ? parse_word(value, row->words) : -1;
    uint64_t number = (uint64_t)word;
    int64_t time_ns;

    switch (row->kind) {
    case OPTION_KIND_FLAG: *(bool *)member = true; return true;
    case OPTION_KIND_TEXT:
    case OPTION_KIND_FILE: *(const char **)member = value; return value[0] != '\0';
    case OPTION_KIND_OTHER: return row->read(value, member);
    case OPTION_KIND_TIME:
        if (!parse_duration(value, (int64_t)row->most, &time_ns) || time_ns < (int64_t)row->least)
            return false;
        *(int64_t *)member = time_ns;
        return true;
    case OPTION_KIND_SIZE:
        if (!parse_size(value, row->least, row->most, &number))
            return false;
        break;
    default:
        if (word < 0 && !parse_number(value, row->least, row->most, &number))
            return false;
    }
    store(member, row->size, number);
    return true;
}

/* --- sentences ----------------------------------------------------------------------------- */

/* Print a text from HELP_COLUMN on, in lines of HELP_WIDTH. @param column  of the cursor */
static void print_text(int column, const char *text)
{
    bool first = true;

    column += printf("%*s", column + 2 < HELP_COLUMN ? HELP_COLUMN - column : 2, "");
    for (; *text != '\0'; first = false) {
        int length = (int)strcspn(text, " ");

        if (!first && column + 1 + length > HELP_WIDTH)
            column = printf("\n%*s", HELP_COLUMN, "") - 1;
        else if (!first)
            column += printf(" ");
        column += printf("%.*s", length, text);
        text += length;
        text += strspn(text, " ");
    }
    printf("\n");
}

static void print_row(const struct option_row *row)
{
    char range[OPTION_RANGE_MAX], text[3 * OPTION_RANGE_MAX];
    const char *allowed = option_range(row, range);
    const char *initial = row->initial != NULL ? row->initial : "";
    const char *otherwise = row->otherwise != NULL ? row->otherwise : "";
    bool none = initial[0] == '\0' && otherwise[0] == '\0';
    int column = row->letter != 0 ? printf("  -%c, --%s", row->letter, row->name)
                                  : printf("      --%s", row->name);

    if (row->argument != NULL)
        column += printf(" %s", row->argument);
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s%s", row->help,
             allowed[0] == '\0' ? ""
             : row->most > 0    ? " ("
                                : ": ",
             allowed, row->most > 0 ? ")" : "", none ? "" : " [", initial,
             initial[0] != '\0' && otherwise[0] != '\0' ? "; " : "", otherwise, none ? "" : "]");
    print_text(column, text);
}

static _Noreturn void print_and_exit(const struct option_command *command, bool help)
{
    if (!help)
        printf("%.*s (echopool) %s\n", (int)strcspn(command->name, " "), command->name,
               PACKAGE_VERSION);
    for (const struct option_row *row = command->rows; help && !is_end(row); row++) {
        if (row == command->rows)
            printf("%s\n", command->usage);
        if (row->name != NULL)
            print_row(row);
        else
            printf("%s%s\n", row == command->rows ? "" : "\n", row->help);
    }
    if (help && command->closing != NULL)
        printf("\n%s", command->closing);
    if (fflush(stdout) != 0 || ferror(stdout))
        log_fatal("cannot write to standard output: %m");
    exit(EXIT_OK);
}

/* End the program because of an option that getopt_long() did not take. @param code  its result */
static _Noreturn void refuse(const struct option_command *command, int code, const char *argument)
{
    if (code == ':')
        log_usage("option '%s' needs a value; try '%s --help'", argument, command->name);
    if (optopt >= LETTERS)
        log_usage("option '%s' takes no value; try '%s --help'", argument, command->name);
    if (optopt > 0)
        log_usage("unknown option '-%c'; try '%s --help'", optopt, command->name);
    log_usage("unknown option '%.*s'; try '%s --help'", (int)strcspn(argument, "="), argument,
              command->name);
}

/* --- the line ------------------------------------------------------------------------------ */

/* Take an option from the command line, with its value. */
static void take(const struct option_row *row, const char *value, void *options)
{
    static const char *const kinds[] = {[OPTION_KIND_TEXT] = "a value",
                                        [OPTION_KIND_FILE] = "the name of a file",
                                        [OPTION_KIND_NUMBER] = "a number from ",
                                        [OPTION_KIND_SIZE] = "a size from ",
                                        [OPTION_KIND_TIME] = "a time with a unit, from ",
                                        [OPTION_KIND_WORD] = "",
                                        [OPTION_KIND_OTHER] = ""};
    char range[OPTION_RANGE_MAX];

    if (!set(row, value, options))
        log_usage("--%s %s is not %s%s", row->name, value[0] == '\0' ? "''" : value,
                  kinds[row->kind], option_range(row, range));
}

bool option_given(const struct option_line *line, const char *name)
{
    return line->given[find(line->rows, name, 0) - line->rows] != NULL;
}

/* Refuse options without those that they need, and options that contradict each other. */
static void check_together(const struct option_command *command, const struct option_line *line)
{
    for (const struct option_row *row = line->rows; !is_end(row); row++) {
        const char *one = row->needs[0], *other = row->needs[1];

        if (line->given[row - line->rows] == NULL || one == NULL || option_given(line, one) ||
            (other != NULL && option_given(line, other)))
            continue;
        log_usage("--%s needs --%s%s%s; try '%s --help'", row->name, one,
                  other != NULL ? " or --" : "", other != NULL ? other : "", command->name);
    }
    for (const struct option_conflict *pair = command->conflicts; pair != NULL && pair->one != NULL;
         pair++)
        if (option_given(line, pair->one) && option_given(line, pair->other))
            log_usage("--%s and --%s exclude each other%s%s", pair->one, pair->other,
                      pair->why != NULL ? ": " : "", pair->why != NULL ? pair->why : "");
}

/* Make getopt_long()'s two tables from the rows, and fill in the defaults. */
static void prepare(const struct option_row *rows, void *options, struct option *names,
                    char *letters)
{
    *letters++ = ':'; /* tell a missing value from an unknown option */
    for (const struct option_row *row = rows; !is_end(row); row++) {
        MUST(row - rows >= OPTION_ROWS_MAX);
        if (row->name != NULL)
            *names++ = (struct option){.name = row->name,
                                       .has_arg = row->argument != NULL,
                                       .val = LETTERS + (int)(row - rows)};
        if (row->letter != 0)
            *letters++ = row->letter;
        if (row->letter != 0 && row->argument != NULL)
            *letters++ = ':';
        if (row->initial != NULL)
            MUST(!set(row, row->initial, options));
    }
}

void option_read(const struct option_command *command, int argc, char *argv[], void *options,
                 struct option_line *line)
{
    const struct option_row *rows = command->rows, *row;
    struct option names[OPTION_ROWS_MAX + 1] = {{0}};
    char letters[2 * OPTION_ROWS_MAX + 2] = "";
    int code;

    *line = (struct option_line){.rows = rows};
    prepare(rows, options, names, letters);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0 ||
            strcmp(argv[i], "--version") == 0)
            print_and_exit(command, argv[i][2] != 'v');

    opterr = 0; /* no sentences from getopt_long() */
    optind = 0; /* begin at the front, also the second time */
    while ((code = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        if (code == '?' || code == ':')
            refuse(command, code, argv[optind - 1]);
        row = code >= LETTERS ? &rows[code - LETTERS] : find(rows, NULL, code);
        if (row->kind == OPTION_KIND_HELP || row->kind == OPTION_KIND_VERSION)
            print_and_exit(command, row->kind == OPTION_KIND_HELP); /* abbreviated */
        line->given[row - rows] = optarg != NULL ? optarg : "";
        take(row, line->given[row - rows], options);
    }
    if (optind < argc && command->operand == NULL)
        log_usage("unexpected argument '%s'; try '%s --help'", argv[optind], command->name);
    line->operands = optind;
    check_together(command, line);
}
