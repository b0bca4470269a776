/* SPDX-License-Identifier: MIT */
/*
 * Command lines from a table: see option.h.
 *
 * getopt_long() takes the line apart; its tables are made from the rows. All sentences are ours, so
 * that both programs word a mistake alike. Values are collected from all sources first (option-source.c),
 * and then stored from the source that counts least to the one that counts most (option-row.c), so that
 * each is checked.
 */
#include "common/option.h"

#include "common/log.h"
#include "common/must.h"
#include "common/printable.h"
#include "common/translate.h"
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
    LETTERS = 256,    /* getopt_long() returns a letter, or LETTERS and the number of the row */
    HELP_COLUMN = 29, /* of --help: where texts begin */
    HELP_WIDTH = 80,
    WHERE_COLUMN = 40, /* of --print-config: where comments begin */
};

/* --- sentences ----------------------------------------------------------------------------- */

/* Measure the character at a text, in bytes. @return its columns */
static int measure(const char *text, size_t *bytes)
{
    mbstate_t state = {0};
    wchar_t character;
    int columns;

    *bytes = mbrtowc(&character, text, strlen(text), &state);
    columns = *bytes <= strlen(text) ? wcwidth(character) : 1;
    if (*bytes > strlen(text) || *bytes == 0)
        *bytes = 1;
    return columns >= 0 ? columns : 1;
}

/*
 * Measure what a line may not be broken in: a word, or a Chinese character, with the punctuation that
 * belongs to it. @return its columns
 */
static int measure_piece(const char *text, size_t *length)
{
    static const char opening[] = "([（《“", closing[] = ")].,;:，。、；：？！）》”";
    bool in_word = false, may_end = false;
    int columns = 0, width;
    size_t bytes;

    for (*length = 0; text[*length] != '\0' && text[*length] != ' '; *length += bytes) {
        char character[8];

        width = measure(text + *length, &bytes);
        snprintf(character, sizeof character, "%.*s", (int)bytes, text + *length);
        if (!(in_word && width < 2)) {
            bool closes = strstr(closing, character) != NULL;
            if (may_end && !closes)
                break;
            in_word = width < 2 && !closes;
        }
        may_end = strstr(opening, character) == NULL;
        columns += width;
    }
    return columns;
}

/* Print a text from HELP_COLUMN on, in lines of HELP_WIDTH. @param column  of the cursor */
static void print_text(int column, const char *text)
{
    locale_t before = translate_enter();
    size_t length, blanks = 0;
    bool first = true;

    column += printf("%*s", column + 2 < HELP_COLUMN ? HELP_COLUMN - column : 2, "");
    for (; *text != '\0'; first = false) {
        int columns = measure_piece(text, &length);

        if (!first && column + (int)blanks + columns > HELP_WIDTH)
            column = printf("\n%*s", HELP_COLUMN, "") - 1;
        else if (!first)
            column += printf("%*s", (int)blanks, "");
        printf("%.*s", (int)length, text);
        column += columns;
        text += length;
        blanks = *text == ' ';
        text += strspn(text, " ");
    }
    printf("\n");
    translate_leave(before);
}

static void print_row(const struct option_row *row)
{
    char range[OPTION_RANGE_MAX], text[3 * OPTION_RANGE_MAX];
    const char *allowed = option_range(row, range);
    const char *initial = row->initial != NULL ? row->initial : "";
    const char *otherwise = row->otherwise != NULL ? translate(row->otherwise) : "";
    bool none = initial[0] == '\0' && otherwise[0] == '\0';
    int column = row->letter != 0 ? printf("  -%c, --%s", row->letter, row->name)
                                  : printf("      --%s", row->name);

    if (row->argument != NULL)
        column += printf(" %s", row->argument);
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s%s", translate(row->help),
             allowed[0] == '\0' ? ""
             : row->most > 0    ? " ("
                                : _(": "),
             allowed, row->most > 0 ? ")" : "", none ? "" : " [", initial,
             initial[0] != '\0' && otherwise[0] != '\0' ? "; " : "", otherwise, none ? "" : "]");
    print_text(column, text);
}

static _Noreturn void end_printing(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        log_fatal("cannot write to standard output: %m");
    exit(EXIT_OK);
}

