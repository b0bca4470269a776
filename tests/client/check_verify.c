/* SPDX-License-Identifier: MIT */
/* client/verify: replies compared byte for byte, and the first difference shown. */
#include "client/session/verify.h"
#include "tests/kit/suite.h"

#include <stdlib.h>
#include <string.h>

/* The expected reply to a message of three parts, in one block; to be freed. */
static unsigned char *reply_to(const struct message *message)
{
    unsigned char *reply = suite_memory(message->size);
    size_t end = 0;

    for (unsigned i = 0; i < message->parts; i++) {
        memcpy(reply + end, message->part[i].expected, message->part[i].size);
        end += message->part[i].size;
    }
    return reply;
}

CASE("Core")

TEST(a_right_reply_in_pieces_of_every_size)
{
    struct messages *messages = messages_generated(100, 100, TRANSFORM_UPPER);
    struct message message;
    unsigned char *reply;

    message_make(messages, 1, 2, &message);
    ck_assert_uint_eq(message.parts, 3);
    reply = reply_to(&message);
    for (size_t piece = 1; piece <= 100; piece++)
        for (size_t at = 0; at < 100; at += piece) {
            size_t size = piece < 100 - at ? piece : 100 - at;

            ck_assert_uint_eq(verify_reply(&message, at, reply + at, size), size);
        }
    free(reply);
    messages_free(messages);
}

TEST(a_wrong_byte_is_found_wherever_it_is)
{
    struct messages *messages = messages_generated(100, 100, TRANSFORM_UPPER);
    struct message message;
    unsigned char *reply;

    message_make(messages, 1, 2, &message);
    reply = reply_to(&message);
    for (size_t wrong = 0; wrong < 100; wrong++) {
        reply[wrong] ^= 0x80;
        ck_assert_uint_eq(verify_reply(&message, 0, reply, 100), wrong);
        /* seen from the middle of the reply, too */
        if (wrong >= 37)
            ck_assert_uint_eq(verify_reply(&message, 37, reply + 37, 63), wrong - 37);
        reply[wrong] ^= 0x80;
    }
    free(reply);
    messages_free(messages);
}

TEST(the_difference_is_shown_with_what_is_around_it)
{
    static const unsigned char text[] = "0123456789abcdefghij";
    struct message message;
    struct verify_rows rows;

    message_single(&message, text, text, 20);
    verify_show(&message, 10,
                (const unsigned char *)"\x07"
                                       "bc",
                3, &rows);
    ck_assert_str_eq(rows.expected, "expected  32 33 34 35 36 37 38 39 61 62 63 64 65 66 67 68"
                                    "  |23456789abcdefgh|");
    ck_assert_str_eq(rows.got, "got       32 33 34 35 36 37 38 39 07 62 63 -- -- -- -- --"
                               "  |23456789.bc     |");
    ck_assert_str_eq(rows.mark, "                                  ^^");
}

TEST(a_short_message_is_shown_with_gaps)
{
    struct message message;
    struct verify_rows rows;

    message_single(&message, (const unsigned char *)"A", (const unsigned char *)"A", 1);
    verify_show(&message, 0, (const unsigned char *)"B", 1, &rows);
    ck_assert_str_eq(rows.expected, "expected  41 -- -- -- -- -- -- -- -- -- -- -- -- -- -- --"
                                    "  |A               |");
    ck_assert_str_eq(rows.got, "got       42 -- -- -- -- -- -- -- -- -- -- -- -- -- -- --"
                               "  |B               |");
    ck_assert_str_eq(rows.mark, "          ^^");
}
