/* SPDX-License-Identifier: MIT */
/**
 * @file suite.h
 * The suite of a Check program.
 *
 *     Suite *suite = suite_create("queue");
 *
 *     ADD_TESTS(suite, "Core", first_in_first_out, a_full_queue_refuses);
 *     ADD_LOOP_TESTS(suite, "Limits", COUNT_OF(sizes), every_size);
 *     return suite_main(suite);
 */
#ifndef TESTS_KIT_SUITE_H
#define TESTS_KIT_SUITE_H

#include <check.h>
#include <stddef.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/** Add tests to a case of this name. Each of them runs once, or `count` times with _i from 0. */
#define ADD_TESTS(suite, name, ...) suite_add(suite, name, -1, TESTS_OF(__VA_ARGS__))
#define ADD_LOOP_TESTS(suite, name, count, ...)                                                    \
    suite_add(suite, name, (int)(count), TESTS_OF(__VA_ARGS__))
#define TESTS_OF(...)                                                                              \
    (const TTest *const[]){__VA_ARGS__}, COUNT_OF(((const TTest *const[]){__VA_ARGS__}))

/** The case of this name: the one that was made last, or else a new one. */
TCase *suite_case(Suite *suite, const char *name);
void suite_add(Suite *suite, const char *name, int times, const TTest *const *tests, size_t count);

/**
 * Run a suite and turn the outcome into an exit status.
 *
 * Under automake's TAP driver the status is 0 even where tests failed: the TAP lines say which,
 * and a status that is not 0 is left to mean that the program itself broke, a sanitizer for one.
 */
int suite_main(Suite *suite);

#endif /* TESTS_KIT_SUITE_H */
