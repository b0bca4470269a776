/* SPDX-License-Identifier: MIT */
/**
 * @file rows.h
 * The rows of the chart of --timeline.
 */
#ifndef CLIENT_VIEWS_ROWS_H
#define CLIENT_VIEWS_ROWS_H

#include "client/views/outlet.h"
#include "client/views/plan.h"

/** Draw the rows from a height on, with the words beside one of them that explain it. */
void rows_draw(struct outlet *out, const struct plan *plan, double top);

#endif /* CLIENT_VIEWS_ROWS_H */
