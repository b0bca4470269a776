/* SPDX-License-Identifier: MIT */
/* client/sources: addresses and ranges of them, what is none, and taking them in turn. */
#include "client/session/sources.h"
#include "tests/kit/suite.h"

#include <stddef.h>
#include <string.h>

struct range {
    const char *text;
    unsigned count;
    unsigned k; /* this one is asked for */
    const char *address;
};

static const struct range ranges[] = {
    {"127.0.0.1", 1, 0, "127.0.0.1:0"},
    {"127.0.0.1", 1, 12345, "127.0.0.1:0"},
    {"127.0.0.1-127.0.0.1", 1, 7, "127.0.0.1:0"},
    {"127.0.0.1-127.0.0.8", 8, 7, "127.0.0.8:0"},
    {"127.0.0.1-127.0.0.8", 8, 8, "127.0.0.1:0"},
    {"127.0.0.1-127.0.0.8", 8, 4294967295, "127.0.0.8:0"},
    {"127.0.0.250-127.0.1.5", 12, 6, "127.0.1.0:0"},
    {"10.0.0.0-10.0.255.255", 65536, 65535, "10.0.255.255:0"},
    {"10.255.255.255-11.0.0.0", 2, 1, "11.0.0.0:0"},
    {"255.255.255.254-255.255.255.255", 2, 1, "255.255.255.255:0"},
    {"::1", 1, 3, "[::1]:0"},
    {"fd00::fffe-fd00::1:1", 4, 2, "[fd00::1:0]:0"},
    {"fd00::1-fd00::ffff", 65535, 65534, "[fd00::ffff]:0"},
    {"fd00::ffff:ffff:ffff:ffff-fd00:0:0:1::", 2, 1, "[fd00:0:0:1::]:0"},
};

CASE("Core")

LOOP_TEST(ranges_are_counted_and_taken_in_turn, COUNT_OF(ranges))
{
    const struct range *range = &ranges[_i];
    struct sources sources;
    struct address address;
    char text[ADDRESS_TEXT_MAX];

    ck_assert_msg(sources_parse(range->text, &sources), "%s", range->text);
    ck_assert_uint_eq(sources.count, range->count);
    sources_pick(&sources, range->k, &address);
    ck_assert_str_eq(address_text(&address, text), range->address);
    ck_assert_uint_eq(address.length, strchr(range->text, ':') != NULL ? 28 : 16);
}

static const char *const wrong[] = {
    "",
    "-",
    "127.0.0.1-",
    "-127.0.0.1",
    "127.0.0.8-127.0.0.1",
    "127.0.0.1-127.0.0.2-127.0.0.3",
    "127.0.0.1 - 127.0.0.2",
    " 127.0.0.1",
    "127.1",
    "127.0.0.256",
    "localhost",
    "unix:/tmp/x",
    "127.0.0.1:80",
    "[::1]",
    "127.0.0.1-::1",
    "::1-127.0.0.1",
    "10.0.0.0-10.1.0.0", /* one more than there may be */
    "0.0.0.0-255.255.255.255",
    "::2-::1",
    "fd00::1:0-fd00::ffff",
    "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "ffff::-::",
    "fd00::-fd00::1:0",
    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd-::1",
};

LOOP_TEST(what_is_no_range, COUNT_OF(wrong))
{
    struct sources sources = {.count = 77};

    ck_assert_msg(!sources_parse(wrong[_i], &sources), "%s", wrong[_i]);
    ck_assert_uint_eq(sources.count, 77);
}
