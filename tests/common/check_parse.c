/* SPDX-License-Identifier: MIT */
/* Strict parsing of option values: what is accepted, its value, and many kinds of junk. */
#include "common/parse.h"
#include "tests/kit/suite.h"

#include <stddef.h>

#define UNTOUCHED 4711

CASE("Core")

TEST(numbers_are_read)
{
    static const struct {
        const char *text;
        uint64_t value;
    } cases[] = {{"0", 0},
                 {"1", 1},
                 {"007", 7},
                 {"8090", 8090},
                 {"4294967296", UINT64_C(4294967296)},
                 {"18446744073709551615", UINT64_MAX}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = UNTOUCHED;
        ck_assert_msg(parse_number(cases[i].text, 0, UINT64_MAX, &value), "%s", cases[i].text);
        ck_assert_uint_eq(value, cases[i].value);
    }
}

TEST(durations_are_read)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {{"0", 0},
                 {"0s", 0},
                 {"0.000ms", 0},
                 {"40ns", 40},
                 {"100us", 100000},
                 {"250ms", 250000000},
                 {"5s", INT64_C(5000000000)},
                 {"2m", INT64_C(120000000000)},
                 {"24h", INT64_C(86400000000000)},
                 {"1.5s", 1500000000},
                 {"1.5h", INT64_C(5400000000000)},
                 {"0.0000000000025h", 9},
                 {"0.25ms", 250000},
                 {"1.0ns", 1},
                 {"0.5m", INT64_C(30000000000)},
                 {"0.05m", INT64_C(3000000000)},
                 {"0.00000000005m", 3},
                 {"0.000000001s", 1},
                 {"1.2345678900000000000000000000s", 1234567890},
                 {"9223372036.854775807s", INT64_MAX}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns = UNTOUCHED;
        ck_assert_msg(parse_duration(cases[i].text, INT64_MAX, &ns), "%s", cases[i].text);
        ck_assert_msg(ns == cases[i].ns, "%s became %lld", cases[i].text, (long long)ns);
    }
}

TEST(sizes_are_read)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {{"0", 0},
                 {"1", 1},
                 {"1024", 1024},
                 {"0K", 0},
                 {"64K", 65536},
                 {"256M", 268435456},
                 {"2G", UINT64_C(2147483648)},
                 {"17179869183G", UINT64_C(17179869183) << 30}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes = UNTOUCHED;
        ck_assert_msg(parse_size(cases[i].text, 0, UINT64_MAX, &bytes), "%s", cases[i].text);
        ck_assert_uint_eq(bytes, cases[i].bytes);
    }
}

TEST(decimals_are_read)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},
                {"12", 12},
                {"0.5", 0.5},
                {"12.25", 12.25},
                {"1.000", 1},
                {"0.1", 0.1},
                {"100", 100},
                {"3.14159265358979", 3.14159265358979},
                {"0.3333333333333333333333333333", 1.0 / 3}};
    static const char *const bad[] = {"",    ".",   "1.",    ".5",  "1.5.", "1,5",
                                      "-1",  "+1",  " 1",    "1 ",  "1e3",  "0x10",
                                      "nan", "inf", "100.1", "101", "1.5x", "18446744073709551616"};
    double value;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(parse_decimal(good[i].text, 0, 100, &value), "%s", good[i].text);
        ck_assert_double_eq(value, good[i].value);
    }
    value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!parse_decimal(bad[i], 0, 100, &value), "%s", bad[i]);
    ck_assert(!parse_decimal("0.4", 0.5, 1, &value));
    ck_assert_double_eq(value, 7);
}

TEST(words_are_found)
{
    static const char *const words[] = {"pause", "reject", "", NULL};

    ck_assert_int_eq(parse_word("pause", words), 0);
    ck_assert_int_eq(parse_word("reject", words), 1);
    ck_assert_int_eq(parse_word("", words), 2);
    ck_assert_int_eq(parse_word("Pause", words), -1);
    ck_assert_int_eq(parse_word("paus", words), -1);
    ck_assert_int_eq(parse_word("pausee", words), -1);
    ck_assert_int_eq(parse_word(" pause", words), -1);
    ck_assert_int_eq(parse_word("pause", words + 3), -1);
}

CASE("Limits")

TEST(ranges_are_inclusive)
{
    uint64_t value = UNTOUCHED;
    int64_t ns = UNTOUCHED;

    ck_assert(!parse_number("0", 1, 4096, &value));
    ck_assert(!parse_number("4097", 1, 4096, &value));
    ck_assert(!parse_size("3K", 4096, 8192, &value));
    ck_assert(!parse_size("9K", 4096, 8192, &value));
    ck_assert_uint_eq(value, UNTOUCHED);
    ck_assert(parse_number("1", 1, 4096, &value) && value == 1);
    ck_assert(parse_number("4096", 1, 4096, &value) && value == 4096);
    ck_assert(parse_size("4K", 4096, 8192, &value) && value == 4096);
    ck_assert(parse_size("8K", 4096, 8192, &value) && value == 8192);

    ck_assert(!parse_duration("1.000000001s", 1000000000, &ns));
    ck_assert(!parse_duration("1ns", 0, &ns));
    ck_assert(!parse_duration("0", -1, &ns));
    ck_assert_int_eq(ns, UNTOUCHED);
    ck_assert(parse_duration("1s", 1000000000, &ns) && ns == 1000000000);
    ck_assert(parse_duration("0", 0, &ns) && ns == 0);
}

