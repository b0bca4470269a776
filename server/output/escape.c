/* SPDX-License-Identifier: MIT */
/* Escaping for terminals: see escape.h. */
#include "server/output/escape.h"

#include <string.h>

/* Length of the well-formed UTF-8 character at bytes that may be shown as it is; 0: there is none. */
static size_t printable_utf8(const unsigned char *bytes, size_t size)
{
    unsigned char lead = bytes[0];
    /* The second byte is what rules out overlong forms, surrogates and what lies above U+10FFFF;
       and, after 0xC2, the control characters U+0080 to U+009F. */
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t length;

    if (lead >= 0xc2 && lead <= 0xdf)
        length = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        length = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        length = 4;
    else
        return 0;
    switch (lead) {
    case 0xc2: low = 0xa0; break;
    case 0xe0: low = 0xa0; break;
    case 0xed: high = 0x9f; break;
    case 0xf0: low = 0x90; break;
    case 0xf4: high = 0x8f; break;
    default: break;
    }
    if (length > size || bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return 0;
    /* U+2028 and U+2029 end a line, U+202A to U+202E and U+2066 to U+2069 turn the text round. */
    if (lead == 0xe2 && ((bytes[1] == 0x80 && bytes[2] >= 0xa8 && bytes[2] <= 0xae) ||
                         (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9)))
        return 0;
    return length;
}

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

        if (byte >= 0x80)
            consumed = length = printable_utf8(&bytes[taken], size - taken);
        if (length == 0 || byte < 0x20 || byte == 0x7f || byte == '\\') {
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
