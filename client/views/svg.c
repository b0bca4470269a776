/* SPDX-License-Identifier: MIT */
/* Pieces of SVG. */
#include "client/views/svg.h"

#include "common/printable.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void svg_escape(struct outlet *outlet, const char *text)
{
    for (size_t left = strlen(text), shown; left > 0; text += shown, left -= shown) {
        shown = 1;
        switch (*text) {
        case '<': outlet_put(outlet, "&lt;", 4); break;
        case '>': outlet_put(outlet, "&gt;", 4); break;
        case '&': outlet_put(outlet, "&amp;", 5); break;
        case '"': outlet_put(outlet, "&quot;", 6); break;
        default:
            /* XML allows no control characters, and wants UTF-8, which a server need not send */
            shown = printable((const unsigned char *)text, left);
            outlet_put(outlet, shown > 0 ? text : ".", shown > 0 ? shown : 1);
            shown += shown == 0;
        }
    }
}

void svg_text(struct outlet *outlet, const char *class, double x, double y, enum svg_anchor anchor,
              const char *format, ...)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    outlet_print(outlet, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\"%s>", class, x, y,
                 anchors[anchor]);
    svg_escape(outlet, text);
    outlet_print(outlet, "</text>\n");
}

void svg_line(struct outlet *outlet, const char *class, double x1, double y1, double x2, double y2)
{
    outlet_print(outlet, "<line class=\"%s\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"/>\n",
                 class, x1, y1, x2, y2);
}

void svg_rect(struct outlet *outlet, const char *class, double x, double y, double width,
              double height)
{
    outlet_print(outlet,
                 "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
                 class, x, y, width, height);
}

void svg_use(struct outlet *outlet, const char *shape, double x, double y)
{
    outlet_print(outlet, "<use href=\"#%s\" x=\"%.2f\" y=\"%.2f\"/>\n", shape, x, y);
}
