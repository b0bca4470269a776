/* SPDX-License-Identifier: MIT */
/* A strict reader of what Prometheus reads: see metrics.h. */
#include "tests/kit/metrics.h"

#include "tests/kit/suite.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The family whose samples are being read. */
struct family {
    char name[100];
    char type[20]; /* empty between HELP and TYPE */
    bool has_unit;
    double bound;    /* of the last bucket */
    double in_bound; /* how many it had */
    bool complete;   /* of a histogram: +Inf, sum and count were there */
    unsigned samples;
};

struct reader {
    struct metrics *metrics;
    bool open; /* OpenMetrics */
    struct family family;
    char names[100][100]; /* of all families so far */
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isalpha((unsigned char)text[i]) && text[i] != '_' && text[i] != ':' &&
            (i == 0 || !isdigit((unsigned char)text[i])))
            return false;
    return size > 0;
}

/* What a family must have had when it ends. */
static void end_family(const struct reader *reader)
{
    const struct family *family = &reader->family;
    const char *name = family->name;

    if (name[0] == '\0')
        return;
    ck_assert_msg(family->has_unit ==
                      (reader->open && (ends_with(name, "_seconds") || ends_with(name, "_bytes"))),
                  "%s: its UNIT is missing, or too much", name);
    ck_assert_msg(family->samples > 0, "%s has no sample", family->name);
    ck_assert_msg(strcmp(family->type, "histogram") != 0 || family->complete, "%s is not whole",
                  family->name);
}

static void read_help(struct reader *reader, const char *line)
{
    struct family *family = &reader->family;
    size_t size = strcspn(line, " ");

    end_family(reader);
    *family = (struct family){.bound = -INFINITY};
    ck_assert_msg(is_name(line, size) && size < sizeof family->name && line[size] == ' ' &&
                      line[size + 1] != '\0',
                  "this is no HELP: %s", line);
    memcpy(family->name, line, size);
    for (size_t i = 0; i < reader->metrics->families; i++)
        ck_assert_str_ne(reader->names[i], family->name);
    ck_assert_uint_lt(reader->metrics->families, 100);
    memcpy(reader->names[reader->metrics->families++], family->name, sizeof family->name);
}

static void read_type(struct reader *reader, const char *line)
{
    struct family *family = &reader->family;
    size_t size = strlen(family->name);

    ck_assert_msg(size > 0 && strncmp(line, family->name, size) == 0 && line[size] == ' ',
                  "a TYPE without its HELP before: %s", line);
    ck_assert_msg(family->type[0] == '\0' && family->samples == 0, "a TYPE too many: %s", line);
    snprintf(family->type, sizeof family->type, "%s", line + size + 1);
    ck_assert_msg(strcmp(family->type, "counter") == 0 || strcmp(family->type, "gauge") == 0 ||
                      strcmp(family->type, "histogram") == 0 ||
                      (reader->open && strcmp(family->type, "info") == 0),
                  "this type is not known: %s", line);
    /* In OpenMetrics it ends the name of a sample, and not the one of its family. */
    ck_assert_msg((!reader->open && strcmp(family->type, "counter") == 0) ==
                      ends_with(family->name, "_total"),
                  "counters, and only those, end in _total: %s", line);
}

static void read_unit(struct reader *reader, const char *line)
{
    struct family *family = &reader->family;
    const char *unit = strchr(line, ' ');

    ck_assert_msg(unit != NULL && family->name[0] != '\0' && family->samples == 0 &&
                      strncmp(line, family->name, strlen(family->name)) == 0 &&
                      line + strlen(family->name) == unit,
                  "a UNIT without its HELP before: %s", line);
    ck_assert_msg(ends_with(family->name, unit + 1), "the name does not end in the unit: %s", line);
    family->has_unit = true;
}

/* Return what the names of a family's samples have beyond its name, unless it is a histogram. */
static const char *suffix_of(const struct reader *reader)
{
    if (!reader->open || strcmp(reader->family.type, "gauge") == 0)
        return "";
    return strcmp(reader->family.type, "info") == 0 ? "_info" : "_total";
}

/* Check {name="value",...}. @return where it ends; *bound is le's, if there is one */
static const char *read_labels(const char *at, double *bound)
{
    ck_assert_int_eq(*at, '{');
    do {
        const char *name = ++at;
        size_t size = strcspn(name, "=");
        ck_assert_msg(is_name(name, size), "no label's name: %s", name);
        ck_assert_msg(strncmp(name + size, "=\"", 2) == 0, "no label's value: %s", name);
        const char *value = name + size + 2;
        for (at = value; *at != '"'; at++)
            ck_assert_msg(*at != '\0' && *at != '\n' && *at != '\\', "a label's value: %s", name);
        if (size == 2 && strncmp(name, "le", 2) == 0)
            *bound = strncmp(value, "+Inf", 4) == 0 ? INFINITY : strtod(value, NULL);
        at++;
    } while (*at == ',');
    ck_assert_msg(*at == '}', "labels that do not end: %s", at);
    return at + 1;
}

