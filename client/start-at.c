/* SPDX-License-Identifier: MIT */
/*
 * A moment of the wall clock. See start-at.h.
 *
 * strptime() is not used: it skips blanks and takes numbers of fewer digits. The C library does the
 * difficult part, the calendar and the local time. If timegm() and mktime() change a field, there is
 * no such day or hour.
 */
#include "client/start-at.h"

#include "common/clock.h"
#include "common/parse.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/** Parse count digits, and then a character unless it is zero. @return what follows, or NULL */
static const char *digits(const char *text, int count, char then, int *value)
{
    int number = 0;

    if (text == NULL)
        return NULL;
    for (; count > 0; count--, text++) {
        if (*text < '0' || *text > '9')
            return NULL;
        number = number * 10 + (*text - '0');
    }
    if (then != '\0' && *text++ != then)
        return NULL;
    *value = number;
    return text;
}

/** Parse ":SS" and ".decimals", which may be missing. @return what follows, or NULL */
static const char *seconds(const char *text, struct tm *tm, int64_t *decimals_ns)
{
    if (text == NULL || *text != ':')
        return text;
    text = digits(text + 1, 2, '\0', &tm->tm_sec);
    if (text != NULL && *text == '.') {
        int64_t unit = SECOND_NS;

        if (text[1] < '0' || text[1] > '9')
            return NULL;
        for (text++; *text >= '0' && *text <= '9'; text++) {
            unit /= 10; /* 0 from the tenth decimal on */
            *decimals_ns += unit * (*text - '0');
        }
    }
    return text;
}

/** Parse "Z", "+01:00" or "-0530", and the end. @return false: it is none of them */
static bool zone(const char *text, int *east_seconds)
{
    int hours = 0, minutes = 0, sign = *text == '-' ? -1 : 1;

    if (strcmp(text, "Z") == 0) {
        *east_seconds = 0;
        return true;
    }
    if (*text != '+' && *text != '-')
        return false;
    text = digits(text + 1, 2, '\0', &hours);
    if (text != NULL && *text == ':')
        text++;
    text = digits(text, 2, '\0', &minutes);
    if (text == NULL || *text != '\0' || hours > 23 || minutes > 59)
        return false;
    *east_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool same(const struct tm *one, const struct tm *other)
{
    return one->tm_year == other->tm_year && one->tm_mon == other->tm_mon &&
           one->tm_mday == other->tm_mday && one->tm_hour == other->tm_hour &&
           one->tm_min == other->tm_min && one->tm_sec == other->tm_sec;
}

static bool parse_date(const char *text, int64_t *ns)
{
    struct tm read = {.tm_isdst = -1}, normal;
    int64_t decimals_ns = 0;
    int east_seconds = 0;
    bool local;
    int64_t when;

    text = digits(text, 4, '-', &read.tm_year);
    text = digits(text, 2, '-', &read.tm_mon);
    text = digits(text, 2, '\0', &read.tm_mday);
    if (text == NULL || (*text != 'T' && *text != ' '))
        return false;
    text = digits(text + 1, 2, ':', &read.tm_hour);
    text = digits(text, 2, '\0', &read.tm_min);
    text = seconds(text, &read, &decimals_ns);
    if (text == NULL)
        return false;
    local = *text == '\0';
    if (!local && !zone(text, &east_seconds))
        return false;
    read.tm_year -= 1900;
    read.tm_mon -= 1;
    normal = read;
    when = local ? mktime(&normal) : timegm(&normal);
    /* before 1970 is refused, since -1 is an error; after 2262 nanoseconds do not fit */
    if (!same(&read, &normal) || when < 0 || when > INT64_MAX / SECOND_NS - 86400)
        return false;
    *ns = (when - east_seconds) * SECOND_NS + decimals_ns;
    return true;
}

bool start_at_parse(const char *text, int64_t *ns)
{
    char with_unit[40];
    int length = snprintf(with_unit, sizeof with_unit, "%ss", text);

    if (strchr(text, '-') != NULL)
        return parse_date(text, ns);
    return text[strspn(text, "0123456789.")] == '\0' && length < (int)sizeof with_unit &&
           parse_duration(with_unit, INT64_MAX, ns);
}
