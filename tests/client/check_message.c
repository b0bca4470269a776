/* SPDX-License-Identifier: MIT */
/* client/message: what sessions send, and what they expect back. */
#include "client/session/message.h"
#include "tests/kit/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CASE("What a message looks like")

/* The bytes of all parts in one block, ended by a zero; to be freed. */
static char *joined(const struct message *message, bool expected)
{
    char *bytes = suite_memory(message->size + 1);
    size_t end = 0;

    for (unsigned i = 0; i < message->parts; i++) {
        const struct message_part *part = &message->part[i];

        memcpy(bytes + end, expected ? part->expected : part->sent, part->size);
        end += part->size;
    }
    ck_assert_uint_eq(end, message->size);
    bytes[end] = '\0';
    return bytes;
}

static char *made(const struct messages *messages, unsigned session, uint64_t sequence)
{
    struct message message;

    message_make(messages, session, sequence, &message);
    return joined(&message, false);
}

static void expect_bytes(const struct messages *messages, unsigned session, uint64_t sequence,
                         const void *bytes, size_t size)
{
    struct message message;
    char *sent;

    message_make(messages, session, sequence, &message);
    ck_assert_uint_eq(message.size, size);
    sent = joined(&message, false);
    ck_assert_mem_eq(sent, bytes, size);
    free(sent);
}

TEST(a_generated_message_is_stamped_and_ends_its_line)
{
    struct messages *messages = messages_generated(64, 64, TRANSFORM_NONE);
    char *text = made(messages, 7, 12);

    ck_assert_uint_eq(strlen(text), 64);
    ck_assert_mem_eq(text, "s000007 m000000012 ", MESSAGE_STAMP);
    ck_assert_ptr_eq(strchr(text, '\n'), text + 63);
    ck_assert_uint_eq(messages_largest(messages), 64);
    free(text);
    messages_free(messages);
}

TEST(expected_bytes_are_the_transformed_ones)
{
    static const enum transform transforms[] = {TRANSFORM_UPPER, TRANSFORM_NONE};

    for (size_t t = 0; t < 2; t++) {
        struct messages *messages = messages_generated(1, 300, transforms[t]);

        for (uint64_t sequence = 0; sequence < 300; sequence++) {
            struct message message;
            char *sent, *expected;

            message_make(messages, 3, sequence, &message);
            sent = joined(&message, false);
            expected = joined(&message, true);
            transform_apply(transforms[t], (unsigned char *)sent, message.size);
            ck_assert_str_eq(sent, expected);
            free(sent);
            free(expected);
        }
        messages_free(messages);
    }
}

TEST(the_text_has_every_printable_character)
{
    struct messages *messages = messages_generated(256, 256, TRANSFORM_UPPER);
    char *text = made(messages, 0, 0);

    for (int c = ' '; c <= '~'; c++)
        ck_assert_msg(strchr(text, c) != NULL, "no '%c'", c);
    free(text);
    messages_free(messages);
}

TEST(messages_differ_between_sessions_and_in_sequence)
{
    /* too short for a stamp, so that the text itself has to differ */
    struct messages *messages = messages_generated(16, 16, TRANSFORM_UPPER);

    for (unsigned session = 0; session < 40; session++) {
        char *mine = made(messages, session, 5);
        char *next = made(messages, session, 6);
        char *other = made(messages, session + 1, 5);

        ck_assert_str_ne(mine, next);
        ck_assert_str_ne(mine, other);
        free(mine);
        free(next);
        free(other);
    }
    messages_free(messages);
}

TEST(sizes_of_a_range_are_all_used)
{
    struct messages *messages = messages_generated(1, 40, TRANSFORM_UPPER);
    bool seen[41] = {false};

    for (uint64_t sequence = 0; sequence < 2000; sequence++) {
        struct message message;

        message_make(messages, 1, sequence, &message);
        ck_assert_uint_ge(message.size, 1);
        ck_assert_uint_le(message.size, 40);
        seen[message.size] = true;
    }
    for (size_t size = 1; size <= 40; size++)
        ck_assert_msg(seen[size], "no message of %zu bytes", size);
    messages_free(messages);
}

TEST(a_byte_alone_never_looks_like_the_start_of_busy)
{
    struct messages *messages = messages_generated(1, 1, TRANSFORM_UPPER);

    for (uint64_t sequence = 0; sequence < 5000; sequence++) {
        struct message message;

        message_make(messages, 2, sequence, &message);
        ck_assert_uint_eq(message.size, 1);
        ck_assert_uint_ne(message.part[0].expected[0], 'B');
    }
    messages_free(messages);
}

