/* SPDX-License-Identifier: MIT */
/**
 * @file expect.h
 * --expect 'p99<5ms,failed=0': conditions on a run, and whether they hold.
 *
 * Clauses are separated by commas and all of them must hold. A clause is a quantity, one of
 * < <= > >= = !=, and a value:
 *
 *     p50 p90 p99 p999 max mean     of the echo; with another phase before it and a dot, of that:
 *                                   connect.p99, queue_wait.max, handshake.p50, echo_raw.p99, close.max
 *                                   The value is a time with its unit
 *     requested ok served failed refused sent verified mismatched bytes errors
 *                                   counts. served is another word for ok
 *     rate                          verified replies per second
 *     seconds                       how long it took, in seconds or with a unit
 *
 * Blanks around each part are allowed.
 */
#ifndef CLIENT_REPORT_EXPECT_H
#define CLIENT_REPORT_EXPECT_H

#include "client/report/summary.h"
#include "common/translate.h"

#include <stddef.h>

struct expect;

/** Room for a sentence about a clause, in any language. */
enum { EXPECT_SENTENCE = 320 };

/** Where a sentence stands: a report is the same in every language, a message is in the user's. */
enum expect_place { EXPECT_REPORT, EXPECT_MESSAGE };

/** Words of such a sentence, marked with N_(). */
static inline __attribute__((format_arg(2))) const char *expect_words(enum expect_place place,
                                                                      const char *words)
{
    return place == EXPECT_MESSAGE ? translate(words) : words;
}

/**
 * Read the clauses.
 *
 * @param why  on failure, which clause is wrong and what would be right, in the user's language
 * @return     NULL with errno: EINVAL if a clause cannot be understood, ENOMEM for want of memory
 */
struct expect *expect_parse(const char *text, char why[static EXPECT_SENTENCE]);
void expect_free(struct expect *expect);

size_t expect_count(const struct expect *expect);

/**
 * Judge a run by a clause.
 *
 * @param clause    from 0
 * @param sentence  the clause and what was found: "p99<5ms: it is 7.2 ms"
 * @return          whether the clause holds
 */
bool expect_holds(const struct expect *expect, size_t clause, const struct summary *summary,
                  enum expect_place place, char sentence[static EXPECT_SENTENCE]);

#endif /* CLIENT_REPORT_EXPECT_H */
