/* SPDX-License-Identifier: MIT */
/*
 * The PROXY header: what is one, byte by byte, and what is not; and that reading it from a socket
 * leaves what follows where it is.
 */
#include "server/session/proxy.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define UNTOUCHED 0x5a

/* A text with its length, which may have zeros in it. */
struct header {
    const char *bytes;
    size_t size;
    const char *source; /* as address_text() writes it; "": none is named */
};
#define HEADER(literal, named)                                                                     \
    {                                                                                              \
        .bytes = (literal), .size = sizeof(literal) - 1, .source = (named)                         \
    }

/* clang-format off */
static const struct header good[] = {
    HEADER("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324"),
    HEADER("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"),
    HEADER("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0"),
    HEADER("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "[2001:db8::1]:1"),
    HEADER("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF 65535 65535\r\n",
           "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
    HEADER("PROXY TCP6 ::ffff:10.0.0.1 ::1 80 2\r\n", "[::ffff:10.0.0.1]:80"),
    HEADER("PROXY UNKNOWN\r\n", ""),
    HEADER("PROXY UNKNOWN \r\n", ""),
    HEADER("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", ""),
    HEADER("PROXY UNKNOWN \r \n \0 \xff anything\r\n", ""),
    /* LOCAL: without a block, with one, with one of no known family */
    HEADER(SIGNATURE "\x20\x00\x00\x00", ""),
    HEADER(SIGNATURE "\x20\x11\x00\x0c" "\x0a\x00\x00\x01\x0a\x00\x00\x02\x00\x50\x01\xbb", ""),
    HEADER(SIGNATURE "\x20\xff\x00\x03" "abc", ""),
    /* PROXY of a family or a transport that is not said */
    HEADER(SIGNATURE "\x21\x00\x00\x00", ""),
    HEADER(SIGNATURE "\x21\x00\x00\x05" "abcde", ""),
    HEADER(SIGNATURE "\x21\x10\x00\x00", ""),
    HEADER(SIGNATURE "\x21\x01\x00\x00", ""),
    /* IPv4 by TCP and by UDP, IPv6 */
    HEADER(SIGNATURE "\x21\x11\x00\x0c" "\x0a\x00\x00\x01\x0a\x00\x00\x02\x1f\x9a\x01\xbb",
           "10.0.0.1:8090"),
    HEADER(SIGNATURE "\x21\x12\x00\x0c" "\x0a\x00\x00\x01\x0a\x00\x00\x02\x1f\x9a\x01\xbb",
           "10.0.0.1:8090"),
    HEADER(SIGNATURE "\x21\x21\x00\x24"
           "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
           "\x1f\x9a\x01\xbb", "[2001:db8::1]:8090"),
    /* what follows the addresses: nothing in a TLV, a checksum, two of them */
    HEADER(SIGNATURE "\x21\x11\x00\x0f" "\x0a\x00\x00\x01\x0a\x00\x00\x02\x1f\x9a\x01\xbb"
           "\x04\x00\x00", "10.0.0.1:8090"),
    HEADER(SIGNATURE "\x21\x11\x00\x13" "\x0a\x00\x00\x01\x0a\x00\x00\x02\x1f\x9a\x01\xbb"
           "\x03\x00\x04" "crc!", "10.0.0.1:8090"),
    HEADER(SIGNATURE "\x21\x11\x00\x15" "\x0a\x00\x00\x01\x0a\x00\x00\x02\x1f\x9a\x01\xbb"
           "\xea\x00\x02\r\n" "\x01\x00\x01\0", "10.0.0.1:8090"),
};

static const struct header bad[] = {
    HEADER("\0", ""),
    HEADER("hello\n", ""),
    HEADER("GET / HTTP/1.1\r\n", ""),
    HEADER("PROXX", ""),
    HEADER("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", ""),
    HEADER(" PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4\t5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rx", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\0\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8\0 1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.08 1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 host 1 2\r\n", ""),
    HEADER("PROXY TCP4 ::1 ::1 1 2\r\n", ""),
    HEADER("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP6 [::1] ::1 1 2\r\n", ""),
    HEADER("PROXY TCP6 ::1 1:2:3:4:5:6:7:8:9 1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 00\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8 1 2x\r\n", ""),
    HEADER("PROXY TCP4 1.2.3.4 5.6.7.8  \r\n", ""),
    HEADER("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", ""),
    HEADER("PROXY UNKNOWNX\r\n", ""),
    HEADER("\r\n\r\n\r\n", ""),
    HEADER("\r\n\r\n\0\r\nQUIT\r", ""),
    HEADER(SIGNATURE "\x11\x11\x00\x0c", ""),                 /* version 1, in binary */
    HEADER(SIGNATURE "\x31\x11\x00\x0c", ""),                 /* version 3 */
    HEADER(SIGNATURE "\x22\x11\x00\x0c", ""),                 /* no such command */
    HEADER(SIGNATURE "\x21\x41\x00\x0c", ""),                 /* no such family */
    HEADER(SIGNATURE "\x21\x13\x00\x0c", ""),                 /* no such transport */
    HEADER(SIGNATURE "\x21\x11\x0f\xf1", ""),                 /* one byte more than 4096 in all */
    HEADER(SIGNATURE "\x20\x00\xff\xff", ""),
    HEADER(SIGNATURE "\x21\x11\x00\x00", ""),                 /* no addresses */
    HEADER(SIGNATURE "\x21\x11\x00\x0b" "12345678901", ""),   /* too few */
    HEADER(SIGNATURE "\x21\x21\x00\x0c" "123456789012", ""),  /* too few for IPv6 */
    HEADER(SIGNATURE "\x21\x11\x00\x0e" "123456789012" "\x04\x00", ""),      /* half a TLV */
    HEADER(SIGNATURE "\x21\x11\x00\x0f" "123456789012" "\x04\x00\x01", ""),  /* it ends beyond */
    HEADER(SIGNATURE "\x21\x11\x00\x13" "123456789012" "\x04\x00\x02" "abcd", ""),
};
/* clang-format on */
enum { GOOD = sizeof good / sizeof good[0], BAD = sizeof bad / sizeof bad[0] };

static void expect_source(const struct address *source, const char *named)
{
    char text[ADDRESS_TEXT_MAX];

    if (named[0] == '\0') {
        ck_assert_int_eq(source->storage.ss_family, AF_UNSPEC);
        ck_assert_uint_eq(source->length, 0);
    } else {
        ck_assert_str_eq(address_text(source, text), named);
    }
}

CASE("Parsing")

/* Each beginning of a header may become one, the whole is one, and what follows does not matter. */
LOOP_TEST(a_header_byte_by_byte, GOOD)
{
    const struct header *header = &good[_i];
    struct address source, before;
    unsigned char more[PROXY_HEADER_MAX + 4];

    memset(&source, UNTOUCHED, sizeof source);
    memset(&before, UNTOUCHED, sizeof before);
    for (size_t size = 0; size < header->size; size++) {
        /* A copy of just that size, so that reading beyond it is found out by a sanitizer. */
        unsigned char *part = suite_memory(size + (size == 0));
        memcpy(part, header->bytes, size);
        ck_assert_msg(proxy_parse(part, size, &source) == -EAGAIN, "byte %zu", size);
        ck_assert_mem_eq(&source, &before, sizeof source);
    }
    ck_assert_int_eq(proxy_parse((const unsigned char *)header->bytes, header->size, &source),
                     (int)header->size);
    expect_source(&source, header->source);

    memcpy(more, header->bytes, header->size);
    memcpy(more + header->size, "\r\n\0x", 4);
    ck_assert_int_eq(proxy_parse(more, header->size + 4, &source), (int)header->size);
    expect_source(&source, header->source);
}

/* It is refused when it is whole, and once a beginning is refused nothing mends it. */
LOOP_TEST(no_header, BAD)
{
    const unsigned char *bytes = (const unsigned char *)bad[_i].bytes;
    struct address source, before;
    bool refused = false;

    memset(&source, UNTOUCHED, sizeof source);
    memset(&before, UNTOUCHED, sizeof before);
    for (size_t size = 0; size <= bad[_i].size; size++) {
        int rc = proxy_parse(bytes, size, &source);
        ck_assert_msg(rc == -EPROTO || (rc == -EAGAIN && !refused), "%d at byte %zu", rc, size);
        refused = rc == -EPROTO;
    }
    ck_assert(refused);
    ck_assert_mem_eq(&source, &before, sizeof source);
}

/* The end of the line is among the first 107 bytes or nowhere. */
TEST(the_longest_line)
{
    unsigned char line[108] = "PROXY UNKNOWN ";
    struct address source;

    memset(line + 14, 'x', sizeof line - 14);
    ck_assert_int_eq(proxy_parse(line, 106, &source), -EAGAIN);
    ck_assert_int_eq(proxy_parse(line, 107, &source), -EPROTO);
    memcpy(line + 105, "\r\n", 2);
    ck_assert_int_eq(proxy_parse(line, 106, &source), -EAGAIN);
    ck_assert_int_eq(proxy_parse(line, 107, &source), 107);
    ck_assert_int_eq(proxy_parse(line, 108, &source), 107);
    memcpy(line + 105, "x\r\n", 3);
    ck_assert_int_eq(proxy_parse(line, 107, &source), -EPROTO);
    ck_assert_int_eq(proxy_parse(line, 108, &source), -EPROTO);
}

TEST(the_longest_binary_header)
{
    unsigned char header[PROXY_HEADER_MAX] = SIGNATURE "\x20\x00\x0f\xf0";
    struct address source;

    ck_assert_int_eq(proxy_parse(header, sizeof header - 1, &source), -EAGAIN);
    ck_assert_int_eq(proxy_parse(header, sizeof header, &source), PROXY_HEADER_MAX);
}

TEST(unix_clients)
{
    static const struct {
        const char *name;
        size_t size;
        const char *text;
    } cases[] = {
        {"/run/client", 11, "unix:/run/client"},
        {"\0client", 7, "unix:@client"},
        {"", 0, "unix:"},
    };
    struct address source;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char header[16 + 216] = SIGNATURE "\x21\x31\x00\xd8";
        memcpy(header + 16, cases[i].name, cases[i].size);
        ck_assert_int_eq(proxy_parse(header, sizeof header - 1, &source), -EAGAIN);
        ck_assert_int_eq(proxy_parse(header, sizeof header, &source), sizeof header);
        expect_source(&source, cases[i].text);
    }
    /* A path that fills its field to the end has no zero behind it. */
    unsigned char full[16 + 216] = SIGNATURE "\x21\x31\x00\xd8";
    char text[ADDRESS_TEXT_MAX];
    memset(full + 16, 'a', 108);
    ck_assert_int_eq(proxy_parse(full, sizeof full, &source), sizeof full);
    ck_assert_uint_eq(strlen(address_text(&source, text)), 5 + 108);
}

/* What a generator of its own gives, the same in each run. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/*
 * Headers with bytes changed, cut off and put in at random. Whatever comes out, each beginning is
 * either refused for good, or may go on, or is whole and stays that long.
 */
LOOP_TEST(damaged_headers, 4)
{
    static const unsigned char telling[] = "\r\n 0:.P";
    uint32_t state = 42 + (uint32_t)_i;

    for (int round = 0; round < 1000; round++) {
        const struct header *header = &good[next(&state) % GOOD];
        unsigned char bytes[PROXY_HEADER_MAX + 8];
        size_t size = header->size;
        int last = -EAGAIN;

        memcpy(bytes, header->bytes, size);
        for (uint32_t changes = next(&state) % 4; changes > 0; changes--) {
            size_t at = next(&state) % size;
            if (next(&state) % 4 == 0) {
                memmove(bytes + at + 1, bytes + at, size - at);
                size++;
            }
            /* Now any byte, now one that means something. */
            bytes[at] = (unsigned char)next(&state);
            if (next(&state) % 2 == 0)
                bytes[at] = telling[next(&state) % sizeof telling];
        }
        for (size_t part = 0; part <= size; part++) {
            unsigned char *exact = malloc(part + (part == 0));
            struct address source = {0};
            int rc;
            if (exact == NULL)
                ck_abort_msg("no memory");
            memcpy(exact, bytes, part);
            rc = proxy_parse(exact, part, &source);
            /* Asked only where it is wrong: an assertion that holds costs a system call. */
            if (last == -EAGAIN ? rc != -EAGAIN && rc != -EPROTO && rc != (int)part : rc != last)
                ck_abort_msg("round %d: %d at byte %zu, and %d before", round, rc, part, last);
            last = rc;
            free(exact);
        }
    }
}

CASE("Reading")

static void say(int fd, const void *bytes, size_t size)
{
    ck_assert_int_eq(send(fd, bytes, size, MSG_NOSIGNAL), (int)size);
}

static bool is_readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, 0) == 1;
}

