/* SPDX-License-Identifier: MIT */
/*
 * What is shown of a stranger's bytes: on a terminal, in a log, in JSON and in pictures. None of it moves a
 * cursor, ends a line or turns the text round, and nothing is lost where it is escaped.
 */
#include "config.h"

#include "client/session/verify.h"
#include "client/views/figures.h"
#include "common/address.h"
#include "common/json-line.h"
#include "common/log.h"
#include "common/printable.h"
#include "server/output/escape.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/printed.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 2000 };

const bool target_takes_messages = false;

struct bytes {
    const uint8_t *bytes;
    size_t size;
};

/** Undo escape_bytes(). @return the size */
static size_t unescape(const char *text, size_t size, uint8_t *bytes)
{
    size_t length = 0;
    char digits[3] = "";

    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\\') {
            bytes[length++] = (uint8_t)text[i];
            continue;
        }
        HOLDS(++i < size);
        switch (text[i]) {
        case 'n': bytes[length++] = '\n'; break;
        case 'r': bytes[length++] = '\r'; break;
        case 't': bytes[length++] = '\t'; break;
        case '\\': bytes[length++] = '\\'; break;
        default:
            HOLDS(text[i] == 'x' && i + 2 < size);
            memcpy(digits, text + i + 1, 2);
            bytes[length++] = (uint8_t)strtoul(digits, NULL, 16);
            i += 2;
        }
    }
    return length;
}

/** Escape in pieces of that room: together they are the bytes. */
static void check_escape(const struct bytes *input, size_t room)
{
    char text[4 * ESCAPE_MAX];
    uint8_t back[sizeof text];
    size_t used;

    for (size_t at = 0; at < input->size; at += used) {
        size_t size = escape_bytes(text, room, input->bytes + at, input->size - at, &used);

        HOLDS(used > 0 && used <= input->size - at && size <= room);
        HOLDS(all_printable(text, size));
        HOLDS(unescape(text, size, back) == used);
        HOLDS(memcmp(back, input->bytes + at, used) == 0);
    }
}

static void log_it(void *argument)
{
    const struct bytes *input = argument;

    log_error("a client says \"%.*s\"", (int)input->size, (const char *)input->bytes);
}

/** A line of JSON, in that room. */
static void check_json_line(const struct bytes *input, size_t room)
{
    char bytes[LONGEST + 200], text[LONGEST + 1];
    struct json_line line = json_line_begin(bytes, room);
    json_t *read;
    size_t size;

    memcpy(text, input->bytes, input->size);
    text[input->size] = '\0';
    json_line_number(&line, "session", 7);
    json_line_text(&line, "peer", text);
    json_line_ms(&line, "held_ms", 1500000);
    size = json_line_end(&line);
    HOLDS(size <= room && size > 0 && bytes[size - 1] == '\n' && all_printable(bytes, size - 1));
    read = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
    HOLDS(json_is_object(read));
    json_decref(read);
}

static void check_address(const struct bytes *input)
{
    struct address address = {.length = sizeof(sa_family_t)};
    char text[ADDRESS_TEXT_MAX];
    size_t size = input->size < 108 ? input->size : 108;

    address.storage.ss_family = AF_UNIX;
    memcpy((char *)&address.storage + sizeof(sa_family_t), input->bytes, size);
    address.length += (socklen_t)size;
    address_text(&address, text);
    HOLDS(memchr(text, '\0', sizeof text) != NULL && all_printable(text, strlen(text)));
}

/** A reason, as files of the client's views have it; they escape no more than quotes. */
static void check_reason(const struct bytes *input)
{
    char reason[SESSION_REASON], text[SESSION_REASON];
    size_t size = input->size < sizeof reason - 1 ? input->size : sizeof reason - 1;

    memcpy(reason, input->bytes, size);
    reason[size] = '\0';
    figures_clean(text, reason);
    HOLDS(strlen(text) == strlen(reason) && all_printable(text, strlen(text)));
}

/** A wrong reply, from each of its bytes on. */
static void check_difference(const struct bytes *input)
{
    static unsigned char sent[LONGEST];
    struct message message;
    struct verify_rows rows;

    message_single(&message, sent, sent, sizeof sent);
    for (size_t at = 0; at < input->size; at += 1 + at / 8) {
        verify_show(&message, at, input->bytes + at, input->size - at, &rows);
        HOLDS(all_printable(rows.expected, strlen(rows.expected)));
        HOLDS(all_printable(rows.got, strlen(rows.got)));
        HOLDS(all_printable(rows.mark, strlen(rows.mark)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct printed printed;
    struct bytes bytes = {.bytes = input, .size = size < LONGEST ? size : LONGEST};

    for (size_t at = 0, length; at < bytes.size; at += length == 0 ? 1 : length) {
        length = printable(input + at, bytes.size - at);
        HOLDS(length <= 4 && length <= bytes.size - at);
        HOLDS(length != 1 || isprint(input[at]));
    }
    for (size_t room = ESCAPE_MAX; room <= (size_t)4 * ESCAPE_MAX; room++)
        check_escape(&bytes, room);
    printed_by(&printed, log_it, &bytes);
    HOLDS(printed.status == -1 && printed_one_line(&printed));
    for (size_t room = 8; room < LONGEST; room += 1 + room / 2)
        check_json_line(&bytes, room);
    check_address(&bytes);
    check_reason(&bytes);
    check_difference(&bytes);
    return 0;
}
