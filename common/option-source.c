/* SPDX-License-Identifier: MIT */
/* Where values of options are given: see option-source.h. */
#include "common/option-source.h"

#include "common/log.h"
#include "common/printable.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void option_source_add(struct option_values *values, const struct option_value *value)
{
    if (values->count == OPTION_VALUES_MAX)
        log_usage("more than %d options are given", (int)OPTION_VALUES_MAX);
    values->at[values->count++] = *value;
}

/* Write the name of an option's variable. */
static void write_variable(const char *prefix, const char *name, char *text, size_t room)
{
    int length = snprintf(text, room, "%s%s", prefix, name);

    for (char *at = text + strlen(prefix); length > 0 && *at != '\0'; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

const char *option_source_name(const struct option_values *values, const struct option_value *value,
                               char text[static OPTION_WHERE_MAX])
{
    const char *name = value->row->name;

    if (value->source == SOURCE_FILE)
        snprintf(text, OPTION_WHERE_MAX, "%s:%u: %s", values->file, value->line, name);
    else if (value->source == SOURCE_ENVIRONMENT)
        write_variable(values->prefix, name, text, OPTION_WHERE_MAX);
    else
        snprintf(text, OPTION_WHERE_MAX, "--%s", name);
    return text;
}

const char *option_source_where(const struct option_values *values,
                                const struct option_value *value,
                                char text[static OPTION_WHERE_MAX])
{
    if (value->source == SOURCE_LINE)
        return "command line";
    if (value->source == SOURCE_ENVIRONMENT)
        return option_source_name(values, value, text);
    snprintf(text, OPTION_WHERE_MAX, "%s:%u", values->file, value->line);
    return text;
}

/* --- the environment ----------------------------------------------------------------------- */

/*
 * Recognize a variable that Kubernetes, or a link of Docker, makes for a service: X_SERVICE_HOST,
 * X_SERVICE_PORT, X_PORT=tcp://10.0.0.1:8090, X_PORT_8090_TCP_ADDR.
 */
static bool is_of_a_service(const char *name, size_t length, const char *value)
{
    char text[128];
    const char *port;

    snprintf(text, sizeof text, "_%.*s", (int)length, name);
    if (strstr(text, "_SERVICE_HOST") != NULL || strstr(text, "_SERVICE_PORT") != NULL)
        return true;
    port = strstr(text, "_PORT");
    if (port == NULL)
        return false;
    port += strlen("_PORT");
    return port[0] == '\0' ? strstr(value, "://") != NULL
                           : port[0] == '_' && isdigit((unsigned char)port[1]);
}

/* Find the row of a variable by its name without the prefix. @return NULL: there is none */
static const struct option_row *find_by_variable(const struct option_row *rows, const char *name,
                                                 size_t length)
{
    char variable[128];

    for (; !option_row_is_end(rows); rows++) {
        if (rows->name == NULL)
            continue;
        write_variable("", rows->name, variable, sizeof variable);
        if (strlen(variable) == length && strncmp(variable, name, length) == 0)
            return rows;
    }
    return NULL;
}

/* Take a variable. @param name  without the prefix */
static void take_variable(const struct option_row *rows, struct option_values *values,
                          const char *name, size_t length, const char *text)
{
    const struct option_row *row = find_by_variable(rows, name, length);

    if (is_of_a_service(name, length, text))
        return;
    if (row == NULL)
        log_usage("unknown variable %s%.*s: there is no such option; try '%s --help'",
                  values->prefix, (int)length, name, values->program);
    if (row->kind >= OPTION_KIND_PRINT)
        log_usage("%s%.*s: --%s is for the command line only", values->prefix, (int)length, name,
                  row->name);
    if (row->kind == OPTION_KIND_FLAG && text[0] == '\0')
        log_usage("%s%.*s '' is not yes or no", values->prefix, (int)length, name);
    option_source_add(
        values, &(struct option_value){.row = row, .text = text, .source = SOURCE_ENVIRONMENT});
}

void option_source_read_environment(const struct option_row *rows, struct option_values *values)
{
    size_t prefix = strlen(values->prefix);

    for (char **at = environ; at != NULL && *at != NULL; at++) {
        const char *equals = strchr(*at, '=');
        if (equals != NULL && strncmp(*at, values->prefix, prefix) == 0)
            take_variable(rows, values, *at + prefix, (size_t)(equals - *at) - prefix, equals + 1);
    }
}

/* --- a file -------------------------------------------------------------------------------- */

#define BLANKS " \t\r"

/* Read a file as a whole. Its texts become values, which the program keeps. */
static char *read_whole(const char *path)
{
    static char text[OPTION_CONFIG_MAX + 2];
    size_t size = 0;
    ssize_t more;
    int fd = open(path, O_RDONLY | O_CLOEXEC), error;

    if (fd < 0)
        log_usage("cannot read --config %s: %m", path);
    while ((more = read(fd, text + size, OPTION_CONFIG_MAX + 1 - size)) != 0) {
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0 || (size += (size_t)more) > OPTION_CONFIG_MAX)
            break;
    }
    error = errno;
    close(fd);
    errno = error;
    if (more < 0)
        log_usage("cannot read --config %s: %m", path);
    if (size > OPTION_CONFIG_MAX)
        log_usage("cannot read --config %s: it is larger than 64K", path);
    if (memchr(text, '\0', size) != NULL)
        log_usage("cannot read --config %s: it is no text, it has zero bytes", path);
    text[size] = '\0';
    return text;
}

/* Check whether a comment begins at a place of a line. */
static bool is_comment(const char *line, size_t at)
{
    return line[at] == '#' && (at == 0 || strchr(BLANKS, line[at - 1]) != NULL);
}

/* End a line before its comment and the blanks there. */
static void trim(char *line)
{
    size_t length = 0;

    for (size_t i = 0; line[i] != '\0'; i++) {
        if (is_comment(line, i))
            break;
        if (strchr(BLANKS, line[i]) == NULL)
            length = i + 1;
    }
    line[length] = '\0';
}

/* Take a line: NAME, NAME VALUE or NAME = VALUE. */
static void take_line(const struct option_row *rows, struct option_values *values, char *line,
                      unsigned number)
{
    const struct option_row *row;
    char *value;

    trim(line);
    line += strspn(line, BLANKS);
    if (line[0] == '\0')
        return;
    value = line + strcspn(line, BLANKS "=");
    if (value[0] != '\0') {
        bool has_equals = value[0] == '=';
        *value++ = '\0';
        value += strspn(value, BLANKS);
        if (!has_equals && value[0] == '=')
            value += 1 + strspn(value + 1, BLANKS);
    }
    row = option_row_find(rows, line);
    if (row == NULL)
        log_usage("%s:%u: unknown option '%s'; try '%s --help'", values->file, number, line,
                  values->program);
    if (row->kind >= OPTION_KIND_PRINT || strcmp(row->name, "config") == 0)
        log_usage("%s:%u: %s has no meaning in a file", values->file, number, row->name);
    if (value[0] == '\0' && row->kind != OPTION_KIND_FLAG)
        log_usage("%s:%u: %s needs a value", values->file, number, row->name);
    option_source_add(
        values,
        &(struct option_value){.row = row, .text = value, .source = SOURCE_FILE, .line = number});
}

const char *option_source_line_mark(const struct option_value *value)
{
    const char *text = value->text;
    size_t length = strlen(text);

    if (length == 0)
        return value->row->argument == NULL ? "" : NULL;
    if (strchr(BLANKS, text[0]) != NULL || strchr(BLANKS, text[length - 1]) != NULL)
        return NULL;
    for (size_t i = 0, shown; i < length; i += shown) {
        shown = printable((const unsigned char *)text + i, length - i);
        if (shown == 0 || (i > 0 && is_comment(text, i)))
            return NULL;
    }
    return text[0] == '#' || text[0] == '=' ? "=" : " ";
}

void option_source_read_file(const struct option_row *rows, struct option_values *values)
{
    char *rest = read_whole(values->file);
    unsigned number = 0;

    while (rest != NULL) {
        char *line = strsep(&rest, "\n");
        take_line(rows, values, line, ++number);
    }
}
