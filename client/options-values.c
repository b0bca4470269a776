/* SPDX-License-Identifier: MIT */
/* Values of options, read strictly. See options-internal.h. */
#include "client/options-internal.h"

#include "client/expect.h"
#include "client/message.h"
#include "client/start-at.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/parse.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
#define RATE_MIN  0.001
#define RATE_MAX  1e9
#define THINK_MAX (3600 * SECOND_NS)

/* `date +%s` cuts the second that has begun: a moment just past is one that was meant. */
#define START_PAST_NS  SECOND_NS
#define START_AHEAD_NS (7 * 86400 * SECOND_NS)

static const char exp_prefix[] = "exp:";

_Noreturn void options_bad_option(int what, char *const argv[], const char *command)
{
    if (what == ':')
        log_usage("option '%s' needs a value; try '%s --help'", argv[optind - 1], command);
    if (optopt > 255)
        log_usage("option '%s' takes no value; try '%s --help'", argv[optind - 1], command);
    if (optopt > 0)
        log_usage("unknown option '-%c'; try '%s --help'", optopt, command);
    log_usage("unknown option '%s'; try '%s --help'", argv[optind - 1], command);
}

_Noreturn void options_bad_value(const char *option, const char *value, const char *range)
{
    log_usage("%s %s is not %s", option, value, range);
}

uint64_t options_number(const char *option, const char *value, uint64_t min, uint64_t max)
{
    uint64_t result;
    char range[64];

    if (!parse_number(value, min, max, &result)) {
        snprintf(range, sizeof range, "a number from %llu to %llu", (unsigned long long)min,
                 (unsigned long long)max);
        options_bad_value(option, value, range);
    }
    return result;
}

int64_t options_duration(const char *option, const char *value, int64_t max_ns,
                         const char *max_words, const char *example)
{
    int64_t ns;
    char range[96];

    if (!parse_duration(value, max_ns, &ns) || ns < 1000000) {
        snprintf(range, sizeof range, "a time from 1ms to %s with its unit, such as %s", max_words,
                 example);
        options_bad_value(option, value, range);
    }
    return ns;
}

/**
 * Copy what stands before a separator. @return what follows it; NULL where there is none
 * @param first  set to "" where it does not fit, which no value is
 */
static const char *split(const char *value, char separator, char *first, size_t room)
{
    const char *at = strchr(value, separator);
    size_t length = at != NULL ? (size_t)(at - value) : strlen(value);

    if (length >= room)
        length = 0;
    memcpy(first, value, length);
    first[length] = '\0';
    return at != NULL ? at + 1 : NULL;
}

/** SIZE, or SIZE-SIZE with the smaller one first. */
void options_set_size(struct options *options, const char *value)
{
    char first[32];
    const char *second = split(value, '-', first, sizeof first);
    uint64_t min = 0, max = 0;

    if (!parse_size(first, 1, MESSAGE_SIZE_MAX, &min) ||
        (second != NULL && !parse_size(second, min, MESSAGE_SIZE_MAX, &max)))
        options_bad_value("--size", value, "a size from 1 to 16M, or a range such as 64-4K");
    options->size_min = (size_t)min;
    options->size_max = second != NULL ? (size_t)max : (size_t)min;
}

void options_set_steps(struct options *options, const char *value)
{
    const char *rest = value;
    unsigned count = 0;

    while (rest != NULL) {
        char step[32];
        uint64_t sessions;

        rest = split(rest, ',', step, sizeof step);
        if (count == STEPS_MAX || !parse_number(step, 1, SESSIONS_MAX, &sessions))
            options_bad_value(
                "--steps", value,
                "up to 64 numbers from 1 to 100000 with commas between, such as 4,8,16");
        options->steps[count++] = (unsigned)sessions;
    }
    options->step_count = count;
}

void options_set_barrier(struct options *options, const char *value)
{
    static const char *const words[] = {"none", "connect", NULL};
    int word = parse_word(value, words);

    if (word < 0)
        options_bad_value("--barrier", value, "connect or none");
    options->barrier = word == 1;
}

void options_set_transform(struct options *options, const char *value)
{
    int word = parse_word(value, transform_words);

    if (word < 0)
        options_bad_value("--transform", value, "upper or none");
    options->transform = (enum transform)word;
}

/** R, or exp:R. */
void options_set_rate(struct options *options, const char *value)
{
    options->rate_random = strncmp(value, exp_prefix, strlen(exp_prefix)) == 0;
    if (!parse_decimal(options->rate_random ? value + strlen(exp_prefix) : value, RATE_MIN,
                       RATE_MAX, &options->rate))
        options_bad_value("--rate", value,
                          "a number of messages a second from 0.001 to 1000000000, or exp: and "
                          "such a number");
}

/** T, A-B with the smaller one first, or exp:T. @return false: it is none of them */
static bool parse_spread(const char *value, struct spread *spread)
{
    char first[32];
    const char *second;

    if (strncmp(value, exp_prefix, strlen(exp_prefix)) == 0) {
        spread->kind = SPREAD_EXPONENTIAL;
        return parse_duration(value + strlen(exp_prefix), THINK_MAX, &spread->from_ns) &&
               spread->from_ns > 0;
    }
    second = split(value, '-', first, sizeof first);
    if (!parse_duration(first, THINK_MAX, &spread->from_ns))
        return false;
    spread->kind = second != NULL ? SPREAD_EVEN : SPREAD_CONSTANT;
    if (second != NULL)
        return parse_duration(second, THINK_MAX, &spread->to_ns) && spread->to_ns > spread->from_ns;
    return spread->from_ns > 0;
}

void options_set_think(struct options *options, const char *value)
{
    options->think = (struct spread){0};
    if (!parse_spread(value, &options->think))
        options_bad_value("--think", value,
                          "a time up to 1h with its unit, a range such as 10ms-50ms, or exp: and "
                          "their mean");
}

void options_set_start_at(struct options *options, const char *value)
{
    int64_t ahead_ns;

    if (!start_at_parse(value, &options->start_at_ns))
        options_bad_value("--start-at", value,
                          "a time such as 2026-11-21T14:30:00Z, or the seconds since 1970");
    ahead_ns = options->start_at_ns - clock_wall_ns();
    if (ahead_ns < -START_PAST_NS)
        log_usage("--start-at %s is past, by %.0f seconds", value, -(double)ahead_ns / SECOND_NS);
    if (ahead_ns > START_AHEAD_NS)
        log_usage("--start-at %s is more than a week ahead, by %.0f days", value,
                  (double)ahead_ns / SECOND_NS / 86400);
}

void options_set_source(struct options *options, const char *value)
{
    if (!sources_parse(value, &options->sources))
        options_bad_value(
            "--source", value,
            "a numeric address, or a range of up to 65536 such as 127.0.0.1-127.0.0.8");
}

/** Read now, so that nonsense is a wrong command line and not the end of a long run. */
void options_set_expect(struct options *options, const char *value)
{
    char why[EXPECT_SENTENCE];
    struct expect *expect = expect_parse(value, why);

    if (expect == NULL)
        log_usage("--expect cannot be understood: %s", why);
    expect_free(expect);
    options->expect = value;
}
