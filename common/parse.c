/* SPDX-License-Identifier: MIT */
/*
 * Strict parsing of option values: see parse.h.
 *
 * strtoul() is not used: it skips blanks, accepts a sign (and reads "-1" as 18446744073709551615),
 * and needs errno to tell overflow from a large number. All numbers here are read by one loop over
 * digits, and the compiler's overflow builtins check all arithmetic, so that no value wraps.
 */
#include "common/parse.h"
#include "common/clock.h"

#include <stddef.h>
#include <string.h>

/* Read digits, at least one. @return the first byte after them, or NULL: none, or too large */
static const char *read_digits(const char *text, uint64_t *value)
{
    const char *at = text;
    uint64_t number = 0;

    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return NULL;
    }
    if (at == text)
        return NULL;
    *value = number;
    return at;
}

bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t number;
    const char *end = read_digits(text, &number);

    if (end == NULL || *end != '\0' || number < min || number > max)
        return false;
    *value = number;
    return true;
}

/* Return the nanoseconds in a unit; 0 if there is no such unit. */
static uint64_t unit_ns(const char *word)
{
    static const struct {
        const char *word;
        uint64_t ns;
    } units[] = {{"ns", 1},        {"us", 1000},          {"ms", 1000000},
                 {"s", SECOND_NS}, {"m", 60 * SECOND_NS}, {"h", HOUR_NS}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(word, units[i].word) == 0)
            return units[i].ns;
    return 0;
}

/*
 * Add the decimals of a number of units: the first is worth a tenth of the unit, and so on.
 * Decimals worth less than a nanosecond must be 0.
 *
 * @param unit  in nanoseconds
 */
static bool add_decimals(const char *decimals, const char *end, uint64_t unit, uint64_t *ns)
{
    uint64_t tenfold = 1; /* the current decimal is worth unit / tenfold */
    uint64_t sum = 0;     /* the decimals, read as a whole number */

    while (end > decimals && end[-1] == '0')
        end--;
    for (const char *at = decimals; at < end; at++) {
        if (tenfold > unit)
            return false;
        tenfold *= 10;
        sum = sum * 10 + (uint64_t)(*at - '0');
    }
    /* sum < tenfold <= 10 * unit <= 3.6e13, but sum * unit could be 1.3e26: reduce the fraction. */
    for (; tenfold > 1 && unit % 10 == 0; tenfold /= 10)
        unit /= 10;
    sum *= unit;
    if (sum % tenfold != 0)
        return false;
    return !__builtin_add_overflow(*ns, sum / tenfold, ns);
}

bool parse_duration(const char *text, int64_t max_ns, int64_t *ns)
{
    const char *decimals = NULL;
    const char *decimals_end = NULL;
    uint64_t total;
    uint64_t unit;
    const char *at = read_digits(text, &total);

    if (at == NULL)
        return false;
    if (*at == '.') {
        decimals = ++at;
        at += strspn(at, "0123456789");
        if (at == decimals)
            return false;
        decimals_end = at;
    }
    unit = strcmp(text, "0") == 0 ? 1 : unit_ns(at);
    if (unit == 0 || __builtin_mul_overflow(total, unit, &total))
        return false;
    if (decimals != NULL && !add_decimals(decimals, decimals_end, unit, &total))
        return false;
    if (max_ns < 0 || total > (uint64_t)max_ns)
        return false;
    *ns = (int64_t)total;
    return true;
}

bool parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes)
{
    uint64_t number;
    uint64_t unit = 1;
    const char *at = read_digits(text, &number);

    if (at == NULL)
        return false;
    switch (*at) {
    case 'K': unit = UINT64_C(1) << 10; break;
    case 'M': unit = UINT64_C(1) << 20; break;
    case 'G': unit = UINT64_C(1) << 30; break;
    default: break;
    }
    if (unit > 1)
        at++;
    if (*at != '\0' || __builtin_mul_overflow(number, unit, &number) || number < min ||
        number > max)
        return false;
    *bytes = number;
    return true;
}

bool parse_decimal(const char *text, double min, double max, double *value)
{
    uint64_t whole;
    double number, tenth = 1;
    const char *at = read_digits(text, &whole);

    if (at == NULL)
        return false;
    number = (double)whole;
    if (*at == '.') {
        uint64_t decimals = 0;
        const char *end = at + 1 + strspn(at + 1, "0123456789");

        if (end == at + 1)
            return false;
        /* 18 decimals are more than a double holds. */
        for (at++; at < end && tenth < 1e18; at++, tenth *= 10)
            decimals = decimals * 10 + (uint64_t)(*at - '0');
        number += (double)decimals / tenth;
        at = end;
    }
    if (*at != '\0' || !(number >= min && number <= max))
        return false;
    *value = number;
    return true;
}

int parse_word(const char *text, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}
