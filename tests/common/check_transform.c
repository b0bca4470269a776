/* SPDX-License-Identifier: MIT */
/* The transforms: each byte value, each length, each division of a stream. */
#include "common/parse.h"
#include "common/transform.h"
#include "tests/kit/suite.h"

#include <locale.h>
#include <string.h>

#define LONGEST 100

/* Written by hand, so that the test does not repeat the computation of the code. */
static unsigned char expected_upper(unsigned char byte)
{
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *found = byte == '\0' ? NULL : strchr(lower, byte);

    return found == NULL ? byte : (unsigned char)upper[found - lower];
}

CASE("Core")

TEST(all_256_bytes_at_each_place)
{
    unsigned char bytes[LONGEST];

    for (unsigned value = 0; value < 256; value++) {
        memset(bytes, (int)value, sizeof bytes);
        transform_apply(TRANSFORM_UPPER, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            ck_assert_uint_eq(bytes[i], expected_upper((unsigned char)value));
        memset(bytes, (int)value, sizeof bytes);
        transform_apply(TRANSFORM_NONE, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            ck_assert_uint_eq(bytes[i], value);
    }
}

TEST(each_length_and_nothing_beyond)
{
    for (size_t offset = 0; offset < 17; offset++) {
        for (size_t size = 0; size <= LONGEST; size++) {
            unsigned char bytes[17 + LONGEST + 1];
            memset(bytes, 'q', sizeof bytes);
            transform_apply(TRANSFORM_UPPER, bytes + offset, size);
            for (size_t i = 0; i < sizeof bytes; i++)
                ck_assert_uint_eq(bytes[i], i >= offset && i < offset + size ? 'Q' : 'q');
        }
    }
}

TEST(cuts_do_not_matter)
{
    static const char text[] = "na\xc3\xafve caf\xc3\xa9, \xe7\xb2\x98\xe5\x8c\x85, 3 x {y} `z`";
    static const char loud[] = "NA\xc3\xafVE CAF\xc3\xa9, \xe7\xb2\x98\xe5\x8c\x85, 3 X {Y} `Z`";

    for (size_t cut = 0; cut < sizeof text; cut++) {
        unsigned char bytes[sizeof text];
        memcpy(bytes, text, sizeof text);
        transform_apply(TRANSFORM_UPPER, bytes, cut);
        transform_apply(TRANSFORM_UPPER, bytes + cut, sizeof text - cut);
        ck_assert_mem_eq(bytes, loud, sizeof loud);
    }
}

TEST(the_locale_has_no_say)
{
    unsigned char bytes[] = "i\xe4\xfd\xff";

    /* In a Turkish locale the upper case of i is not I; Latin-1 has letters above 0x7f. */
    (void)setlocale(LC_ALL, "tr_TR");
    transform_apply(TRANSFORM_UPPER, bytes, 4);
    ck_assert_mem_eq(bytes, "I\xe4\xfd\xff", 4);
}

TEST(words_follow_the_enum)
{
    ck_assert_int_eq(parse_word("upper", transform_words), TRANSFORM_UPPER);
    ck_assert_int_eq(parse_word("none", transform_words), TRANSFORM_NONE);
    ck_assert_int_eq(parse_word("lower", transform_words), -1);
}
