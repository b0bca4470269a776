/* SPDX-License-Identifier: MIT */
/* What may be shown: see printable.h. */
#include "common/printable.h"

#include <string.h>

size_t printable(const unsigned char *bytes, size_t size)
{
    unsigned char lead = bytes[0];
    /* The second byte is what rules out overlong forms, surrogates and what lies above U+10FFFF;
       and, after 0xC2, the control characters U+0080 to U+009F. */
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t length;

    if (lead < 0x80)
        return lead >= 0x20 && lead != 0x7f ? 1 : 0;
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
    /* U+FEFF is not seen at all. */
    if (lead == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf)
        return 0;
    /* U+FFFE and U+FFFF are no characters, and XML does not take them. */
    if (lead == 0xef && bytes[1] == 0xbf && bytes[2] >= 0xbe)
        return 0;
    return length;
}

size_t printable_text(char *text, size_t room, const void *bytes, size_t size, char instead)
{
    const unsigned char *from = bytes;
    size_t used = 0;

    for (size_t at = 0; at < size;) {
        size_t shown = printable(from + at, size - at);
        size_t length = shown == 0 ? 1 : shown;

        if (used + length >= room)
            break;
        if (shown == 0)
            text[used] = instead;
        else
            memmove(text + used, from + at, shown);
        used += length;
        at += length;
    }
    text[used] = '\0';
    return used;
}
