/* SPDX-License-Identifier: MIT */
/**
 * @file curve.h
 * --curve: what a search for a rate has found, as SVG: percentiles of the echo by the rate that was asked for.
 */
#ifndef CLIENT_VIEWS_CURVE_H
#define CLIENT_VIEWS_CURVE_H

#include "client/report/search.h"
#include "client/views/outlet.h"

/** Draw the curve. @param steps  a summary for each step of the search; a step without an echo has no point */
void curve_draw(struct outlet *outlet, const struct search *search, const struct summary steps[]);

#endif /* CLIENT_VIEWS_CURVE_H */
