/* SPDX-License-Identifier: MIT */
/**
 * @file options-internal.h
 * What the files of the command line share: options.c has the options and what goes together,
 * options-values.c reads single values, options-help.c has the text of --help.
 *
 * Each options_set_...() reads a value strictly; a wrong one is said on standard error, and ends the
 * program.
 */
#ifndef CLIENT_OPTIONS_INTERNAL_H
#define CLIENT_OPTIONS_INTERNAL_H

#include "client/options.h"

#include <stdint.h>

/** The most sessions of --sessions, of a step, or of --idle. */
#define SESSIONS_MAX 100000

extern const char options_help[];

/**
 * An option that getopt_long() does not take, and the end.
 *
 * @param what     what it returned. Long options have numbers from 256 on
 * @param command  whose --help has the right ones
 */
_Noreturn void options_bad_option(int what, char *const argv[], const char *command);

/** "--size 9-8 is not a size from ...", and the end. */
_Noreturn void options_bad_value(const char *option, const char *value, const char *range);

uint64_t options_number(const char *option, const char *value, uint64_t min, uint64_t max);
/** @param max_words  max_ns as people write it */
int64_t options_duration(const char *option, const char *value, int64_t max_ns,
                         const char *max_words, const char *example);

void options_set_steps(struct options *options, const char *value);
void options_set_size(struct options *options, const char *value);
void options_set_barrier(struct options *options, const char *value);
void options_set_transform(struct options *options, const char *value);
void options_set_rate(struct options *options, const char *value);
void options_set_think(struct options *options, const char *value);
void options_set_start_at(struct options *options, const char *value);
void options_set_source(struct options *options, const char *value);
void options_set_expect(struct options *options, const char *value);

#endif /* CLIENT_OPTIONS_INTERNAL_H */
