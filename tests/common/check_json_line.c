/* SPDX-License-Identifier: MIT */
/* Objects on one line: whole JSON whatever is in them, and however little room there is. */
#include "common/clock.h"
#include "common/json-line.h"
#include "tests/kit/suite.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

static char bytes[4096];

/* Parse what was written; a single line. */
static json_t *read_back(struct json_line *line)
{
    size_t size = json_line_end(line);
    json_error_t error;
    json_t *object;

    ck_assert_ptr_eq(memchr(bytes, '\n', size), bytes + size - 1);
    object = json_loadb(bytes, size, 0, &error);
    ck_assert_msg(object != NULL, "%s: %.*s", error.text, (int)size, bytes);
    return object;
}

static const char *text_of(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

CASE("Core")

TEST(members)
{
    struct json_line line = json_line_begin(bytes, sizeof bytes);
    static const char expected[] =
        "{\"a\":\"b\",\"n\":18446744073709551615,\"z\":0,\"t\":1234.567,\"m\":0.000,\"u\":null}\n";

    json_line_text(&line, "a", "b");
    json_line_number(&line, "n", UINT64_MAX);
    json_line_number(&line, "z", 0);
    json_line_ms(&line, "t", 1234567899);
    json_line_ms(&line, "m", 999);
    json_line_ms(&line, "u", -1);
    ck_assert_uint_eq(json_line_end(&line), sizeof expected - 1);
    ck_assert_mem_eq(bytes, expected, sizeof expected - 1);
}

TEST(an_empty_object)
{
    struct json_line line = json_line_begin(bytes, 8);

    json_decref(read_back(&line));
}

/* Against the C library, over all days that count. */
TEST(times)
{
    char expected[64];

    for (int64_t day = 0; day < 47482; day++) { /* 2099-12-31 is the last */
        int64_t second = day * 24 * 3600 + day % (24 * 3600);
        time_t time = (time_t)second;
        struct tm parts;
        struct json_line line = json_line_begin(bytes, sizeof bytes);
        json_line_time(&line, "t", second * SECOND_NS + 1002003);
        size_t size = json_line_end(&line);
        ck_assert_ptr_nonnull(gmtime_r(&time, &parts));
        ck_assert_uint_gt(
            strftime(expected, sizeof expected, "{\"t\":\"%Y-%m-%dT%H:%M:%S.001002Z\"}\n", &parts),
            0);
        ck_assert_msg(size == strlen(expected) && memcmp(bytes, expected, size) == 0,
                      "%.*s, not %s", (int)size, bytes, expected);
    }
}

CASE("Limits")

/* What may not be shown is escaped or replaced; all else arrives as it was. */
TEST(every_byte)
{
    for (int byte = 1; byte < 256; byte++) {
        struct json_line line = json_line_begin(bytes, sizeof bytes);
        char text[] = {'a', (char)byte, 'z', '\0'};
        json_t *object;
        json_line_text(&line, "t", text);
        object = read_back(&line);
        if (byte < 0x80)
            ck_assert_str_eq(text_of(object, "t"), text);
        else
            ck_assert_str_eq(text_of(object, "t"), "a\xef\xbf\xbdz");
        json_decref(object);
    }
}

TEST(characters)
{
    struct json_line line = json_line_begin(bytes, sizeof bytes);
    json_t *object;

    json_line_text(&line, "t", "\xc3\xa9\xe4\xbd\xa0\"\\\xe2\x80\xae");
    object = read_back(&line);
    ck_assert_str_eq(text_of(object, "t"),
                     "\xc3\xa9\xe4\xbd\xa0\"\\\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(object);
}

/* Whatever the room: whole members, the text cut at a character, and nothing beyond the room. */
TEST(little_room)
{
    for (size_t room = 8; room < 120; room++) {
        struct json_line line = json_line_begin(bytes, room);
        const char *text;
        json_t *object;
        memset(bytes + 1, '#', sizeof bytes - 1);
        json_line_number(&line, "n", 12345);
        json_line_text(&line, "t", "\x01\x02 quoted \"\xe4\xbd\xa0\xe5\xa5\xbd\" \x1b[2J");
        json_line_ms(&line, "m", 5);
        object = read_back(&line);
        ck_assert_int_eq(bytes[room], '#');
        text = text_of(object, "t");
        if (text != NULL && strlen(text) > 3 && strcmp(text + strlen(text) - 3, "...") != 0)
            ck_assert_str_eq(text, "\x01\x02 quoted \"\xe4\xbd\xa0\xe5\xa5\xbd\" \x1b[2J");
        if (room > 100)
            ck_assert_uint_eq(json_object_size(object), 3);
        json_decref(object);
    }
}
