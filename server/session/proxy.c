/* SPDX-License-Identifier: MIT */
/*
 * The PROXY header: see proxy.h. Sections are those of HAProxy's doc/proxy-protocol.txt.
 *
 * DESIGN. Parsing knows no sockets: it gets a growing prefix of the stream and returns "complete", "not
 * yet" or "never". It starts from the beginning each time; for so few bytes that is cheaper than keeping a
 * state, and easier to verify.
 *
 * Reading must stop exactly behind the header, because the bytes that follow belong to the client or to
 * TLS. The end of version 1 is known only when it has been seen. So bytes are first peeked at (MSG_PEEK),
 * and then those that belong to the header are taken.
 *
 * A checksum (PP2_TYPE_CRC32C) is not verified: it is optional for receivers, and TCP has its own.
 */
#include "server/session/proxy.h"

#include "common/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

enum {
    LINE_MAX_BYTES = 107,      /* version 1, CR and LF included (2.1) */
    LINE_FIELDS = 6,           /* PROXY, family, two addresses, two ports */
    FIXED_BYTES = 16,          /* version 2: signature, version and command, family, length (2.2) */
    SIGNATURE_BYTES = 12,      /* of version 2 */
    VERSION_AND_COMMAND = 12,  /* where they are */
    FAMILY_AND_TRANSPORT = 13, /* likewise */
    LENGTH = 14,               /* likewise, two bytes */
    TLV_FIXED_BYTES = 3,       /* type, and two bytes of length */
};

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";

/* Keep what is wrong with a header. @return -EPROTO */
static int never(const char **why, const char *what)
{
    *why = what;
    return -EPROTO;
}

/* Set the address to "not given". */
static void set_unknown(struct address *source)
{
    memset(source, 0, sizeof *source);
    source->storage.ss_family = AF_UNSPEC;
}

static void set_ipv4(struct address *source, const void *host, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&source->storage;

    memset(source, 0, sizeof *source);
    v4->sin_family = AF_INET;
    memcpy(&v4->sin_addr, host, sizeof v4->sin_addr);
    v4->sin_port = htons(port);
    source->length = sizeof *v4;
}

static void set_ipv6(struct address *source, const void *host, uint16_t port)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&source->storage;

    memset(source, 0, sizeof *source);
    v6->sin6_family = AF_INET6;
    memcpy(&v6->sin6_addr, host, sizeof v6->sin6_addr);
    v6->sin6_port = htons(port);
    source->length = sizeof *v6;
}

