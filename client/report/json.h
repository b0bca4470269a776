/* SPDX-License-Identifier: MIT */
/**
 * @file json.h
 * A report for programs: one JSON object, schema "echo-client/1". echo-client(1) lists the keys.
 */
#ifndef CLIENT_REPORT_JSON_H
#define CLIENT_REPORT_JSON_H

#include "client/report/report.h"

#include <jansson.h>
#include <stdio.h>

/** @return a new reference, or NULL for want of memory */
json_t *report_object(const struct report *report);

/**
 * Print the object and a newline. Does not flush.
 *
 * @return false for want of memory; nothing is written then
 */
bool report_json(FILE *file, const struct report *report);

#endif /* CLIENT_REPORT_JSON_H */
