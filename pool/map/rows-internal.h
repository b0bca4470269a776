/* SPDX-License-Identifier: MIT */
/**
 * @file rows-internal.h
 * A source of inputs (ep_source_fn) that makes rows from columns.
 */
#ifndef POOL_MAP_ROWS_INTERNAL_H
#define POOL_MAP_ROWS_INTERNAL_H

#include "pool/echopool.h"

/** Used by one thread. It copies the columns, but not their elements. */
struct rows;

/**
 * Make a source.
 *
 * @param count  of rows
 * @return       0, -ENOMEM, or -EINVAL: no columns, a column without elements, or rows too long
 */
int rows_new(const struct ep_column *columns, size_t column_count, size_t count,
             struct rows **rows);
/** Release a source. NULL is allowed. */
void rows_free(struct rows *rows);

/** Make the next row. The context is a struct rows. */
int rows_next(void *rows, struct ep_bytes *input);

#endif /* POOL_MAP_ROWS_INTERNAL_H */