/* The header goes, what is behind it stays, in one segment or byte by byte. */
LOOP_TEST(what_follows_stays, GOOD)
{
    const struct header *header = &good[_i];
    struct proxy_reader reader = {0};
    struct address source;
    char rest[8];
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    say(pair[1], header->bytes, header->size);
    say(pair[1], "\r\nPROXY", 7);
    ck_assert_int_eq(proxy_read(&reader, pair[0], false, &source), 0);
    expect_source(&source, header->source);
    ck_assert_int_eq(recv(pair[0], rest, sizeof rest, 0), 7);
    ck_assert_mem_eq(rest, "\r\nPROXY", 7);

    reader = (struct proxy_reader){0};
    for (size_t i = 0; i < header->size; i++) {
        ck_assert_int_eq(proxy_read(&reader, pair[0], true, &source), -EAGAIN);
        ck_assert_msg(!is_readable(pair[0]), "a loop would spin at byte %zu", i);
        say(pair[1], header->bytes + i, 1);
    }
    say(pair[1], "x", 1);
    ck_assert_int_eq(proxy_read(&reader, pair[0], true, &source), 0);
    expect_source(&source, header->source);
    ck_assert_int_eq(recv(pair[0], rest, sizeof rest, 0), 1);
    close(pair[0]);
    close(pair[1]);
}

