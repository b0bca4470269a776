/* SPDX-License-Identifier: MIT */
/* Escaping for terminals: see escape.h. */
#include "server/output/escape.h"

#include "common/printable.h"

#include <string.h>

/* One byte that is not shown as it is. @return length of what was written to text */
static size_t escape_one(char text[ESCAPE_MAX], unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";

    text[0] = '\\';
    switch (byte) {
    case '\n': text[1] = 'n'; return 2;
    case '\r': text[1] = 'r'; return 2;
    case '\t': text[1] = 't'; return 2;
    case '\\': text[1] = '\\'; return 2;
    default: break;
    }
    text[1] = 'x';
    text[2] = digits[byte >> 4];
    text[3] = digits[byte & 15];
    return 4;
}

size_t escape_bytes(char *text, size_t room, const unsigned char *bytes, size_t size, size_t *used)
{
    size_t written = 0;
    size_t taken = 0;

    while (taken < size) {
        unsigned char byte = bytes[taken];
        char escaped[ESCAPE_MAX];
        const void *piece = &bytes[taken];
        size_t length = 1;
        size_t consumed = 1;

        consumed = length = printable(&bytes[taken], size - taken);
        if (length == 0 || byte == '\\') {
            length = escape_one(escaped, byte);
            piece = escaped;
            consumed = 1;
        }
        if (length > room - written)
            break;
        memcpy(text + written, piece, length);
        written += length;
        taken += consumed;
    }
    *used = taken;
    return written;
}
