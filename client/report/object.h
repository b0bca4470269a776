/* SPDX-License-Identifier: MIT */
/**
 * @file object.h
 * JSON objects, made one key and one value at a time.
 *
 *     json_t *object = json_object();
 *     object_count(&object, "ok", 45);
 *     object_put(&object, "idle", idle);      an object too, or any other JSON
 *
 * When one call fails for want of memory, the object is released and NULL; the calls after it do
 * nothing. So only the last result has to be checked.
 */
#ifndef CLIENT_REPORT_OBJECT_H
#define CLIENT_REPORT_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** Put a value and take over its reference, also on failure. NULL: it could not be made. */
void object_put(json_t **object, const char *key, json_t *value);
void object_count(json_t **object, const char *key, uint64_t value);
void object_real(json_t **object, const char *key, double value);
void object_flag(json_t **object, const char *key, bool value);
void object_text(json_t **object, const char *key, const char *value);

/** Put nanoseconds as microseconds, with the nanoseconds after the point. */
void object_us(json_t **object, const char *key, int64_t ns);

/** Release an object. @return it on one line, to be freed; NULL: there is none, or no memory */
char *object_line(json_t *object);

#endif /* CLIENT_REPORT_OBJECT_H */
