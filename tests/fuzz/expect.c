/* SPDX-License-Identifier: MIT */
/*
 * --expect: a text is clauses, or a sentence says why not. A clause about a figure that is known holds or
 * does not, and its opposite does not or does.
 */
#include "config.h"

#include "client/report/expect.h"
#include "tests/fuzz/input.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 4096 };

const bool target_takes_messages = false;

static bool is_sentence(const char text[static EXPECT_SENTENCE])
{
    return text[0] != '\0' && memchr(text, '\0', EXPECT_SENTENCE) != NULL;
}

/** A run of which every figure is known, and one of which nothing is. */
static void make_runs(struct summary *filled, struct summary *empty)
{
    HOLDS(summary_init(filled) && summary_init(empty));
    filled->requested = 10;
    filled->ok = 8;
    filled->failed = filled->refused = 1;
    filled->sent = filled->verified = 1000;
    filled->bytes = 64000;
    filled->seconds = 2.5;
    summary_add_errors(filled, "connect: connection refused", 1);
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        for (int64_t ns = 1; ns < INT64_C(10000000000); ns *= 3)
            measure_one(&filled->measure, (enum measure_phase)phase, ns);
}

/** Judge a clause, and the same with another relation. */
static bool holds(const char *quantity, const char *relation, const char *value,
                  const struct summary *summary)
{
    char text[LONGEST], why[EXPECT_SENTENCE];
    struct expect *expect;
    bool result;

    snprintf(text, sizeof text, "%s%s%s", quantity, relation, value);
    expect = expect_parse(text, why);
    HOLDS(expect != NULL && expect_count(expect) == 1);
    result = expect_holds(expect, 0, summary, EXPECT_REPORT, why);
    HOLDS(is_sentence(why));
    expect_free(expect);
    return result;
}

/** Of the one clause of a text: exactly one of <, = and > holds, and the others follow from it. */
static void check_relations(const char *text, const struct summary *summary)
{
    char quantity[LONGEST], value[LONGEST];
    size_t length = strcspn(text, "<>=!");
    size_t relation = strspn(text + length, "<>=!");
    bool less, equal, greater;

    if (relation > 2 || (relation == 2 && text[length + 1] != '='))
        return; /* the value begins with one, and is none */
    snprintf(quantity, sizeof quantity, "%.*s", (int)length, text);
    snprintf(value, sizeof value, "%s", text + length + relation);
    if (strlen(text) > 98)
        return; /* a longer relation would make the clause too long */
    less = holds(quantity, "<", value, summary);
    equal = holds(quantity, "=", value, summary);
    greater = holds(quantity, ">", value, summary);
    HOLDS(less + equal + greater == 1);
    HOLDS(holds(quantity, "<=", value, summary) == !greater);
    HOLDS(holds(quantity, ">=", value, summary) == !less);
    HOLDS(holds(quantity, "!=", value, summary) == !equal);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct summary filled, empty;
    static char text[LONGEST];
    char why[EXPECT_SENTENCE] = "";
    struct expect *expect;

    if (filled.requested == 0)
        make_runs(&filled, &empty);
    if (size >= sizeof text)
        size = sizeof text - 1;
    memcpy(text, input, size);
    text[size] = '\0';
    expect = expect_parse(text, why);
    if (expect == NULL) {
        HOLDS(is_sentence(why));
        return 0;
    }
    HOLDS(expect_count(expect) > 0);
    for (size_t i = 0; i < expect_count(expect); i++) {
        expect_holds(expect, i, &filled, EXPECT_REPORT, why);
        HOLDS(is_sentence(why));
        expect_holds(expect, i, &empty, EXPECT_REPORT, why);
        HOLDS(is_sentence(why));
    }
    if (expect_count(expect) == 1)
        check_relations(text, &filled);
    expect_free(expect);
    return 0;
}