TEST(nothing_wraps)
{
    uint64_t value = UNTOUCHED;
    int64_t ns = UNTOUCHED;

    ck_assert(!parse_number("18446744073709551616", 0, UINT64_MAX, &value));
    ck_assert(!parse_number("18446744073709551620", 0, UINT64_MAX, &value));
    ck_assert(!parse_number("99999999999999999999999999999", 0, UINT64_MAX, &value));
    ck_assert(!parse_size("17179869184G", 0, UINT64_MAX, &value)); /* 2^64 */
    ck_assert(!parse_size("18446744073709551615K", 0, UINT64_MAX, &value));
    ck_assert_uint_eq(value, UNTOUCHED);

    ck_assert(!parse_duration("9223372036.854775808s", INT64_MAX, &ns));  /* 2^63 ns */
    ck_assert(!parse_duration("18446744073.709551616s", INT64_MAX, &ns)); /* 2^64 ns */
    ck_assert(!parse_duration("307445734562m", INT64_MAX, &ns));          /* 2^64 ns and a bit */
    ck_assert(!parse_duration("99999999999999999999ns", INT64_MAX, &ns));
    ck_assert_int_eq(ns, UNTOUCHED);
}

/* Wrong as a number, as a size and as a time. */
static const char *const junk[] = {
    "",
    " ",
    " 1",
    "1 ",
    "\t1",
    "1\n",
    "+1",
    "-1",
    "-0",
    "--1",
    "abc",
    "4x",
    "x4",
    "0x10",
    "1e3",
    "1,5",
    "1_000",
    "1'0",
    "inf",
    "nan",
    "NaN",
    "NULL",
    "1.",
    ".5",
    ".",
    "1..5",
    "1.5.",
    "12 34",
    "1K2",
    "K",
    "KK",
    "1KK",
    "1KB",
    "1KiB",
    "1k",
    "1m5",
    "1T",
    "s",
    "ms",
    "-5s",
    "+5s",
    "5 s",
    "5S",
    "5sec",
    "5ss",
    "5s ",
    "5.s",
    ".5s",
    "1.5",
    "5hours",
    "5d",
    "5Ms",
    "1.5.5s",
    "1.-5s",
    "1.5e3s",
    "0.1ns",
    "1.5ns",
    "0.0000000001s",
    "0.33333333333s",
    "1.00000000000000000001m",
    "\xc2\xb5s",
    "1\xc2\xb5s",
    "\xd9\xa1",
    "\xef\xbc\x91",
    "\xff",
    "1\x80",
    "0.0000000000000000000000000000000000000000000000000000000000000000000000001s",
    "%d",
    "1;2",
    "$(1)"};

LOOP_TEST(junk_is_refused, COUNT_OF(junk))
{
    const char *text = junk[_i];
    uint64_t value = UNTOUCHED;
    int64_t ns = UNTOUCHED;

    ck_assert_msg(!parse_number(text, 0, UINT64_MAX, &value) && value == UNTOUCHED,
                  "\"%s\" passed as a number", text);
    ck_assert_msg(!parse_size(text, 0, UINT64_MAX, &value) && value == UNTOUCHED,
                  "\"%s\" passed as a size", text);
    ck_assert_msg(!parse_duration(text, INT64_MAX, &ns) && ns == UNTOUCHED,
                  "\"%s\" passed as a length of time", text);
}

TEST(a_unit_of_another_kind_is_refused)
{
    uint64_t value = UNTOUCHED;
    int64_t ns = UNTOUCHED;

    ck_assert(!parse_number("64K", 0, UINT64_MAX, &value));
    ck_assert(!parse_number("5s", 0, UINT64_MAX, &value));
    ck_assert(!parse_size("5s", 0, UINT64_MAX, &value));
    ck_assert(!parse_size("1.5K", 0, UINT64_MAX, &value));
    ck_assert_uint_eq(value, UNTOUCHED);
    ck_assert(!parse_duration("5", INT64_MAX, &ns));
    ck_assert(!parse_duration("00", INT64_MAX, &ns));
    ck_assert(!parse_duration("0.0", INT64_MAX, &ns));
    ck_assert(!parse_duration("64K", INT64_MAX, &ns));
    ck_assert(!parse_duration("5M", INT64_MAX, &ns));
    ck_assert_int_eq(ns, UNTOUCHED);
}
