/* SPDX-License-Identifier: MIT */
/* Lines by getline(), for a build without libedit. See line.h. */
#include "client/line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct line_reader {
    const char *prompt; /* NULL: standard input is no terminal */
    FILE *to;           /* shows the prompt */
    char *line;         /* getline()'s */
    size_t room;
};

struct line_reader *line_reader_new(const char *prompt)
{
    struct line_reader *reader = calloc(1, sizeof *reader);

    if (reader == NULL)
        return NULL;
    reader->prompt = isatty(STDIN_FILENO) ? prompt : NULL;
    /* the prompt must not get into a file or a pipe that takes the replies */
    reader->to = isatty(STDOUT_FILENO) ? stdout : stderr;
    return reader;
}

void line_reader_free(struct line_reader *reader)
{
    if (reader == NULL)
        return;
    free(reader->line);
    free(reader);
}

const char *line_read(struct line_reader *reader, size_t *size)
{
    ssize_t length;

    if (reader->prompt != NULL) {
        fputs(reader->prompt, reader->to);
        fflush(reader->to);
    }
    errno = 0;
    length = getline(&reader->line, &reader->room, stdin);
    if (length < 0) {
        if (reader->prompt != NULL && errno == 0)
            fputs("\n", reader->to); /* the shell's prompt begins a line of its own */
        return NULL;
    }
    *size = (size_t)length;
    return reader->line;
}