/* Buckets grow and end with +Inf, the sum comes next, and the count is that of +Inf. */
static void check_histogram(struct family *family, const char *suffix, double bound, double value)
{
    if (strcmp(suffix, "_bucket") == 0) {
        ck_assert_msg(bound > family->bound, "%s: the bounds do not grow", family->name);
        ck_assert_msg(value >= family->in_bound, "%s: the buckets are not cumulative",
                      family->name);
        family->bound = bound;
        family->in_bound = value;
    } else if (strcmp(suffix, "_sum") == 0) {
        ck_assert_msg(isinf(family->bound), "%s has no +Inf before its sum", family->name);
    } else {
        ck_assert_str_eq(suffix, "_count");
        ck_assert_msg(value == family->in_bound, "%s: its count is not that of +Inf", family->name);
        family->complete = true;
    }
}

static void read_sample(struct reader *reader, const char *line)
{
    struct family *family = &reader->family;
    struct metrics *metrics = reader->metrics;
    struct sample *sample = &metrics->samples[metrics->count];
    size_t name_size = strcspn(line, "{ ");
    size_t family_size = strlen(family->name);
    double bound = NAN;
    const char *end =
        line[name_size] == '{' ? read_labels(line + name_size, &bound) : line + name_size;
    char suffix[20];
    char *rest;

    ck_assert_msg(family->type[0] != '\0' && name_size >= family_size &&
                      strncmp(line, family->name, family_size) == 0,
                  "a sample without its HELP and TYPE before: %s", line);
    snprintf(suffix, sizeof suffix, "%.*s", (int)(name_size - family_size), line + family_size);
    ck_assert_msg(*end == ' ' && end[1] != ' ' && end[1] != '\0', "no number: %s", line);
    sample->value = strtod(end + 1, &rest);
    ck_assert_msg(*rest == '\0', "this is no number: %s", line);
    snprintf(sample->key, sizeof sample->key, "%.*s", (int)(end - line), line);
    for (size_t i = 0; i < metrics->count; i++)
        ck_assert_str_ne(metrics->samples[i].key, sample->key);
    if (strcmp(family->type, "histogram") == 0)
        check_histogram(family, suffix, bound, sample->value);
    else
        ck_assert_msg(strcmp(suffix, suffix_of(reader)) == 0 && isnan(bound),
                      "this is none of %s: %s", family->name, line);
    ck_assert_msg(!reader->open || !isfinite(bound) ||
                      memchr(line, '.', (size_t)(end - line)) != NULL,
                  "a bound without decimals: %s", line);
    sample->counts = strcmp(family->type, "counter") == 0 || strcmp(family->type, "histogram") == 0;
    ck_assert_msg(sample->value >= 0, "less than nothing: %s", line);
    family->samples++;
    ck_assert_uint_lt(++metrics->count, sizeof metrics->samples / sizeof *metrics->samples);
}

static struct metrics *read_text(const char *text, bool open)
{
    struct reader *reader = calloc(1, sizeof *reader);
    struct metrics *metrics = suite_memory(sizeof *metrics);
    char line[1000];

    ck_assert_ptr_nonnull(reader);
    ck_assert_msg(ends_with(text, "\n"), "the last line has no end");
    reader->metrics = metrics;
    reader->open = open;
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        ck_assert_uint_lt(size, sizeof line);
        memcpy(line, text, size);
        line[size] = '\0';
        text += size + 1;
        if (strncmp(line, "# HELP ", 7) == 0)
            read_help(reader, line + 7);
        else if (strncmp(line, "# TYPE ", 7) == 0)
            read_type(reader, line + 7);
        else if (open && strncmp(line, "# UNIT ", 7) == 0)
            read_unit(reader, line + 7);
        else if (open && strcmp(line, "# EOF") == 0)
            break;
        else
            read_sample(reader, line);
    }
    ck_assert_msg(*text == '\0', "there is more behind the end: %s", text);
    ck_assert_msg(!open || strcmp(line, "# EOF") == 0, "the last line is no # EOF: %s", line);
    end_family(reader);
    free(reader);
    return metrics;
}

struct metrics *metrics_read(const char *text)
{
    return read_text(text, false);
}

struct metrics *metrics_read_open(const char *text)
{
    return read_text(text, true);
}

static const struct sample *find(const struct metrics *metrics, const char *key)
{
    for (size_t i = 0; i < metrics->count; i++)
        if (strcmp(metrics->samples[i].key, key) == 0)
            return &metrics->samples[i];
    ck_abort_msg("there is no %s", key);
}

double metrics_value(const struct metrics *metrics, const char *key)
{
    return find(metrics, key)->value;
}

void metrics_expect_growth(const struct metrics *earlier, const struct metrics *later)
{
    for (size_t i = 0; i < earlier->count; i++) {
        const struct sample *before = &earlier->samples[i];
        if (!before->counts)
            continue;
        ck_assert_msg(find(later, before->key)->value >= before->value, "%s went from %f to %f",
                      before->key, before->value, find(later, before->key)->value);
    }
}
