/* SPDX-License-Identifier: MIT */
/* What strangers send, made fit for a terminal: nothing that acts on it comes through. */
#include "server/output/escape.h"
#include "tests/kit/suite.h"

#include <string.h>

static void expect(const char *bytes, size_t size, const char *escaped)
{
    char text[200];
    size_t used;
    size_t length = escape_bytes(text, sizeof text - 1, (const unsigned char *)bytes, size, &used);

    text[length] = '\0';
    ck_assert_uint_eq(used, size);
    ck_assert_str_eq(text, escaped);
}

CASE("Core")

TEST(what_prints_stays)
{
    expect("Hello, world! ~", 15, "Hello, world! ~");
    expect("\xc3\xa9", 2, "\xc3\xa9");                 /* e with an acute accent */
    expect("\xe6\xb1\xa0", 3, "\xe6\xb1\xa0");         /* the sign for pool */
    expect("\xf0\x9f\x90\xa7", 4, "\xf0\x9f\x90\xa7"); /* a penguin */
    expect("\xed\x9f\xbf", 3, "\xed\x9f\xbf");         /* the last before the surrogates */
    expect("\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf"); /* the last of all */
}

TEST(what_acts_is_escaped)
{
    expect("a\nb\rc\td\\e", 9, "a\\nb\\rc\\td\\\\e");
    expect("\x1b[2J\a\b\x7f\0", 8, "\\x1b[2J\\x07\\x08\\x7f\\x00");
    expect("\xc2\x9b", 2, "\\xc2\\x9b"); /* U+009B, which starts a sequence as ESC [ does */
    expect("\xe2\x80\xa8", 3, "\\xe2\\x80\\xa8"); /* a line separator */
    expect("\xe2\x80\xae", 3, "\\xe2\\x80\\xae"); /* from right to left */
    expect("\xe2\x81\xa7", 3, "\\xe2\\x81\\xa7"); /* likewise */
}

TEST(what_is_no_utf8_is_escaped)
{
    expect("\xff\xfe", 2, "\\xff\\xfe");
    expect("\x80", 1, "\\x80");
    expect("\xc0\xaf", 2, "\\xc0\\xaf");                   /* an overlong slash */
    expect("\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf");          /* and another */
    expect("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");          /* a surrogate */
    expect("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
    expect("\xf5\x80\x80\x80", 4, "\\xf5\\x80\\x80\\x80");
    expect("\xe6\xb1", 2, "\\xe6\\xb1"); /* cut */
    expect("\xe6\xb1x", 3, "\\xe6\\xb1x");
}

CASE("Limits")

/* No byte comes through that is a control character to an 8-bit or to a UTF-8 terminal. */
TEST(every_byte_alone)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned char c = (unsigned char)byte;
        char text[ESCAPE_MAX + 1];
        size_t used;
        size_t length = escape_bytes(text, ESCAPE_MAX, &c, 1, &used);
        ck_assert_uint_eq(used, 1);
        for (size_t i = 0; i < length; i++)
            ck_assert(text[i] >= 0x20 && text[i] < 0x7f);
    }
}

/* Filled to each possible size, what is taken and what is left make the whole. */
TEST(pieces_of_every_size)
{
    const unsigned char bytes[] = "ab\xe6\xb1\xa0\x1b\n\xff~";
    const size_t size = sizeof bytes - 1;
    char whole[64];
    size_t used;
    size_t whole_length = escape_bytes(whole, sizeof whole, bytes, size, &used);

    for (size_t room = ESCAPE_MAX; room < sizeof whole; room++) {
        char text[128];
        size_t length = 0;
        for (size_t done = 0; done < size; done += used) {
            char piece[64];
            size_t got = escape_bytes(piece, room, bytes + done, size - done, &used);
            ck_assert_uint_le(got, room);
            ck_assert_uint_gt(used, 0);
            memcpy(text + length, piece, got);
            length += got;
        }
        ck_assert_uint_eq(length, whole_length);
        ck_assert_mem_eq(text, whole, length);
    }
}
