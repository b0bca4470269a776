/* SPDX-License-Identifier: MIT */
/* Replies compared, and their differences shown. See verify.h. */
#include "client/session/verify.h"

#include "common/printable.h"

#include <stdio.h>
#include <string.h>

/* Bytes in a row of the dump, and before the wrong byte in it. */
enum { ROW = 16, BEFORE = 8 };

/** Find the first difference of two blocks. @return its offset; size: there is none */
static size_t first_difference(const unsigned char *one, const unsigned char *other, size_t size)
{
    size_t i = 0;

    if (memcmp(one, other, size) == 0)
        return size;
    while (one[i] == other[i])
        i++;
    return i;
}

size_t verify_reply(const struct message *message, size_t offset, const unsigned char *got,
                    size_t size)
{
    size_t done = 0;

    for (unsigned i = 0; i < message->parts && done < size; i++) {
        const struct message_part *part = &message->part[i];
        size_t length, same;

        if (offset >= part->size) {
            offset -= part->size;
            continue;
        }
        length = part->size - offset < size - done ? part->size - offset : size - done;
        same = first_difference(part->expected + offset, got + done, length);
        done += same;
        if (same < length)
            break;
        offset = 0;
    }
    return done;
}

/** Write a row: hexadecimal, then text between bars. A negative value is a byte that is missing. */
static void show_row(const char *label, const int *bytes, char *text, size_t room)
{
    size_t end = (size_t)snprintf(text, room, "%-9s", label);

    for (int i = 0; i < ROW; i++) {
        if (bytes[i] < 0)
            end += (size_t)snprintf(text + end, room - end, " --");
        else
            end += (size_t)snprintf(text + end, room - end, " %02x", (unsigned)bytes[i]);
    }
    end += (size_t)snprintf(text + end, room - end, "  |");
    for (int i = 0; i < ROW; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        /* by itself, since each has its column */
        int shown = bytes[i] < 0 ? ' ' : printable(&byte, 1) == 1 ? byte : '.';

        end += (size_t)snprintf(text + end, room - end, "%c", shown);
    }
    snprintf(text + end, room - end, "|");
}

void verify_show(const struct message *message, size_t offset, const unsigned char *got,
                 size_t size, struct verify_rows *rows)
{
    size_t first = offset > BEFORE ? offset - BEFORE : 0;
    int expected_row[ROW], got_row[ROW];

    for (size_t i = 0; i < ROW; i++) {
        size_t at = first + i;

        expected_row[i] = at < message->size ? message_expected_at(message, at) : -1;
        if (at < offset)
            got_row[i] = expected_row[i];
        else
            got_row[i] = at - offset < size ? got[at - offset] : -1;
    }
    show_row("expected", expected_row, rows->expected, sizeof rows->expected);
    show_row("got", got_row, rows->got, sizeof rows->got);
    snprintf(rows->mark, sizeof rows->mark, "%*s^^", (int)(10 + 3 * (offset - first)), "");
}
