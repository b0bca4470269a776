/* SPDX-License-Identifier: MIT */
/**
 * @file frame.h
 * One picture of a full-screen view, built line by line in memory and then written in one go, so that
 * nothing flickers and nothing is wider or higher than the terminal is now.
 *
 *     struct frame frame;
 *     frame_begin(&frame, screen_size(fd), true);
 *     frame_line(&frame);
 *     frame_style(&frame, FRAME_BOLD);
 *     frame_print(&frame, "%u sessions", 50);
 *     frame_write(&frame, fd);
 */
#ifndef CLIENT_VIEWS_FRAME_H
#define CLIENT_VIEWS_FRAME_H

#include "client/views/screen.h"

#include <stdbool.h>
#include <stddef.h>

/** The widest line and the highest picture; on a larger terminal the rest stays empty. */
enum { FRAME_COLUMNS = 200, FRAME_ROWS = 50 };

enum frame_style { FRAME_PLAIN, FRAME_BOLD, FRAME_YELLOW, FRAME_GREEN, FRAME_BLUE, FRAME_RED };

struct frame {
    bool colours;     /* else frame_style() does nothing */
    unsigned columns; /* of a line; the last column of the terminal stays free */
    unsigned rows;
    unsigned column; /* where the next character goes */
    unsigned row;    /* lines begun */
    size_t size;
    char text[FRAME_ROWS * (FRAME_COLUMNS * 4 + 64)];
};

void frame_begin(struct frame *frame, struct screen screen, bool colours);

/** Begin the next line. Lines below the last row are not shown. */
void frame_line(struct frame *frame);

/** Set the style of the text that follows; each line begins plain. */
void frame_style(struct frame *frame, enum frame_style style);

/** Put text, UTF-8 with characters of one column each. What exceeds the line is cut off. */
void frame_put(struct frame *frame, const char *text);
void frame_print(struct frame *frame, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Put ASCII text at the right end of the line, if all of it fits. */
void frame_put_right(struct frame *frame, const char *text);

/** @return the columns that are left in this line */
unsigned frame_left(const struct frame *frame);

/** Write the picture over what the screen shows. */
void frame_write(struct frame *frame, int fd);

#endif /* CLIENT_VIEWS_FRAME_H */