static _Noreturn void print_and_exit(const struct option_command *command, bool help)
{
    if (!help)
        printf("%.*s (echopool) %s\n", (int)strcspn(command->name, " "), command->name,
               PACKAGE_VERSION);
    for (const struct option_row *row = command->rows; help && !option_row_is_end(row); row++) {
        if (row == command->rows)
            printf("%s\n", translate(command->usage));
        if (row->name != NULL)
            print_row(row);
        else
            printf("%s%s\n", row == command->rows ? "" : "\n", translate(row->help));
    }
    if (help && command->closing != NULL)
        printf("\n%s", translate(command->closing));
    end_printing();
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

/* Print a text within a line, with ? for each byte that may not be shown. @return its length */
static int print_shown(const char *given)
{
    size_t length = strlen(given);
    char *text = malloc(length + 1);

    if (text == NULL)
        log_fatal("cannot print the options: %m");
    length = fwrite(text, 1, printable_text(text, length + 1, given, length, '?'), stdout);
    free(text);
    return (int)length;
}

/* Print a line of the configuration: a value, and where it was given. It is a comment if it would give another. */
static void print_value(const struct option_values *values, const struct option_value *value)
{
    const char *mark = option_source_line_mark(value);
    char where[OPTION_WHERE_MAX];
    int column =
        printf("%s%s%s", mark == NULL ? "#" : "", value->row->name, mark == NULL ? " " : mark);

    column += print_shown(value->text);
    printf("%*s # ", column < WHERE_COLUMN ? WHERE_COLUMN - column : 0, "");
    print_shown(option_source_where(values, value, where));
    printf("%s\n", mark == NULL ? "; as a line it would be another value" : "");
}

/* Print the line of an option that was not given, as a comment. */
static void print_default(const struct option_row *row)
{
    const char *initial = row->initial != NULL ? row->initial : row->argument;
    bool has_default = row->initial != NULL || row->otherwise != NULL;
    int column =
        printf("#%s%s%s", row->name, initial != NULL ? " " : "", initial != NULL ? initial : "");

    printf("%*s # %s%s%s\n", column < WHERE_COLUMN ? WHERE_COLUMN - column : 0, "",
           has_default ? "default" : "not given",
           row->otherwise == NULL ? ""
           : row->initial != NULL ? "; "
                                  : ": ",
           row->otherwise != NULL ? row->otherwise : "");
}

static void print_option(const struct option_line *line, const struct option_row *row)
{
    const struct option_value *given = line->given[row - line->rows];

    if (given == NULL)
        print_default(row);
    for (unsigned i = 0; given != NULL && i < line->values.count; i++) {
        const struct option_value *value = &line->values.at[i];
        if (value == given || (row->repeats && value->row == row && value->source == given->source))
            print_value(&line->values, value);
    }
}

void option_print_config(const struct option_line *line)
{
    if (!option_given(line, "print-config"))
        return;
    for (const struct option_row *row = line->rows; !option_row_is_end(row); row++) {
        if (row->name == NULL)
            printf("%s# %s\n", row == line->rows ? "" : "\n", row->help);
        else if (row->kind < OPTION_KIND_PRINT && strcmp(row->name, "config") != 0)
            print_option(line, row);
    }
    end_printing();
}

/* --- the sources --------------------------------------------------------------------------- */

/* Find a row by its letter. There must be one. */
static const struct option_row *find_letter(const struct option_row *rows, int letter)
{
    for (; rows->letter != letter; rows++)
        MUST(option_row_is_end(rows));
    return rows;
}

/* Find the place of an option in the table. It must be there. */
static size_t place(const struct option_line *line, const char *name)
{
    const struct option_row *row = option_row_find(line->rows, name);

    MUST(row == NULL);
    return (size_t)(row - line->rows);
}

bool option_given(const struct option_line *line, const char *name)
{
    return line->given[place(line, name)] != NULL;
}

/* Make getopt_long()'s two tables from the rows. */
static void prepare(const struct option_row *rows, struct option *names, char *letters)
{
    *letters++ = ':'; /* tell a missing value from an unknown option */
    for (const struct option_row *row = rows; !option_row_is_end(row); row++) {
        MUST(row - rows >= OPTION_ROWS_MAX);
        if (row->name != NULL)
            *names++ = (struct option){.name = row->name,
                                       .has_arg = row->argument != NULL,
                                       .val = LETTERS + (int)(row - rows)};
        if (row->letter != 0)
            *letters++ = row->letter;
        if (row->letter != 0 && row->argument != NULL)
            *letters++ = ':';
    }
}

/* Add what is on the command line. */
static void read_arguments(const struct option_command *command, int argc, char *argv[],
                           struct option_line *line)
{
    struct option names[OPTION_ROWS_MAX + 1] = {{0}};
    char letters[2 * OPTION_ROWS_MAX + 2] = "";
    int code;

    prepare(line->rows, names, letters);
    opterr = 0; /* no sentences from getopt_long() */
    optind = 0; /* begin at the front, also the second time */
    while ((code = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        struct option_value value = {.text = optarg != NULL ? optarg : "", .source = SOURCE_LINE};
        if (code == '?' || code == ':')
            refuse(command, code, argv[optind - 1]);
        value.row = code >= LETTERS ? &line->rows[code - LETTERS] : find_letter(line->rows, code);
        if (value.row->kind == OPTION_KIND_HELP || value.row->kind == OPTION_KIND_VERSION)
            print_and_exit(command, value.row->kind == OPTION_KIND_HELP); /* abbreviated */
        option_source_add(&line->values, &value);
    }
    if (optind < argc && command->operand == NULL)
        log_usage("unexpected argument '%s'; try '%s --help'", argv[optind], command->name);
    line->operands = optind;
}

/* Choose the source of each option: where it was given, and that counts most. */
static void choose_sources(struct option_line *line)
{
    const struct option_value *values = line->values.at;

    for (unsigned i = 0; i < line->values.count; i++) {
        size_t row = (size_t)(values[i].row - line->rows);
        if (values[i].source < line->source[row])
            continue;
        line->source[row] = values[i].source;
        line->given[row] = option_row_is_off(values[i].row, values[i].text) ? NULL : &values[i];
    }
}

/* Leave out options that exclude another in a source that counts more. */
static void leave_out(const struct option_command *command, struct option_line *line)
{
    for (const struct option_conflict *pair = command->conflicts; pair != NULL && pair->one != NULL;
         pair++) {
        size_t one = place(line, pair->one), other = place(line, pair->other);
        size_t weaker = line->source[one] < line->source[other] ? one : other;
        if (line->given[one] == NULL || line->given[other] == NULL ||
            line->source[one] == line->source[other])
            continue;
        line->given[weaker] = NULL;
        line->source[weaker] = SOURCE_DEFAULT;
    }
}

/* --- storing ------------------------------------------------------------------------------- */

/* Store a value. */
static void take(const struct option_values *values, const struct option_value *value,
                 void *options)
{
    static const char *const kinds[] = {[OPTION_KIND_FLAG] = N_("yes or no"),
                                        [OPTION_KIND_TEXT] = N_("a value"),
                                        [OPTION_KIND_FILE] = N_("the name of a file"),
                                        [OPTION_KIND_NUMBER] = N_("a number from "),
                                        [OPTION_KIND_SIZE] = N_("a size from "),
                                        [OPTION_KIND_TIME] = N_("a time with a unit, from "),
                                        [OPTION_KIND_WORD] = "",
                                        [OPTION_KIND_OTHER] = ""};
    char range[OPTION_RANGE_MAX], name[OPTION_WHERE_MAX];
    const struct option_row *row = value->row;

    if (!option_row_set(row, value->text, options))
        log_usage("%s %s is not %s%s", option_source_name(values, value, name),
                  value->text[0] == '\0' ? "''" : value->text, translate(kinds[row->kind]),
                  option_range(row, range));
}

/* Store the defaults, and then the values, those that count least first. */
static void store(const struct option_line *line, void *options)
{
    for (const struct option_row *row = line->rows; !option_row_is_end(row); row++)
        if (row->initial != NULL)
            MUST(!option_row_set(row, row->initial, options));
    for (enum option_source source = SOURCE_FILE; source <= SOURCE_LINE; source++)
        for (unsigned i = 0; i < line->values.count; i++) {
            const struct option_value *value = &line->values.at[i];
            enum option_source chosen = line->source[value->row - line->rows];
            /* What is left out, and what another source adds up, is not stored. */
            if (value->source == source && source <= chosen &&
                (source == chosen || !value->row->repeats))
                take(&line->values, value, options);
        }
}

/* Refuse options without those that they need, and options that contradict each other. */
static void check_together(const struct option_command *command, const struct option_line *line)
{
    char name[OPTION_WHERE_MAX];

    for (const struct option_row *row = line->rows; !option_row_is_end(row); row++) {
        const struct option_value *given = line->given[row - line->rows];
        const char *one = row->needs[0], *other = row->needs[1];

        if (given == NULL || one == NULL || option_given(line, one) ||
            (other != NULL && option_given(line, other)))
            continue;
        log_usage("%s needs --%s%s%s; try '%s --help'",
                  option_source_name(&line->values, given, name), one,
                  other != NULL ? _(" or --") : "", other != NULL ? other : "", command->name);
    }
    for (const struct option_conflict *pair = command->conflicts; pair != NULL && pair->one != NULL;
         pair++)
        if (option_given(line, pair->one) && option_given(line, pair->other))
            log_usage("%s and --%s exclude each other%s%s",
                      option_source_name(&line->values, line->given[place(line, pair->one)], name),
                      pair->other, pair->why != NULL ? _(": ") : "",
                      pair->why != NULL ? translate(pair->why) : "");
}

/* Add what is in the environment, and in the file that it or the command line names. */
static void read_others(const struct option_row *rows, struct option_values *values)
{
    enum option_source source = SOURCE_DEFAULT;

    option_source_read_environment(rows, values);
    for (unsigned i = 0; i < values->count; i++)
        if (strcmp(values->at[i].row->name, "config") == 0 && values->at[i].source >= source) {
            values->file = values->at[i].text;
            source = values->at[i].source;
        }
    if (values->file != NULL)
        option_source_read_file(rows, values);
}

void option_read(const struct option_command *command, int argc, char *argv[], void *options,
                 struct option_line *line)
{
    *line = (struct option_line){
        .rows = command->rows,
        .values = {.program = command->name, .prefix = command->environment},
    };
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0 ||
            strcmp(argv[i], "--version") == 0)
            print_and_exit(command, argv[i][2] != 'v');
    read_arguments(command, argc, argv, line);
    if (command->environment != NULL)
        read_others(command->rows, &line->values);
    choose_sources(line);
    leave_out(command, line);
    store(line, options);
    check_together(command, line);
}
