/* SPDX-License-Identifier: MIT */
/* JSON objects, made key by key. */
#include "client/report/object.h"

/* 15 digits are what every double has: 0.1 stays 0.1, and a time of day has ten microseconds. */
enum { DIGITS = 15 };

void object_put(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) == 0)
        return;
    json_decref(*object);
    *object = NULL;
}

void object_count(json_t **object, const char *key, uint64_t value)
{
    object_put(object, key, json_integer((json_int_t)value));
}

void object_real(json_t **object, const char *key, double value)
{
    object_put(object, key, json_real(value));
}

void object_flag(json_t **object, const char *key, bool value)
{
    object_put(object, key, json_boolean(value));
}

void object_text(json_t **object, const char *key, const char *value)
{
    object_put(object, key, json_string(value));
}

void object_us(json_t **object, const char *key, int64_t ns)
{
    object_real(object, key, (double)ns / 1000);
}

char *object_line(json_t *object)
{
    char *line =
        object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;

    json_decref(object);
    return line;
}
