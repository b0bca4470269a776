/* SPDX-License-Identifier: MIT */
/**
 * @file svg.h
 * The few pieces of SVG that a chart needs, written to an outlet. Coordinates have two digits after
 * the point, a hundredth of a pixel, to keep files short.
 */
#ifndef CLIENT_VIEWS_SVG_H
#define CLIENT_VIEWS_SVG_H

#include "client/views/outlet.h"

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/** Put any bytes so that XML takes them as text, in an element or an attribute. */
void svg_escape(struct outlet *outlet, const char *text);

/** Put text. @param class  of the style sheet, such as "soft" */
void svg_text(struct outlet *outlet, const char *class, double x, double y, enum svg_anchor anchor,
              const char *format, ...) __attribute__((format(printf, 6, 7)));
void svg_line(struct outlet *outlet, const char *class, double x1, double y1, double x2, double y2);
void svg_rect(struct outlet *outlet, const char *class, double x, double y, double width,
              double height);

/** Put a shape of <defs>, with its middle at a point. */
void svg_use(struct outlet *outlet, const char *shape, double x, double y);

#endif /* CLIENT_VIEWS_SVG_H */
