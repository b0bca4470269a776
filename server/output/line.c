/* SPDX-License-Identifier: MIT */
/* The line of a message: see line.h. */
#include "server/output/line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t line_begin(char text[static PIPE_BUF], uint64_t session, size_t total)
{
    return (size_t)snprintf(text, PIPE_BUF, "session %" PRIu64 ", %zu bytes: ", session, total);
}

size_t line_end(char text[static LINE_END_MAX], bool whole)
{
    memcpy(text, whole ? "\n" : "...\n", whole ? 1 : 4);
    return whole ? 1 : 4;
}
