/* SPDX-License-Identifier: MIT */
/*
 * A picture for the terminal. It uses only what every terminal since the VT100 understands: move to
 * the corner, erase to the end of the line, erase to the end of the screen.
 *
 * The last column stays free. A character there leaves the cursor in a state in which some terminals
 * erase it again with the rest of the line.
 */
#include "client/views/frame.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Room that is reserved for the ends of a line and of the picture. */
enum { ENDINGS = 32 };

/** Add bytes that take no column. */
static void add(struct frame *frame, const char *text, size_t size)
{
    if (size > sizeof frame->text - frame->size)
        return;
    memcpy(frame->text + frame->size, text, size);
    frame->size += size;
}

/** Add a constant text. */
static void add_text(struct frame *frame, const char *text)
{
    add(frame, text, strlen(text));
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

void frame_begin(struct frame *frame, struct screen screen, bool colours)
{
    frame->colours = colours;
    frame->columns = smaller(screen.columns, FRAME_COLUMNS) - 1;
    frame->rows = smaller(screen.rows, FRAME_ROWS);
    frame->column = 0;
    frame->row = 0;
    frame->size = 0;
    add_text(frame, "\033[H");
}

static bool is_shown(const struct frame *frame)
{
    return frame->row > 0 && frame->row <= frame->rows;
}

static void end_line(struct frame *frame)
{
    frame_style(frame, FRAME_PLAIN);
    if (is_shown(frame))
        add_text(frame, "\033[K");
}

void frame_line(struct frame *frame)
{
    end_line(frame);
    frame->row++;
    frame->column = 0;
    if (is_shown(frame) && frame->row > 1)
        add_text(frame, "\r\n");
}

void frame_style(struct frame *frame, enum frame_style style)
{
    static const char *const codes[] = {"\033[0m",  "\033[1m",  "\033[33m",
                                        "\033[32m", "\033[34m", "\033[31m"};

    if (frame->colours && is_shown(frame))
        add_text(frame, codes[style]);
}

void frame_put(struct frame *frame, const char *text)
{
    while (*text != '\0' && is_shown(frame) && frame->column < frame->columns &&
           frame->size + ENDINGS < sizeof frame->text) {
        size_t size = 1;

        while ((text[size] & 0xc0) == 0x80) /* the rest of a character of several bytes */
            size++;
        add(frame, text, size);
        frame->column++;
        text += size;
    }
}

void frame_print(struct frame *frame, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    frame_put(frame, text);
}

void frame_put_right(struct frame *frame, const char *text)
{
    if (strlen(text) < frame_left(frame))
        frame_print(frame, "%*s", (int)frame_left(frame), text);
}

unsigned frame_left(const struct frame *frame)
{
    return is_shown(frame) ? frame->columns - frame->column : 0;
}

void frame_write(struct frame *frame, int fd)
{
    const char *text = frame->text;

    end_line(frame);
    add_text(frame, "\033[J");
    while (frame->size > 0) {
        ssize_t done = write(fd, text, frame->size);

        if (done < 0 && errno != EINTR)
            return; /* the terminal is gone, or takes nothing now; the next picture is complete */
        if (done > 0) {
            text += done;
            frame->size -= (size_t)done;
        }
    }
}