LOOP_TEST(what_is_no_header_ends_it, BAD)
{
    struct proxy_reader reader = {0};
    struct address source, before;
    int pair[2];

    memset(&source, UNTOUCHED, sizeof source);
    memset(&before, UNTOUCHED, sizeof before);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    say(pair[1], bad[_i].bytes, bad[_i].size);
    ck_assert_int_eq(proxy_read(&reader, pair[0], _i % 2 == 0, &source), -EPROTO);
    ck_assert_mem_eq(&source, &before, sizeof source);
    close(pair[0]);
    close(pair[1]);
}

LOOP_TEST(ends_of_file, 2)
{
    struct proxy_reader reader = {0};
    struct address source;
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[1]);
    ck_assert_int_eq(proxy_read(&reader, pair[0], _i == 0, &source), -ENODATA);
    close(pair[0]);

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    say(pair[1], "PROXY", 5);
    close(pair[1]);
    ck_assert_int_eq(proxy_read(&reader, pair[0], _i == 0, &source), -EPROTO);
    close(pair[0]);
}

TEST(a_time_limit_of_the_socket)
{
    struct timeval limit = {.tv_usec = 10000};
    struct proxy_reader reader = {0};
    struct address source;
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    say(pair[1], "PROXY ", 6);
    ck_assert_int_eq(proxy_read(&reader, pair[0], false, &source), -ETIMEDOUT);
    close(pair[0]);
    close(pair[1]);
    ck_assert_int_eq(proxy_read(&reader, pair[0], false, &source), -EBADF);
}