/* Set a path, an abstract name padded with zeros, or, from all zeros, no name. */
static void set_unix(struct address *source, const unsigned char *name, size_t size)
{
    struct sockaddr_un *to = (struct sockaddr_un *)&source->storage;

    while (size > 0 && name[size - 1] == '\0')
        size--;
    memset(source, 0, sizeof *source);
    to->sun_family = AF_UNIX;
    memcpy(to->sun_path, name, size);
    source->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

/* --- version 1 ----------------------------------------------------------------------------- */

static bool begins_with(const char *text, size_t size, const char *beginning)
{
    size_t length = strlen(beginning);

    return memcmp(text, beginning, size < length ? size : length) == 0;
}

/* Parse a port in decimal, without a leading zero. */
static bool port_of(const char *text, uint16_t *port)
{
    uint64_t number;

    if ((text[0] == '0' && text[1] != '\0') || !parse_number(text, 0, UINT16_MAX, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

/* Cut a line at each blank. @return false unless that makes exactly LINE_FIELDS fields */
static bool split(char *line, char *fields[static LINE_FIELDS])
{
    int count = 0;

    do {
        if (count == LINE_FIELDS)
            return false;
        fields[count++] = line;
        line = strchr(line, ' ');
        if (line != NULL)
            *line++ = '\0';
    } while (line != NULL);
    return count == LINE_FIELDS;
}

/* Parse "PROXY TCP4 source destination port port", without its CR LF. @return 0, or -EPROTO and why */
static int parse_line(char *line, struct address *source, const char **why)
{
    char *fields[LINE_FIELDS];
    unsigned char hosts[2][sizeof(struct in6_addr)];
    uint16_t ports[2];
    bool is_v6;

    if (!split(line, fields))
        return never(why, "its line has not two addresses and two ports");
    is_v6 = strcmp(fields[1], "TCP6") == 0;
    for (int i = 0; i < 2; i++)
        if (inet_pton(is_v6 ? AF_INET6 : AF_INET, fields[2 + i], hosts[i]) != 1 ||
            !port_of(fields[4 + i], &ports[i]))
            return never(why, "its line has an invalid address or port");
    if (is_v6)
        set_ipv6(source, hosts[0], ports[0]);
    else
        set_ipv4(source, hosts[0], ports[0]);
    return 0;
}

/* Check whether an incomplete line can still become valid: printable, except for a last CR. */
static bool is_open_line(const char *text, size_t size)
{
    size_t printable = 0;

    while (printable < size && text[printable] >= ' ' && text[printable] <= '~')
        printable++;
    return printable == size || (printable == size - 1 && text[printable] == '\r');
}

/*
 * Parse version 1. A line is decoded when it is complete (2.1). Until then check only whether it can
 * become valid, so that a wrong one fails at once and not by a time limit. After UNKNOWN any text is valid.
 */
static int parse_v1(const char *text, size_t size, struct address *source, const char **why)
{
    const bool is_unknown = begins_with(text, size, "PROXY UNKNOWN");
    const size_t seen = size < LINE_MAX_BYTES ? size : LINE_MAX_BYTES;
    const char *end = memmem(text, seen, "\r\n", 2);
    char line[LINE_MAX_BYTES];
    size_t length;

    if (!is_unknown && !begins_with(text, size, "PROXY TCP4 ") &&
        !begins_with(text, size, "PROXY TCP6 "))
        return never(why, "the first bytes are of neither version");
    if (end == NULL && size >= LINE_MAX_BYTES)
        return never(why, "its line has no end within 107 bytes");
    if (end == NULL)
        return is_unknown || is_open_line(text, size)
                   ? -EAGAIN
                   : never(why, "its line has bytes that are not printable");
    length = (size_t)(end - text);
    if (is_unknown) {
        if (length > strlen("PROXY UNKNOWN") && text[strlen("PROXY UNKNOWN")] != ' ')
            return never(why, "the first bytes are of neither version");
        set_unknown(source);
        return (int)length + 2;
    }
    if (memchr(text, '\0', length) != NULL)
        return never(why, "its line has bytes that are not printable");
    memcpy(line, text, length);
    line[length] = '\0';
    return parse_line(line, source, why) == 0 ? (int)length + 2 : -EPROTO;
}

/* --- version 2 ----------------------------------------------------------------------------- */

static uint16_t big_endian(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Check that the bytes after the addresses are whole triples of type, length and value. */
static bool are_tlvs(const unsigned char *bytes, size_t size)
{
    while (size >= TLV_FIXED_BYTES) {
        size_t length = TLV_FIXED_BYTES + (size_t)big_endian(bytes + 1);
        if (length > size)
            return false;
        bytes += length;
        size -= length;
    }
    return size == 0;
}

/* Parse the addresses of a complete header, and check what follows them. @return 0 or -EPROTO */
static int parse_block(unsigned family, const unsigned char *block, size_t size,
                       struct address *source)
{
    /* Two addresses, and for IP two ports. */
    static const size_t bytes_of[] = {[1] = 12, [2] = 36, [3] = 216};

    if (size < bytes_of[family] || !are_tlvs(block + bytes_of[family], size - bytes_of[family]))
        return -EPROTO;
    switch (family) {
    case 1: set_ipv4(source, block, big_endian(block + 8)); break;
    case 2: set_ipv6(source, block, big_endian(block + 32)); break;
    default: set_unix(source, block, 108); break;
    }
    return 0;
}

/*
 * Parse version 2, of which at least the first byte is here and valid. Each of its first bytes is checked
 * as soon as it has come.
 */
static int parse_v2(const unsigned char *bytes, size_t size, struct address *source,
                    const char **why)
{
    unsigned family, transport;
    bool is_local;
    size_t length;

    if (memcmp(bytes, signature, size < SIGNATURE_BYTES ? size : SIGNATURE_BYTES) != 0)
        return never(why, "the signature of version 2 is wrong");
    if (size <= VERSION_AND_COMMAND)
        return -EAGAIN;
    if (bytes[VERSION_AND_COMMAND] != 0x20 && bytes[VERSION_AND_COMMAND] != 0x21)
        return never(why, "its version is not 2, or its command unknown");
    is_local = bytes[VERSION_AND_COMMAND] == 0x20;
    if (size <= FAMILY_AND_TRANSPORT)
        return -EAGAIN;
    family = bytes[FAMILY_AND_TRANSPORT] >> 4;
    transport = bytes[FAMILY_AND_TRANSPORT] & 0xf;
    if (!is_local && (family > 3 || transport > 2))
        return never(why, "its address family or transport is unknown");
    if (size < FIXED_BYTES)
        return -EAGAIN;
    length = FIXED_BYTES + (size_t)big_endian(bytes + LENGTH);
    if (length > PROXY_HEADER_MAX)
        return never(why, "it is longer than 4096 bytes");
    if (size < length)
        return -EAGAIN;
    /* With LOCAL everything after that is ignored, the family included (2.2). */
    if (is_local || family == 0 || transport == 0)
        set_unknown(source);
    else if (parse_block(family, bytes + FIXED_BYTES, length - FIXED_BYTES, source) != 0)
        return never(why, "its addresses, or the fields that follow them, do not fit its length");
    return (int)length;
}

/* As proxy_parse(), with a few words on -EPROTO. */
static int parse(const unsigned char *bytes, size_t size, struct address *source, const char **why)
{
    if (size == 0)
        return -EAGAIN;
    /* The first byte tells the versions apart. */
    return bytes[0] == signature[0] ? parse_v2(bytes, size, source, why)
                                    : parse_v1((const char *)bytes, size, source, why);
}

int proxy_parse(const unsigned char *bytes, size_t size, struct address *source)
{
    const char *why;

    return parse(bytes, size, source, &why);
}

/* --- reading ------------------------------------------------------------------------------- */

/* recv() that is not ended by a signal. @return bytes, 0 at end of file, or a negated errno value */
static ssize_t receive(int fd, void *bytes, size_t size, int flags)
{
    ssize_t got;

    do
        got = recv(fd, bytes, size, flags);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* Take out of the socket what has been peeked at. @return 0, or a negated errno value */
static int take(struct proxy_reader *reader, int fd, size_t count)
{
    while (count > 0) {
        ssize_t got = receive(fd, reader->bytes + reader->size, count, MSG_DONTWAIT);
        if (got <= 0)
            return got < 0 ? (int)got : never(&reader->why, "the connection ended inside it");
        reader->size += (size_t)got;
        count -= (size_t)got;
    }
    return 0;
}

int proxy_read(struct proxy_reader *reader, int fd, bool nonblocking, struct address *source)
{
    const int flags = MSG_PEEK | (nonblocking ? MSG_DONTWAIT : 0);

    for (;;) {
        size_t have = reader->size;
        ssize_t got = receive(fd, reader->bytes + have, sizeof reader->bytes - have, flags);
        struct address found;
        int parsed, taken;

        if (got == 0 || (got == -ECONNRESET && have == 0))
            return have == 0 ? -ENODATA : never(&reader->why, "the connection ended inside it");
        if (got < 0)
            return got == -EAGAIN && !nonblocking ? -ETIMEDOUT : (int)got;
        parsed = parse(reader->bytes, have + (size_t)got, &found, &reader->why);
        if (parsed == -EPROTO)
            return parsed;
        /* A header that has just become complete ends in the bytes that have just come. */
        taken = take(reader, fd, parsed > 0 ? (size_t)parsed - have : (size_t)got);
        if (taken != 0)
            return taken;
        if (parsed > 0) {
            reader->is_local =
                reader->bytes[0] == signature[0] && reader->bytes[VERSION_AND_COMMAND] == 0x20;
            *source = found;
            return 0;
        }
    }
}
