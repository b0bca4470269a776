/* SPDX-License-Identifier: MIT */
/* A value of --host. See target-name.h. */
#include "client/target-name.h"

#include "common/parse.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/** @return the colon before the port; NULL: there is none */
static const char *find_colon(const char *value)
{
    const char *colon = strrchr(value, ':');

    if (colon == NULL || strncmp(value, "unix:", strlen("unix:")) == 0)
        return NULL;
    if (value[0] == '[')
        return colon[-1] == ']' ? colon : NULL;
    return strchr(value, ':') == colon ? colon : NULL;
}

bool target_name_parse(const char *value, uint16_t port, struct target_name *name)
{
    const char *colon = find_colon(value);
    size_t length = colon != NULL ? (size_t)(colon - value) : strlen(value);
    uint64_t own = port;

    if (length == 0 || length >= sizeof name->host)
        return false;
    if (colon != NULL && !parse_number(colon + 1, 1, UINT16_MAX, &own))
        return false;
    snprintf(name->host, sizeof name->host, "%.*s", (int)length, value);
    name->port = (uint16_t)own;
    return true;
}
