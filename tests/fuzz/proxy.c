/* SPDX-License-Identifier: MIT */
/*
 * PROXY headers, of both versions: what a proxy, or a client that claims to be one, may send first.
 *
 * Bytes decide once: what cannot become a header never does, and where a header ends does not depend on what
 * follows it or on how it comes. Not one byte behind it is taken out of the socket.
 */
#include "config.h"

#include "server/session/proxy.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/printed.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LONGEST = PROXY_HEADER_MAX + 256,
    EACH_PREFIX = 300, /* beyond that, one of PREFIX_STEP */
    PREFIX_STEP = 97,
};

const bool target_takes_messages = false;

/** The address of a header is one, and can be shown. */
static void check_source(const struct address *source)
{
    char text[ADDRESS_TEXT_MAX];

    HOLDS(source->length <= sizeof source->storage);
    HOLDS(source->length > 0 || source->storage.ss_family == AF_UNSPEC);
    address_text(source, text);
    HOLDS(memchr(text, '\0', sizeof text) != NULL && all_printable(text, strlen(text)));
}

/** Parse each beginning of the bytes. @return what is known after the last */
static int parse_growing(const uint8_t *input, size_t size)
{
    int known = -EAGAIN;

    for (size_t length = 0; length <= size;
         length += length < EACH_PREFIX || size - length < PREFIX_STEP ? 1 : PREFIX_STEP) {
        struct address source, untouched;
        int parsed;

        memset(&source, 0xa5, sizeof source);
        untouched = source;
        parsed = proxy_parse(input, length, &source);
        HOLDS(parsed > 0 || parsed == -EAGAIN || parsed == -EPROTO);
        HOLDS(known == -EAGAIN || parsed == known);
        HOLDS(parsed <= 0 || (size_t)parsed <= length);
        if (parsed > 0)
            check_source(&source);
        else
            HOLDS(memcmp(&source, &untouched, sizeof source) == 0);
        known = parsed;
    }
    return known;
}

/** Read them from a socket, into which they come in two pieces. @param known  what parsing has shown */
static void read_in_pieces(const uint8_t *input, size_t size, size_t first, int known)
{
    static uint8_t rest[LONGEST];
    struct proxy_reader reader = {0};
    struct address source;
    int ends[2], rc = -EAGAIN;
    size_t sent = 0, behind;

    HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    while (rc == -EAGAIN && sent < size) {
        size_t piece = sent == 0 && first < size ? first : size - sent;

        HOLDS(send(ends[1], input + sent, piece, 0) == (ssize_t)piece);
        sent += piece;
        rc = proxy_read(&reader, ends[0], true, &source);
    }
    HOLDS(rc == (known > 0 ? 0 : known));
    if (rc == -EAGAIN) {
        shutdown(ends[1], SHUT_WR);
        HOLDS(proxy_read(&reader, ends[0], true, &source) == (size > 0 ? -EPROTO : -ENODATA));
    } else if (rc == 0) {
        behind = sent - (size_t)known;
        HOLDS(reader.size == (size_t)known);
        HOLDS(recv(ends[0], rest, sizeof rest, MSG_DONTWAIT) ==
              (behind > 0 ? (ssize_t)behind : -1));
        HOLDS(memcmp(rest, input + known, behind) == 0);
    }
    close(ends[0]);
    close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    int before = lowest_free_fd();
    int known;

    if (size > LONGEST)
        size = LONGEST;
    known = parse_growing(input, size);
    read_in_pieces(input, size, 1, known);
    read_in_pieces(input, size, size / 2 + 1, known);
    HOLDS(lowest_free_fd() == before);
    return 0;
}
