/* SPDX-License-Identifier: MIT */
/* A JSON object on one line: see json-line.h. */
#include "common/json-line.h"

#include "common/clock.h"
#include "common/printable.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    END_SIZE = 2,       /* "}\n" */
    CHARACTER_SIZE = 8, /* at most, escaped */
    CUT_SIZE = 4,       /* "...\"" */
    DAYS_OF_4_YEARS = 1461,
};

struct json_line json_line_begin(char *bytes, size_t room)
{
    bytes[0] = '{';
    return (struct json_line){.bytes = bytes, .room = room - END_SIZE, .size = 1};
}

/* Add a member whose value is ready. */
static void add(struct json_line *line, const char *key, const char *value)
{
    size_t room = line->room - line->size;
    int length = snprintf(line->bytes + line->size, room, "%s\"%s\":%s", line->size > 1 ? "," : "",
                          key, value);

    if (length > 0 && (size_t)length < room)
        line->size += (size_t)length;
}

/* Write a character of a text. @return how many bytes of the text it was; *size is what was written */
static size_t escape(const unsigned char *text, size_t left, char out[static CHARACTER_SIZE],
                     size_t *size)
{
    size_t shown = printable(text, left);

    if (shown == 1 && (text[0] == '"' || text[0] == '\\'))
        *size = (size_t)snprintf(out, CHARACTER_SIZE, "\\%c", text[0]);
    else if (shown > 0)
        memcpy(out, text, *size = shown);
    else if (text[0] < 0x80)
        *size = (size_t)snprintf(out, CHARACTER_SIZE, "\\u%04x", text[0]);
    else
        *size = (size_t)snprintf(out, CHARACTER_SIZE, "\\ufffd");
    return shown > 0 ? shown : 1;
}

void json_line_text(struct json_line *line, const char *key, const char *text)
{
    size_t left = strlen(text);
    size_t before = line->size;
    char out[CHARACTER_SIZE];
    size_t size;

    add(line, key, "\"");
    if (line->size == before || line->room - line->size < CUT_SIZE) {
        line->size = before;
        return;
    }
    while (left > 0) {
        size_t taken = escape((const unsigned char *)text, left, out, &size);
        /* After this one there must be room for the end, or for a cut. */
        if (line->room - line->size < size + (left > taken ? CUT_SIZE : 1)) {
            memcpy(line->bytes + line->size, "...", 3);
            line->size += 3;
            break;
        }
        memcpy(line->bytes + line->size, out, size);
        line->size += size;
        text += taken;
        left -= taken;
    }
    line->bytes[line->size++] = '"';
}

void json_line_number(struct json_line *line, const char *key, uint64_t number)
{
    char value[32];

    snprintf(value, sizeof value, "%" PRIu64, number);
    add(line, key, value);
}

void json_line_ms(struct json_line *line, const char *key, int64_t ns)
{
    char value[32] = "null";

    if (ns >= 0)
        snprintf(value, sizeof value, "%" PRId64 ".%03" PRId64, ns / 1000000, ns / 1000 % 1000);
    add(line, key, value);
}

/*
 * Write the date of a day, counted from 1970-01-01. Not gmtime_r(), which takes a lock of the C library:
 * in a child just after fork() another thread of the parent may hold it for ever. Right up to the year
 * 2099, since it takes each fourth year for a leap year.
 */
static int write_date(int64_t day, char *text, size_t room)
{
    static const int months[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t fours =
        (day + 365) / DAYS_OF_4_YEARS; /* from 1969-01-01, so that the leap year is last */
    int64_t rest = (day + 365) % DAYS_OF_4_YEARS;
    int64_t year = rest / 365 < 3 ? rest / 365 : 3;
    int month = 0;

    rest -= year * 365;
    for (int days; rest >= (days = months[month] + (month == 1 && year == 3)); month++)
        rest -= days;
    return snprintf(text, room, "%04" PRId64 "-%02d-%02" PRId64, 1969 + 4 * fours + year, month + 1,
                    rest + 1);
}

void json_line_time(struct json_line *line, const char *key, int64_t wall_ns)
{
    int64_t second = wall_ns / SECOND_NS % (24 * 3600);
    char value[80] = "\"";
    int length = 1 + write_date(wall_ns / (24 * HOUR_NS), value + 1, sizeof value - 1);

    snprintf(value + length, sizeof value - (size_t)length,
             "T%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%06" PRId64 "Z\"", second / 3600,
             second / 60 % 60, second % 60, wall_ns / 1000 % 1000000);
    add(line, key, value);
}

size_t json_line_end(struct json_line *line)
{
    memcpy(line->bytes + line->size, "}\n", END_SIZE);
    return line->size + END_SIZE;
}
