/* SPDX-License-Identifier: MIT */
/*
 * Ranges of local addresses. See sources.h.
 *
 * An address is a number of 4 or 16 bytes, the first the highest. A range is short, so the difference
 * of its ends fits an integer, and picking adds an integer with carry.
 */
#include "client/session/sources.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Find the bytes of an address. @param size  set to how many there are */
static unsigned char *bytes_of(struct address *address, size_t *size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;

    if (address->storage.ss_family == AF_INET) {
        *size = sizeof v4->sin_addr;
        return (unsigned char *)&v4->sin_addr;
    }
    *size = sizeof v6->sin6_addr;
    return (unsigned char *)&v6->sin6_addr;
}

/** Parse one numeric address, with port 0. */
static bool parse_one(const char *text, struct address *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;

    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        address->length = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        address->length = sizeof *v6;
        return true;
    }
    return false;
}

/** Add a number to an address, with carry. */
static void add(struct address *address, unsigned number)
{
    size_t size;
    unsigned char *bytes = bytes_of(address, &size);

    for (size_t i = size; i > 0 && number > 0; i--) {
        number += bytes[i - 1];
        bytes[i - 1] = (unsigned char)number;
        number >>= 8;
    }
}

/** Count the addresses of a range. @return 0: its ends are in the wrong order or too far apart */
static unsigned count_range(struct address *first, struct address *last)
{
    size_t size;
    const unsigned char *from = bytes_of(first, &size), *to = bytes_of(last, &size);
    int64_t distance = 0;

    for (size_t i = 0; i < size; i++) {
        distance = distance * 256 + to[i] - from[i];
        /* if the higher bytes are that far apart, the lower ones cannot make up for it */
        if (distance > SOURCES_MAX || distance < -SOURCES_MAX)
            return 0;
    }
    return distance < 0 || distance >= SOURCES_MAX ? 0 : (unsigned)distance + 1;
}

bool sources_parse(const char *text, struct sources *sources)
{
    char first_text[INET6_ADDRSTRLEN];
    const char *dash = strchr(text, '-');
    size_t length = dash != NULL ? (size_t)(dash - text) : strlen(text);
    struct sources parsed = {.count = 1};
    struct address last;

    if (length >= sizeof first_text)
        return false;
    memcpy(first_text, text, length);
    first_text[length] = '\0';
    if (!parse_one(first_text, &parsed.first))
        return false;
    if (dash != NULL) {
        if (!parse_one(dash + 1, &last) || last.storage.ss_family != parsed.first.storage.ss_family)
            return false;
        parsed.count = count_range(&parsed.first, &last);
    }
    if (parsed.count == 0)
        return false;
    *sources = parsed;
    return true;
}

void sources_pick(const struct sources *sources, unsigned k, struct address *address)
{
    *address = sources->first;
    /* cannot overflow: first + count - 1 is an address */
    add(address, k % sources->count);
}
