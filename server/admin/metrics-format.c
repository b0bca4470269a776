/* SPDX-License-Identifier: MIT */
/* Which format a client of /metrics gets: see metrics.h. */
#include "common/parse.h"
#include "server/admin/metrics.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const admin_metrics_types[2] = {
    [METRICS_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
    [METRICS_OPEN] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/* What names a format in an Accept header. */
static const struct range {
    const char *type;
    const char *version;
    enum metrics_format format;
} ranges[] = {
    {"application/openmetrics-text", "1.0.0", METRICS_OPEN},
    {"text/plain", "0.0.4", METRICS_TEXT},
    {"text/*", "", METRICS_TEXT},
    {"*/*", "", METRICS_TEXT},
};

/* Cut off the part before a separator, without blanks around it. @param rest  becomes NULL after the last */
static char *cut(char **rest, const char *separator)
{
    char *part = strsep(rest, separator);
    size_t size;

    part += strspn(part, " \t");
    for (size = strlen(part); size > 0 && (part[size - 1] == ' ' || part[size - 1] == '\t'); size--)
        part[size - 1] = '\0';
    return part;
}

/* Return how much a client wants a range with these parameters: from 0, not at all, to 1. */
static double quality(const struct range *range, char *parameters)
{
    double q = 1;
    bool is_known = true;

    while (parameters != NULL) {
        const char *parameter = cut(&parameters, ";");
        if (strncasecmp(parameter, "q=", 2) == 0)
            is_known &= parse_decimal(parameter + 2, 0, 1, &q);
        else if (strncasecmp(parameter, "version=", 8) == 0)
            is_known &= strcmp(parameter + 8, range->version) == 0;
    }
    return is_known ? q : 0;
}

enum metrics_format admin_metrics_format(const char *accept)
{
    char *copy = accept != NULL ? strdup(accept) : NULL;
    char *rest = copy;
    double wanted[2] = {0, 0};

    while (rest != NULL) {
        char *parameters = cut(&rest, ",");
        const char *type = cut(&parameters, ";");
        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
            double *best = &wanted[ranges[i].format];
            double q = strcasecmp(type, ranges[i].type) == 0 ? quality(&ranges[i], parameters) : 0;
            if (q > *best)
                *best = q;
        }
    }
    free(copy);
    return wanted[METRICS_OPEN] > 0 && wanted[METRICS_OPEN] >= wanted[METRICS_TEXT] ? METRICS_OPEN
                                                                                    : METRICS_TEXT;
}
