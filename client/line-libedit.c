/* SPDX-License-Identifier: MIT */
/* Lines by libedit from a terminal, by getline() from anything else. See line.h. */
#include "client/line.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HISTORY_LINES = 500 };

struct line_reader {
    EditLine *edit; /* NULL: standard input is no terminal */
    History *history;
    const char *prompt;
    FILE *to;   /* shows the prompt */
    char *line; /* getline()'s */
    size_t room;
};

static const char *show_prompt(EditLine *edit)
{
    struct line_reader *reader = NULL;

    el_get(edit, EL_CLIENTDATA, (void **)&reader);
    return reader->prompt;
}

/** @return false: no memory */
static bool start_editing(struct line_reader *reader)
{
    HistEvent event;

    setlocale(LC_CTYPE, ""); /* or libedit would drop every byte above 0x7f */
    /* the prompt must not get into a file or a pipe that takes the replies */
    reader->to = isatty(STDOUT_FILENO) ? stdout : stderr;
    reader->edit = el_init("echo-client", stdin, reader->to, stderr);
    reader->history = history_init();
    if (reader->edit == NULL || reader->history == NULL)
        return false;
    history(reader->history, &event, H_SETSIZE, HISTORY_LINES);
    history(reader->history, &event, H_SETUNIQUE, 1);
    el_set(reader->edit, EL_CLIENTDATA, reader);
    el_set(reader->edit, EL_PROMPT, show_prompt);
    el_set(reader->edit, EL_EDITOR, "emacs");
    el_set(reader->edit, EL_SIGNAL, 1); /* the terminal is put right before a signal is obeyed */
    el_set(reader->edit, EL_HIST, history, reader->history);
    return true;
}

struct line_reader *line_reader_new(const char *prompt)
{
    struct line_reader *reader = calloc(1, sizeof *reader);

    if (reader == NULL)
        return NULL;
    reader->prompt = prompt;
    if (isatty(STDIN_FILENO) && !start_editing(reader)) {
        line_reader_free(reader);
        return NULL;
    }
    return reader;
}

void line_reader_free(struct line_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->edit != NULL)
        el_end(reader->edit);
    if (reader->history != NULL)
        history_end(reader->history);
    free(reader->line);
    free(reader);
}

const char *line_read(struct line_reader *reader, size_t *size)
{
    errno = 0;
    if (reader->edit != NULL) {
        HistEvent event;
        int length = 0;
        const char *line;

        /* before the prompt is seen, not after: a ^D typed in between would be lost */
        el_set(reader->edit, EL_PREP_TERM, 1);
        line = el_gets(reader->edit, &length);
        if (line == NULL || length <= 0) {
            if (length == 0) { /* ^D, whatever errno was left behind on the way */
                fputs("\n", reader->to);
                errno = 0;
            }
            return NULL;
        }
        if (length > 1)
            history(reader->history, &event, H_ENTER, line);
        *size = (size_t)length;
        return line;
    } else {
        ssize_t length = getline(&reader->line, &reader->room, stdin);

        if (length < 0)
            return NULL;
        *size = (size_t)length;
        return reader->line;
    }
}
