/* SPDX-License-Identifier: MIT */
/* A source that makes rows from columns: see rows-internal.h. */
#include "pool/map/rows-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rows {
    size_t next;
    size_t count;
    size_t row_bytes;
    unsigned char *row; /**< behind the columns, in the same piece of memory */
    size_t column_count;
    struct ep_column columns[];
};

/** Add up the length of a row. @return false if the columns are invalid */
static bool columns_measure(const struct ep_column *columns, size_t column_count, size_t count,
                            size_t *row_bytes)
{
    *row_bytes = 0;
    if (columns == NULL || column_count == 0 || column_count > SIZE_MAX / 4 / sizeof *columns)
        return false;
    for (size_t i = 0; i < column_count; i++) {
        if (columns[i].elements == NULL && columns[i].size > 0 && count > 0)
            return false;
        if (columns[i].size > SIZE_MAX / 4 - *row_bytes)
            return false;
        *row_bytes += columns[i].size;
    }
    return true;
}

int rows_new(const struct ep_column *columns, size_t column_count, size_t count, struct rows **rows)
{
    struct rows *made;
    size_t row_bytes, columns_bytes;

    if (!columns_measure(columns, column_count, count, &row_bytes))
        return -EINVAL;
    columns_bytes = column_count * sizeof *columns;
    made = malloc(sizeof *made + columns_bytes + row_bytes);
    if (made == NULL)
        return -ENOMEM;
    made->next = 0;
    made->count = count;
    made->row_bytes = row_bytes;
    made->row = (unsigned char *)made->columns + columns_bytes;
    made->column_count = column_count;
    memcpy(made->columns, columns, columns_bytes);
    *rows = made;
    return 0;
}

void rows_free(struct rows *rows)
{
    free(rows);
}

int rows_next(void *context, struct ep_bytes *input)
{
    struct rows *rows = context;
    unsigned char *end = rows->row;

    if (rows->next == rows->count)
        return 0;
    for (size_t i = 0; i < rows->column_count; i++) {
        size_t size = rows->columns[i].size;

        if (size > 0)
            memcpy(end, (const unsigned char *)rows->columns[i].elements + rows->next * size, size);
        end += size;
    }
    rows->next++;
    *input = (struct ep_bytes){.data = rows->row, .size = rows->row_bytes};
    return 1;
}