TEST(a_message_in_one_piece)
{
    struct messages *messages = messages_generated(100, 100, TRANSFORM_UPPER);
    unsigned char buffer[100];
    struct message message;
    char *text;

    message_make(messages, 1, 2, &message);
    text = joined(&message, false);
    ck_assert_ptr_eq(message_flat(&message, buffer), buffer);
    ck_assert_mem_eq(buffer, text, sizeof buffer);
    free(text);
    messages_free(messages);

    /* one that is in one piece already is not copied */
    message_single(&message, buffer, buffer, sizeof buffer);
    ck_assert_ptr_eq(message_flat(&message, NULL), buffer);
}

CASE("Messages from a file")

/* A file with these bytes that is gone with the test. @return its name under /proc */
static const char *file_of(const void *bytes, size_t size)
{
    static char path[32];
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fflush(file), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    return path;
}

TEST(lines_of_a_file_with_their_newlines)
{
    static const char text[] = "One\n\nthree \0 zero\n\xc3\xa9t\xc3\xa9";
    const char *cause = NULL;
    struct messages *messages =
        messages_from_file(file_of(text, sizeof text - 1), 1, TRANSFORM_UPPER, &cause);

    ck_assert_msg(messages != NULL, "%s", cause);
    expect_bytes(messages, 0, 0, "One\n", 4);
    expect_bytes(messages, 0, 1, "\n", 1);
    expect_bytes(messages, 0, 2, "three \0 zero\n", 13);
    expect_bytes(messages, 0, 3, "\xc3\xa9t\xc3\xa9", 5); /* no newline at the end of the file */
    expect_bytes(messages, 0, 4, "One\n", 4);             /* and again from the top */
    ck_assert_uint_eq(messages_largest(messages), 13);
    messages_free(messages);
}

TEST(expected_lines_are_transformed)
{
    const char *cause = NULL;
    struct messages *messages =
        messages_from_file(file_of("a\xc3\xa9\n", 4), 1, TRANSFORM_UPPER, &cause);
    struct message message;

    ck_assert_ptr_nonnull(messages);
    message_make(messages, 0, 0, &message);
    ck_assert_mem_eq(message.part[0].sent, "a\xc3\xa9\n", 4);
    ck_assert_mem_eq(message.part[0].expected, "A\xc3\xa9\n", 4);
    messages_free(messages);
}

TEST(each_session_begins_at_a_line_of_its_own)
{
    const char *cause = NULL;
    struct messages *messages =
        messages_from_file(file_of("a\nb\nc\nd\ne\nf\n", 12), 3, TRANSFORM_NONE, &cause);

    ck_assert_ptr_nonnull(messages);
    expect_bytes(messages, 0, 0, "a\n", 2);
    expect_bytes(messages, 1, 0, "c\n", 2);
    expect_bytes(messages, 2, 0, "e\n", 2);
    expect_bytes(messages, 2, 2, "a\n", 2);
    messages_free(messages);
}

TEST(very_long_lines_are_cut)
{
    size_t size = 2 * (size_t)MESSAGE_LINE_MAX + 5;
    char *text = suite_memory(size);
    const char *cause = NULL;
    struct messages *messages;

    memset(text, 'x', size);
    text[size - 1] = '\n';
    messages = messages_from_file(file_of(text, size), 1, TRANSFORM_NONE, &cause);
    ck_assert_ptr_nonnull(messages);
    expect_bytes(messages, 0, 0, text, MESSAGE_LINE_MAX);
    expect_bytes(messages, 0, 1, text, MESSAGE_LINE_MAX);
    expect_bytes(messages, 0, 2, "xxxx\n", 5);
    expect_bytes(messages, 0, 3, text, MESSAGE_LINE_MAX);
    messages_free(messages);
}

TEST(files_that_cannot_be_used)
{
    const char *cause = NULL;

    ck_assert_ptr_null(messages_from_file("/nowhere/at all", 1, TRANSFORM_UPPER, &cause));
    ck_assert_str_eq(cause, "No such file or directory");
    ck_assert_ptr_null(messages_from_file("/", 1, TRANSFORM_UPPER, &cause));
    ck_assert_str_eq(cause, "Is a directory");
    ck_assert_ptr_null(messages_from_file("/dev/null", 1, TRANSFORM_UPPER, &cause));
    ck_assert_str_eq(cause, "it is empty");
    messages_free(NULL);
}
