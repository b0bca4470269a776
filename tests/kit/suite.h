/* SPDX-License-Identifier: MIT */
/**
 * @file suite.h
 * What every Check program of the house ends with.
 */
#ifndef TESTS_KIT_SUITE_H
#define TESTS_KIT_SUITE_H

#include <check.h>

/**
 * Run a suite and turn the outcome into an exit status.
 *
 * Under automake's TAP driver the status is 0 even where tests failed: the TAP lines say which,
 * and a status that is not 0 is left to mean that the program itself broke, a sanitizer for one.
 */
int suite_main(Suite *suite);

#endif /* TESTS_KIT_SUITE_H */
