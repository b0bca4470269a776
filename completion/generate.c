/* SPDX-License-Identifier: MIT */
/*
 * Write a program's table of options in another form. This file is linked once with the server's
 * table and once with the client's.
 *
 *     completion/echo-server bash     the completion for bash: completion/echo-server.bash
 *     completion/echo-server table    for tests, a line for each option, its fields between tabs:
 *                                     command, option, argument, default, range, words
 *     completion/echo-server texts    for po/extract, what --help and complaints say, as C
 */
#include "common/option.h"

#include <stdio.h>
#include <string.h>

#define FOR_EACH_OPTION(row, command)                                                              \
    for (const struct option_row *row = (command)->rows; row->name != NULL || row->help != NULL;   \
         row++)                                                                                    \
        if (row->name != NULL)

static void write_words(const char *const *words)
{
    for (const char *const *word = words; word != NULL && *word != NULL; word++)
        printf("%s%s", word == words ? "" : " ", *word);
}

static void write_table(const struct option_command *command)
{
    char range[OPTION_RANGE_MAX];

    FOR_EACH_OPTION (row, command) {
        printf("%s\t--%s\t%s\t%s\t%s\t", command->name, row->name,
               row->argument != NULL ? row->argument : "", row->initial != NULL ? row->initial : "",
               option_range(row, range));
        write_words(row->words);
        printf("\n");
    }
}

/* Return "report", or "" for the program itself. */
static const char *subcommand(const struct option_command *command)
{
    const char *blank = strchr(command->name, ' ');

    return blank != NULL ? blank + 1 : "";
}

/* Write a pattern for the options that take files, or for those with values only a user knows. */
static void write_values(const struct option_command *command, bool files)
{
    const char *key = subcommand(command), *separator = "    ";

    FOR_EACH_OPTION (row, command) {
        if (row->argument == NULL || row->words != NULL || (row->kind == OPTION_KIND_FILE) != files)
            continue;
        printf("%s%s/--%s", separator, key, row->name);
        separator = " | ";
        if (row->letter != 0)
            printf(" | %s/-%c", key, row->letter);
    }
    if (separator[1] == '|')
        printf(")%s ;;\n", files ? " files=yes" : "");
}

/* Write what may follow each option of a command, and what else may stand on its line. */
static void write_command(const struct option_command *command)
{
    const char *key = subcommand(command);

    FOR_EACH_OPTION (row, command) {
        if (row->words == NULL)
            continue;
        printf("    %s/--%s) words='", key, row->name);
        write_words(row->words);
        printf("' ;;\n");
    }
    write_values(command, true);
    write_values(command, false);
    printf("    %s/*) words='", key);
    FOR_EACH_OPTION (row, command)
        printf("--%s ", row->name);
    printf("'%s ;;\n", command->operand != NULL ? " files=yes" : "");
}

static void write_bash(const char *program)
{
    const char *function = strchr(program, '-') + 1;

    printf("# Completion of %s in bash, made from its table of options: make completion.\n"
           "_echo_%s() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    local command='' words='' files=''\n\n"
           "    # bash takes --option=value for three words\n"
           "    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    [[ $word == = ]] && word=''\n",
           program, function);
    for (int i = 1; option_commands[i] != NULL; i++)
        printf("    ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} == %s ]] && command=%s\n",
               subcommand(option_commands[i]), subcommand(option_commands[i]));
    printf("    case $command/$before in\n");
    for (int i = 0; option_commands[i] != NULL; i++)
        write_command(option_commands[i]);
    printf("    esac\n");
    for (int i = 1; option_commands[i] != NULL; i++)
        printf("    ((COMP_CWORD > 1)) || words+=%s\n", subcommand(option_commands[i]));
    printf("    mapfile -t COMPREPLY < <(\n"
           "        compgen -W \"$words\" -- \"$word\"\n"
           "        [[ -n $files ]] && compgen -f -- \"$word\"\n"
           "    )\n"
           "    [[ -z $files ]] || compopt -o filenames 2>/dev/null\n"
           "} && complete -F _echo_%s %s\n",
           function, program);
}

/* Write a text as a C program would say it. */
static void write_text(const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    printf("_(\"");
    for (; *text != '\0'; text++)
        if (*text == '\n')
            printf("\\n");
        else
            printf("%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    printf("\");\n");
}

static void write_texts(const struct option_command *command)
{
    write_text(command->usage);
    for (const struct option_row *row = command->rows; row->name != NULL || row->help != NULL;
         row++) {
        write_text(row->help);
        write_text(row->range);
        write_text(row->otherwise);
    }
    write_text(command->closing);
    for (const struct option_conflict *pair = command->conflicts; pair != NULL && pair->one != NULL;
         pair++)
        write_text(pair->why);
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "bash") == 0) {
        write_bash(option_commands[0]->name);
    } else if (argc == 2 && strcmp(argv[1], "table") == 0) {
        for (int i = 0; option_commands[i] != NULL; i++)
            write_table(option_commands[i]);
    } else if (argc == 2 && strcmp(argv[1], "texts") == 0) {
        for (int i = 0; option_commands[i] != NULL; i++)
            write_texts(option_commands[i]);
    } else {
        fprintf(stderr, "Usage: %s bash|table|texts\n", argv[0]);
        return 2;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
