/* SPDX-License-Identifier: MIT */
/* Printing: see printer.h. The thread that writes is in writer.c, the other processes are in child.c. */
#include "server/output/printer.h"

#include "common/log.h"
#include "common/tostop.h"
#include "server/output/child.h"
#include "server/output/writer.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const print_words[] = {"none", "line", "full", NULL};

enum {
    SHOWN_BYTES = 64,     /* how much of a message --print line shows */
    OWN_LINE_BYTES = 512, /* the longest line of the server itself */
};

struct printer {
    enum print_mode mode;
    struct writer *writer;         /* NULL in PRINT_NONE */
    bool in_child;                 /* this is another process; each has its own copy of this */
    struct child_output *children; /* NULL: no other process prints */
};

int printer_new(enum print_mode mode, size_t message_bytes, bool processes, struct printer **result)
{
    struct printer *printer = calloc(1, sizeof *printer);
    size_t longest = message_bytes > OWN_LINE_BYTES ? message_bytes : OWN_LINE_BYTES;
    int rc = 0;

    if (printer == NULL)
        return -ENOMEM;
    printer->mode = mode;
    if (mode != PRINT_NONE && processes)
        rc = child_output_open(&printer->children);
    if (mode != PRINT_NONE && rc == 0)
        rc = writer_new(longest, printer->children == NULL ? NULL : &printer->children->dropped,
                        &printer->writer);
    if (rc == 0)
        *result = printer;
    else
        printer_free(printer);
    return rc;
}

int printer_start(struct printer *printer)
{
    return printer->writer == NULL ? 0 : writer_start(printer->writer);
}

void printer_enter_child(struct printer *printer)
{
    printer->in_child = true;
}

uint64_t printer_free(struct printer *printer)
{
    uint64_t dropped = 0;

    if (printer == NULL)
        return 0;
    if (printer->writer != NULL)
        dropped = writer_free(printer->writer);
    child_output_close(printer->children);
    free(printer);
    return dropped;
}

uint64_t printer_dropped(struct printer *printer)
{
    return printer->writer == NULL ? 0 : writer_dropped(printer->writer);
}

void printer_message(struct printer *printer, uint64_t session, const void *bytes, size_t size)
{
    size_t shown = printer->mode == PRINT_LINE && size > SHOWN_BYTES ? SHOWN_BYTES : size;

    if (printer->in_child)
        child_output_message(printer->children, session, bytes, shown, size);
    else
        writer_put(printer->writer, session, bytes, shown, size);
}

/* Write a line at once, if standard output takes it. */
static void write_line(const char *text, size_t length)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    sigset_t before = tostop_block();
    bool written = poll(&out, 1, 0) == 1 && write(STDOUT_FILENO, text, length) >= 0;

    tostop_restore(&before);
    if (!written)
        log_verbose("standard output does not take: %.*s", (int)length - 1, text);
}

void printer_line(struct printer *printer, const char *format, ...)
{
    char text[OWN_LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    int wanted = vsnprintf(text, sizeof text - 1, format, arguments);
    va_end(arguments);
    size_t length = wanted < 0 ? 0 : (size_t)wanted;
    if (length > sizeof text - 2)
        length = sizeof text - 2;
    text[length++] = '\n';
    if (printer->writer != NULL)
        writer_put(printer->writer, 0, text, length, length);
    else
        write_line(text, length);
}
