/* SPDX-License-Identifier: MIT */
/*
 * Clauses about a run. See expect.h.
 *
 * A clause is read once, into a quantity, a relation and a number, so mistakes are found before the
 * load. Times are compared as whole nanoseconds, as the histogram has them, and counts as integers: a
 * p99 of exactly 5 ms is not below 5 ms.
 */
#include "client/report/expect.h"

#include "common/clock.h"
#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLAUSE_MAX = 100 };

/* Room for what was found, in words. */
enum { FOUND = 48 };

enum kind { KIND_TIME, KIND_COUNT, KIND_RATE, KIND_SECONDS };

/* How what was found may lie to what was expected. */
enum { LESS = 1, EQUAL = 2, GREATER = 4 };

/* The longer ones first, so that "<=" is not read as "<". */
static const struct {
    const char *text;
    unsigned allowed;
} relations[] = {{"<=", LESS | EQUAL}, {">=", GREATER | EQUAL}, {"!=", LESS | GREATER},
                 {"<", LESS},          {">", GREATER},          {"=", EQUAL}};

/* Figures of a histogram; a percent above 100 is the mean. */
static const struct {
    const char *word;
    double percent;
} figures[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p999", 99.9}, {"max", 100}, {"mean", 101}};

/* All other quantities. Counts are at a place in a summary, except errors, which are added up. */
#define COUNT(word, member)                                                                        \
    {                                                                                              \
        word, KIND_COUNT, offsetof(struct summary, member)                                         \
    }
#define NO_MEMBER SIZE_MAX
static const struct {
    const char *word;
    enum kind kind;
    size_t offset;
} numbers[] = {
    COUNT("requested", requested),
    COUNT("ok", ok),
    COUNT("served", ok),
    COUNT("failed", failed),
    COUNT("refused", refused),
    COUNT("closed", closed),
    COUNT("reconnected", reconnected),
    COUNT("sent", sent),
    COUNT("verified", verified),
    COUNT("mismatched", mismatched),
    COUNT("bytes", bytes),
    {"errors", KIND_COUNT, NO_MEMBER},
    {"rate", KIND_RATE, NO_MEMBER},
    {"seconds", KIND_SECONDS, NO_MEMBER},
};

struct clause {
    char text[CLAUSE_MAX + 1];
    enum kind kind;
    unsigned allowed; /* relations of what was found to the value */
    unsigned phase;   /* of a time */
    double percent;   /* of a time */
    size_t offset;    /* of a count */
    uint64_t whole;   /* to compare with: nanoseconds, or a count */
    double decimal;   /* a rate, or seconds */
};

struct expect {
    size_t count;
    struct clause clauses[];
};

static const char quantities[] =
    N_("p50, p90, p99, p999, max, mean (or connect.p99 and so on), requested, ok, served, failed, "
       "refused, closed, reconnected, sent, verified, mismatched, bytes, errors, rate, seconds");

static const char blanks[] = " \t";

static bool is_word(const char *word, const char *text, size_t length)
{
    return strlen(word) == length && memcmp(word, text, length) == 0;
}

/** Read "p99" or "connect.p99". @return false: it is neither */
static bool read_figure(struct clause *clause, const char *text, size_t length)
{
    const char *dot = memchr(text, '.', length);

    clause->kind = KIND_TIME;
    clause->phase = MEASURE_ECHO;
    if (dot != NULL) {
        for (clause->phase = 0; clause->phase < MEASURE_PHASES; clause->phase++)
            if (is_word(measure_names[clause->phase], text, (size_t)(dot - text)))
                break;
        if (clause->phase == MEASURE_PHASES)
            return false;
        length -= (size_t)(dot + 1 - text);
        text = dot + 1;
    }
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        if (is_word(figures[i].word, text, length)) {
            clause->percent = figures[i].percent;
            return true;
        }
    return false;
}

static bool read_quantity(struct clause *clause, const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (is_word(numbers[i].word, text, length)) {
            clause->kind = numbers[i].kind;
            clause->offset = numbers[i].offset;
            return true;
        }
    return read_figure(clause, text, length);
}

/** Read a value of the clause's kind. @return NULL, or what it should be */
static const char *read_value(struct clause *clause, const char *text)
{
    int64_t ns;

    switch (clause->kind) {
    case KIND_TIME:
        if (!parse_duration(text, INT64_MAX, &ns))
            return _("a time with its unit, such as 5ms");
        clause->whole = (uint64_t)ns;
        return NULL;
    case KIND_COUNT:
        return parse_number(text, 0, UINT64_MAX, &clause->whole) ? NULL : _("a whole number");
    case KIND_SECONDS:
        if (parse_duration(text, INT64_MAX, &ns)) {
            clause->decimal = (double)ns / (double)SECOND_NS;
            return NULL;
        }
        return parse_decimal(text, 0, 1e12, &clause->decimal)
                   ? NULL
                   : _("a number of seconds or a time with its unit");
    case KIND_RATE: break;
    }
    return parse_decimal(text, 0, 1e12, &clause->decimal) ? NULL : _("a number");
}

/** Read one clause without the blanks around it. @return false: see why */
static bool read_clause(struct clause *clause, char why[static EXPECT_SENTENCE])
{
    const char *text = clause->text;
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789.");
    const char *at = text + word + strspn(text + word, blanks);
    const char *wanted;
    size_t i;

    if (!read_quantity(clause, text, word)) {
        snprintf(why, EXPECT_SENTENCE, _("in '%.30s', '%.*s' is none of %s"), text,
                 word < 20 ? (int)word : 20, text, translate(quantities));
        return false;
    }
    for (i = 0; i < sizeof relations / sizeof relations[0]; i++)
        if (strncmp(at, relations[i].text, strlen(relations[i].text)) == 0)
            break;
    if (i == sizeof relations / sizeof relations[0]) {
        snprintf(why, EXPECT_SENTENCE, _("in '%s', one of < <= > >= = != must follow '%.*s'"), text,
                 (int)word, text);
        return false;
    }
    clause->allowed = relations[i].allowed;
    at += strlen(relations[i].text);
    at += strspn(at, blanks);
    wanted = read_value(clause, at);
    if (wanted != NULL)
        snprintf(why, EXPECT_SENTENCE, _("in '%s', '%s' is not %s"), text, at, wanted);
    return wanted == NULL;
}

/** Cut the next clause off a text. @return what follows it, or NULL: see why */
static const char *cut_clause(const char *text, struct clause *clause,
                              char why[static EXPECT_SENTENCE])
{
    const char *next = text + strcspn(text, ",");
    size_t length;

    text += strspn(text, blanks);
    length = (size_t)(next - text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        length--;
    if (length == 0) {
        snprintf(why, EXPECT_SENTENCE, "%s", _("a clause is empty; an example is p99<5ms"));
        return NULL;
    }
    if (length > CLAUSE_MAX) {
        snprintf(why, EXPECT_SENTENCE, _("the clause '%.40s...' is longer than %d characters"),
                 text, CLAUSE_MAX);
        return NULL;
    }
    memcpy(clause->text, text, length);
    clause->text[length] = '\0';
    return next;
}

struct expect *expect_parse(const char *text, char why[static EXPECT_SENTENCE])
{
    size_t count = 1;
    struct expect *expect;

    for (const char *at = text; *at != '\0'; at++)
        count += *at == ',';
    expect = calloc(1, sizeof *expect + count * sizeof expect->clauses[0]);
    if (expect == NULL) {
        snprintf(why, EXPECT_SENTENCE, "%s", _("there is not enough memory"));
        errno = ENOMEM;
        return NULL;
    }
    while (expect->count < count) {
        struct clause *clause = &expect->clauses[expect->count++];

        text = cut_clause(text, clause, why);
        if (text == NULL || !read_clause(clause, why)) {
            free(expect);
            errno = EINVAL;
            return NULL;
        }
        text++; /* the comma; after the last clause text is not used again */
    }
    return expect;
}

void expect_free(struct expect *expect)
{
    free(expect);
}

size_t expect_count(const struct expect *expect)
{
    return expect->count;
}

/** @return whether a clause allows how what was found lies to its value */
static bool allows(const struct clause *clause, bool below, bool above)
{
    return (clause->allowed & (below ? LESS : above ? GREATER : EQUAL)) != 0;
}

static uint64_t count_of(const struct clause *clause, const struct summary *summary)
{
    uint64_t count = 0;

    if (clause->offset != NO_MEMBER)
        memcpy(&count, (const char *)summary + clause->offset, sizeof count);
    else
        for (unsigned i = 0; i < summary->error_kinds; i++)
            count += summary->errors[i].count;
    return count;
}

/** Print a time for people: "it is 740 ns", "it is at least 7.2 ms". */
static void show_time(const char *is, double ns, char text[static FOUND])
{
    if (ns < 1e3)
        snprintf(text, FOUND, "%s %.4g ns", is, ns);
    else if (ns < 1e6)
        snprintf(text, FOUND, "%s %.7g us", is, ns / 1e3);
    else if (ns < 1e9)
        snprintf(text, FOUND, "%s %.7g ms", is, ns / 1e6);
    else
        snprintf(text, FOUND, "%s %.7g s", is, ns / 1e9);
}

/** Whether a clause allows every time from a bound on. */
static bool allows_bound(const struct clause *clause, double ns)
{
    unsigned possible = ns > (double)clause->whole    ? GREATER
                        : ns == (double)clause->whole ? EQUAL | GREATER
                                                      : LESS | EQUAL | GREATER;

    return (clause->allowed & possible) == possible;
}

/**
 * Whether a clause allows a percentile however long the messages have waited that were not answered: at
 * most this part of all may lie above the percentile, instead of below it.
 *
 * @param ns  what the percentile is at most, if it is known
 */
static bool allows_at_most(const struct clause *clause, const struct measure *measure, double *ns)
{
    const struct histogram *times = measure->times[clause->phase];
    uint64_t open = clause->phase == MEASURE_QUEUE_WAIT ? measure->unserved : measure->unanswered;
    double percent = clause->percent + 100 * (double)open / (double)histogram_count(times);

    if (percent > 100 || (clause->allowed & GREATER) != 0)
        return false;
    *ns = (double)histogram_percentile(times, percent);
    return allows(clause, *ns<(double)clause->whole, *ns>(double) clause->whole);
}

/** Judge a time. If nothing was measured, it is neither below nor above a value: no clause holds. */
static bool time_holds(const struct clause *clause, const struct summary *summary,
                       enum expect_place place, char found[static FOUND])
{
    const struct histogram *times = summary->measure.times[clause->phase];
    double ns = clause->percent > 100 ? histogram_mean(times)
                                      : (double)histogram_percentile(times, clause->percent);
    double most_ns;
    bool bound;

    if (histogram_count(times) == 0) {
        snprintf(found, FOUND, "%s", expect_words(place, N_("nothing was measured")));
        return false;
    }
    bound = clause->percent > 100 ? measure_is_bound(&summary->measure, clause->phase, INT64_MAX)
                                  : measure_is_bound(&summary->measure, clause->phase, (int64_t)ns);
    if (bound && allows_at_most(clause, &summary->measure, &most_ns)) {
        show_time(expect_words(place, N_("it is at most")), most_ns, found);
        return true;
    }
    show_time(expect_words(place, bound ? N_("it is at least") : N_("it is")), ns, found);
    if (bound)
        return allows_bound(clause, ns);
    return allows(clause, ns<(double)clause->whole, ns>(double) clause->whole);
}

bool expect_holds(const struct expect *expect, size_t clause_number, const struct summary *summary,
                  enum expect_place place, char sentence[static EXPECT_SENTENCE])
{
    const struct clause *clause = &expect->clauses[clause_number];
    char found[FOUND];
    uint64_t count;
    double number;
    bool holds;

    switch (clause->kind) {
    case KIND_TIME: holds = time_holds(clause, summary, place, found); break;
    case KIND_COUNT:
        count = count_of(clause, summary);
        snprintf(found, sizeof found, expect_words(place, N_("it is %" PRIu64)), count);
        holds = allows(clause, count<clause->whole, count> clause->whole);
        break;
    default:
        number = clause->kind == KIND_RATE ? summary_rate(summary) : summary->seconds;
        snprintf(found, sizeof found,
                 expect_words(place, clause->kind == KIND_RATE ? N_("it is %.7g a second")
                                                               : N_("it is %.7g s")),
                 number);
        holds = allows(clause, number<clause->decimal, number> clause->decimal);
        break;
    }
    snprintf(sentence, EXPECT_SENTENCE, expect_words(place, N_("%s: %s")), clause->text, found);
    return holds;
}
