/* SPDX-License-Identifier: MIT */
/**
 * @file report.h
 * A summary shown to a person, or given to a program.
 *
 * None of these flush; a failed write shows in ferror() or in fclose() of the file.
 */
#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

#include "client/summary.h"

#include <stdbool.h>
#include <stdio.h>

/** A table: sessions, messages, times in microseconds, errors. */
void report_text(FILE *file, const struct summary *summary);

/**
 * One JSON object, schema "echo-client/1", and a newline. The keys are listed in echo-client(1).
 *
 * @return false for want of memory; nothing is written then
 */
bool report_json(FILE *file, const struct summary *summary);

#endif /* CLIENT_REPORT_H */
