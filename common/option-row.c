/* SPDX-License-Identifier: MIT */
/*
 * Rows of a table of options: see option-row.h. option_row_set() is the one place where a text becomes a
 * value: defaults, files, environments and command lines go through it.
 */
#include "common/option-row.h"

#include "common/clock.h"
#include "common/must.h"
#include "common/parse.h"
#include "common/translate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool option_row_is_end(const struct option_row *row)
{
    return row->name == NULL && row->help == NULL;
}

const struct option_row *option_row_find(const struct option_row *rows, const char *name)
{
    for (; !option_row_is_end(rows); rows++)
        if (rows->name != NULL && strcmp(rows->name, name) == 0)
            return rows;
    return NULL;
}

/* Write a bound as a user would: 4096, 16M, 1h. */
static void write_bound(enum option_kind kind, uint64_t bound, char text[static 32])
{
    static const struct unit {
        const char *word;
        uint64_t is;
    } numbers[] = {{"", 1}}, sizes[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}},
      times[] = {{"h", HOUR_NS},           {"m", 60 * SECOND_NS},       {"s", SECOND_NS},
                 {"ms", SECOND_NS / 1000}, {"us", SECOND_NS / 1000000}, {"ns", 1}};
    const struct unit *unit = kind == OPTION_KIND_TIME   ? times
                              : kind == OPTION_KIND_SIZE ? sizes
                                                         : numbers;

    while (bound % unit->is != 0)
        unit++;
    snprintf(text, 32, "%" PRIu64 "%s", bound / unit->is, bound == 0 ? "" : unit->word);
}

const char *option_range(const struct option_row *row, char text[static OPTION_RANGE_MAX])
{
    char least[32], most[32];
    size_t length = 0;

    text[0] = '\0';
    if (row->kind == OPTION_KIND_OTHER)
        return translate(row->range);
    if (row->most > 0) {
        write_bound(row->kind, row->least, least);
        write_bound(row->kind, row->most, most);
        length = (size_t)snprintf(text, OPTION_RANGE_MAX, _("%s to %s"), least, most);
    }
    for (int i = 0; row->words != NULL && row->words[i] != NULL; i++) {
        length += (size_t)snprintf(text + length, OPTION_RANGE_MAX - length, "%s%s",
                                   length == 0                 ? ""
                                   : row->words[i + 1] == NULL ? _(" or ")
                                                               : _(", "),
                                   row->words[i]);
        MUST(length >= OPTION_RANGE_MAX);
    }
    return text;
}

/* Store a number in a member of that many bytes. */
static void store(void *member, size_t size, uint64_t number)
{
    switch (size) {
    case sizeof(uint8_t): *(uint8_t *)member = (uint8_t)number; break;
    case sizeof(uint16_t): *(uint16_t *)member = (uint16_t)number; break;
    case sizeof(uint32_t): *(uint32_t *)member = (uint32_t)number; break;
    default: *(uint64_t *)member = number; break;
    }
}

/* The words for a flag outside of a command line. */
static const char *const yes_words[] = {"yes", "true", "on", "1", NULL};
static const char *const no_words[] = {"no", "false", "off", "0", NULL};

bool option_row_is_off(const struct option_row *row, const char *value)
{
    return row->kind == OPTION_KIND_FLAG && parse_word(value, no_words) >= 0;
}

static bool set_flag(const char *value, bool *member)
{
    *member = value[0] == '\0' || parse_word(value, yes_words) >= 0;
    return *member || parse_word(value, no_words) >= 0;
}

bool option_row_set(const struct option_row *row, const char *value, void *options)
{
    void *member = (char *)options + row->at;
    int word = row->words != NULL ? parse_word(value, row->words) : -1;
    uint64_t number = (uint64_t)word;
    int64_t time_ns;

    switch (row->kind) {
    case OPTION_KIND_FLAG: return set_flag(value, member);
    case OPTION_KIND_TEXT:
    case OPTION_KIND_FILE: *(const char **)member = value; return value[0] != '\0';
    case OPTION_KIND_PRINT: return true;
    case OPTION_KIND_OTHER: return row->read(value, member);
    case OPTION_KIND_TIME:
        if (!parse_duration(value, (int64_t)row->most, &time_ns) || time_ns < (int64_t)row->least)
            return false;
        *(int64_t *)member = time_ns;
        return true;
    case OPTION_KIND_SIZE:
        if (!parse_size(value, row->least, row->most, &number))
            return false;
        break;
    case OPTION_KIND_WORD:
        if (word < 0)
            return false;
        break;
    default:
        if (word < 0 && !parse_number(value, row->least, row->most, &number))
            return false;
    }
    store(member, row->size, number);
    return true;
}
