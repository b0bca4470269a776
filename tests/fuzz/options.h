/* SPDX-License-Identifier: MIT */
/**
 * @file options.h
 * The options of a program, for the target of options.c.
 */
#ifndef TESTS_FUZZ_OPTIONS_H
#define TESTS_FUZZ_OPTIONS_H

/** Read options as the program does. Aborts if what it returns cannot be. */
void options_target(int argc, char **argv);

#endif /* TESTS_FUZZ_OPTIONS_H */
