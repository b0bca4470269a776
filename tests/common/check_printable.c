/* SPDX-License-Identifier: MIT */
/* common/printable: which bytes of a stranger may be shown. */
#include "common/printable.h"
#include "tests/kit/suite.h"

#include <check.h>
#include <string.h>

CASE("Core")

/* Bytes, and how many of them are a character that may be shown. */
static const struct {
    const char *bytes;
    size_t shown;
} rows[] = {
    {" ", 1},
    {"~", 1},
    {"\x1f", 0},
    {"\x7f", 0},
    {"\x9b", 0},     /* by itself it is no UTF-8 */
    {"\xc2\x9b", 0}, /* U+009B, which begins an escape sequence */
    {"\xc2\xa0", 2},
    {"\xc3\xa4", 2},
    {"\xc3", 0},         /* cut off */
    {"\xc0\xaf", 0},     /* longer than it need be */
    {"\xed\xa0\x80", 0}, /* a surrogate */
    {"\xe2\x80\xa8", 0}, /* U+2028 ends a line */
    {"\xe2\x80\xae", 0}, /* U+202E turns the text round */
    {"\xe2\x82\xac", 3},
    {"\xef\xbb\xbe", 3},
    {"\xef\xbb\xbf", 0}, /* U+FEFF, the byte order mark */
    {"\xef\xbf\xbd", 3},
    {"\xef\xbf\xbe", 0}, /* U+FFFE */
    {"\xf0\x9f\x98\x80", 4},
    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
};

LOOP_TEST(what_may_be_shown, COUNT_OF(rows))
{
    const unsigned char *bytes = (const unsigned char *)rows[_i].bytes;

    ck_assert_uint_eq(printable(bytes, strlen(rows[_i].bytes)), rows[_i].shown);
}

TEST(a_dot_for_each_byte_that_may_not_be_shown)
{
    static const unsigned char bytes[] = "a\x1b[2J\0\xe2\x80\xae\xc3\xa4";
    char text[20];

    ck_assert_uint_eq(printable_text(text, sizeof text, bytes, sizeof bytes - 1, '.'), 11);
    ck_assert_str_eq(text, "a.[2J....\xc3\xa4");
}

TEST(a_text_is_made_where_it_is)
{
    char text[] = "a\x1b[2J\xe2\x80\xae\xc3\xa4";

    ck_assert_uint_eq(printable_text(text, sizeof text, text, strlen(text), '?'), strlen(text));
    ck_assert_str_eq(text, "a?[2J???\xc3\xa4");
}

/* What does not fit is left out, and no character is cut. */
TEST(a_text_in_too_little_room)
{
    static const unsigned char bytes[] = "ab\xc3\xa4";
    char text[5];

    ck_assert_uint_eq(printable_text(text, 5, bytes, 4, '.'), 4);
    ck_assert_uint_eq(printable_text(text, 4, bytes, 4, '.'), 2);
    ck_assert_str_eq(text, "ab");
    ck_assert_uint_eq(printable_text(text, 1, bytes, 4, '.'), 0);
    ck_assert_str_eq(text, "");
}
