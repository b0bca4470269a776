/* SPDX-License-Identifier: MIT */
/* client/start-at: moments as people and date(1) write them, and what is none. */
#include "client/start-at.h"
#include "tests/kit/suite.h"

#include <stdlib.h>
#include <time.h>

struct moment {
    const char *text;
    int64_t ns;
};

#define SECOND INT64_C(1000000000)

/* date -u -d 2026-11-21T14:30 +%s */
#define HALF_PAST_TWO (1795271400 * SECOND)

static const struct moment moments[] = {
    {"0", 0},
    {"1795271400", HALF_PAST_TWO},
    {"1795271400.25", HALF_PAST_TWO + SECOND / 4},
    {"1795271400.123456789", HALF_PAST_TWO + 123456789},
    {"2026-11-21T14:30:00Z", HALF_PAST_TWO},
    {"2026-11-21T14:30Z", HALF_PAST_TWO},
    {"2026-11-21 14:30:07Z", HALF_PAST_TWO + 7 * SECOND},
    {"2026-11-21T14:30:00.5Z", HALF_PAST_TWO + SECOND / 2},
    {"2026-11-21T14:30:00.000000001Z", HALF_PAST_TWO + 1},
    {"2026-11-21T14:30:00.0000000019Z", HALF_PAST_TWO + 1},
    {"2026-11-21T15:30:00+01:00", HALF_PAST_TWO},
    {"2026-11-21T15:30:00+0100", HALF_PAST_TWO},
    {"2026-11-21T05:00:00.5-09:30", HALF_PAST_TWO + SECOND / 2},
    {"2026-11-22T00:00+09:30", HALF_PAST_TWO},
    {"2028-02-29T00:00:00Z", 1835395200 * SECOND},
    {"1970-01-01T00:00:00Z", 0},
    /* local: in the tests' zone an hour east of Greenwich, in summer two */
    {"2026-11-21T15:30:00", HALF_PAST_TWO},
    {"2026-11-21T15:30", HALF_PAST_TWO},
    {"2026-07-01T02:00:00.5", 1782864000 * SECOND + SECOND / 2},
};

static void setup(void)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
}

CASE_WITH("Core", setup, NULL)

LOOP_TEST(moments_are_read, COUNT_OF(moments))
{
    int64_t ns = -1;

    ck_assert_msg(start_at_parse(moments[_i].text, &ns), "%s", moments[_i].text);
    ck_assert_int_eq(ns, moments[_i].ns);
}

static const char *const none[] = {
    "",
    "now",
    "tomorrow",
    "-1",
    "+5",
    "1.",
    ".5",
    "1795271400.1234567891", /* not a nanosecond */
    "1795271400s",
    "0x10",
    "1e9",
    " 5",
    "99999999999999999999",
    "9999999999999999999999999999999999999999999999999999",
    "14:30",
    "2026-11-21",
    "2026-11-21T",
    "2026-11-21T14",
    "2026-11-21T14Z",
    "2026-11-21T14:3Z",
    "2026-11-21T14:30:0Z",
    "2026-11-21T14:30:00.Z",
    "2026-11-21t14:30Z",
    "2026-11-21T14:30:00z",
    "2026-11-21T14:30:00Z ",
    "2026-11-21T14:30:00UTC",
    "2026-11-21T14:30:00+1",
    "2026-11-21T14:30:00+01",
    "2026-11-21T14:30:00+01:0",
    "2026-11-21T14:30:00+01:00:00",
    "2026-11-21T14:30:00+24:00",
    "2026-11-21T14:30:00+01:60",
    "2026-13-01T00:00Z",
    "2026-00-01T00:00Z",
    "2026-02-29T00:00Z",
    "2026-11-31T00:00Z",
    "2026-11-00T00:00Z",
    "2026-11-21T24:00Z",
    "2026-11-21T14:60Z",
    "2026-11-21T14:30:60Z",
    "26-11-21T14:30Z",
    "2026-1-21T14:30Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "2026-03-29T02:30:00", /* the hour that summer time skips */
};

LOOP_TEST(what_is_no_moment, COUNT_OF(none))
{
    int64_t ns = 77;

    ck_assert_msg(!start_at_parse(none[_i], &ns), "%s", none[_i]);
    ck_assert_int_eq(ns, 77);
}
