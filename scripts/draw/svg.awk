# SPDX-License-Identifier: MIT
# Write charts as SVG: panels with two axes that begin at zero, lines, points, labels.
#
# Each element of data carries its numbers: data-series, and data-x and data-y or data-points, so that a
# program can check the picture. Colours are classes, with one set for light screens and one for dark
# screens.

function svg_escape(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    gsub(/"/, "\\&quot;", text)
    return text
}

# lines: the colours of the classes a, b, c and so on
function svg_colours(ink, muted, grid, paper, lines,    i, colour) {
    printf ".paper{fill:%s}.ink{fill:%s}.muted{fill:%s}.grid{stroke:%s}.axis{stroke:%s}", \
        paper, ink, muted, grid, muted
    split(lines, colour, " ")
    for (i = 1; i in colour; i++)
        printf ".%s{stroke:%s;fill:%s}", class_of(i), colour[i], colour[i]
    printf ".note{stroke:%s}", muted
}

# title: one line, drawn in the picture; description: the alternative text.
function svg_begin(width, height, title, description) {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" ", \
        width, height, width, height
    printf "role=\"img\" aria-labelledby=\"title desc\">\n"
    printf "<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n", \
        svg_escape(title), svg_escape(description)
    printf "<style>text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    printf ".h{font-size:17px;font-weight:600}.p{font-size:14px;font-weight:600}.s{font-size:12px}"
    printf ".line{stroke-width:2.2;stroke-linejoin:round}"
    printf ".model{stroke-width:1.6;stroke-dasharray:5 4}.note{stroke-dasharray:2 3}"
    printf ".grid{stroke-width:1}.dot{stroke-width:1.5}"
    svg_colours("#1f2328", "#656d76", "#e4e7eb", "#ffffff", \
        "#0b63c5 #b35900 #1a7f37 #c4232b #7a3fc0 #0f7b87 #a3246f #6b5d00")
    printf "@media (prefers-color-scheme:dark){"
    svg_colours("#e6edf3", "#9198a1", "#2b323b", "#0d1117", \
        "#58a6ff #e3994a #4fb862 #ff7b72 #b98cff #39c5cf #f778ba #d4c04a")
    printf "}"
    # These come after the colours, because they override them.
    printf ".line,.model,.hollow{fill:none}text[class]{stroke:none}</style>\n"
    printf "<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n", width, height
    svg_text(24, 32, "ink h", "start", title)
}

# @return the class of the i-th line: there are eight colours
function class_of(i) { return substr("abcdefgk", (i - 1) % 8 + 1, 1) }

function svg_end() { print "</svg>" }

function svg_text(x, y, class, anchor, text) {
    printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">%s</text>\n", \
        x, y, class, anchor, svg_escape(text)
}

function svg_line(x1, y1, x2, y2, class) {
    printf "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", class, x1, y1, x2, y2
}

# @return a step between gridlines, 1, 2 or 5 times a power of ten, for about `wanted` gridlines
function nice_step(range, wanted,    rough, power) {
    rough = range / wanted
    power = 1
    while (power * 10 <= rough)
        power *= 10
    while (power > rough)
        power /= 10
    return rough <= power * 1.2 ? power : rough <= power * 2.6 ? 2 * power : rough <= power * 6 ? 5 * power : 10 * power
}

# @return a number without trailing zeros, with at most three decimals
function plain(value,    text) {
    text = sprintf("%.3f", value)
    sub(/\.?0+$/, "", text)
    return text
}

# @return a number with three digits, such as 12.3 for 12.3456
function three_digits(value) {
    return value >= 100 ? sprintf("%.0f", value) : value >= 10 ? sprintf("%.1f", value) : sprintf("%.2f", value)
}

function log10(x) { return log(x) / log(10) }

# On logarithmic axes P_x0 to P_y1 are exponents.
function sx(x) { return P_x + ((P_log ? log10(x) : x) - P_x0) / (P_x1 - P_x0) * P_w }
function sy(y) { return P_y + P_h - ((P_log ? log10(y) : y) - P_y0) / (P_y1 - P_y0) * P_h }

# @return the largest whole number that is not above
function floor_of(x) { return x < int(x) ? int(x) - 1 : int(x) }

# Begin a panel with two logarithmic axes: x from x0 to x1, powers of ten, y so that y0 to y1 have
# room; they should be above 0. Gridlines are at 1, 2 and 5 times a power of ten, or at powers if there are many.
function panel_log(x, y, w, h, x0, x1, y0, y1, title, x_title,    at, i, factor, lines) {
    if (y1 <= 0)
        y1 = 1
    if (y0 <= 0)
        y0 = y1 / 1000
    P_x = x; P_y = y; P_w = w; P_h = h; P_log = 1
    P_x0 = log10(x0)
    P_x1 = x1 > x0 ? log10(x1) : P_x0 + 1
    P_y0 = log10(y0 * 0.9)
    P_y1 = log10(y1 * 1.1)
    svg_text(x, y - 14, "ink p", "start", title)
    lines = split(P_y1 - P_y0 > 2.5 ? "1" : "1 2 5", factor, " ")
    for (at = floor_of(P_y0); at <= P_y1; at++)
        for (i = 1; i <= lines; i++)
            if (log10(factor[i]) + at >= P_y0 && log10(factor[i]) + at <= P_y1) {
                svg_line(x, sy(factor[i] * 10 ^ at), x + w, sy(factor[i] * 10 ^ at), "grid")
                svg_text(x - 8, sy(factor[i] * 10 ^ at) + 4, "muted s", "end", plain(factor[i] * 10 ^ at))
            }
    svg_line(x, y + h, x + w, y + h, "axis")
    for (at = P_x0; at <= P_x1 + 0.0001; at++)
        svg_text(sx(10 ^ at), y + h + 18, "muted s", "middle", plain(10 ^ at))
    if (x_title != "")
        svg_text(x + w / 2, y + h + 38, "muted s", "middle", x_title)
}

# Begin a panel at these pixels. Its axes go from x0 to x1, and from 0 to y1 or a little more, or to 1 if
# y1 is 0. With P_bare the x axis has no numbers.
function panel(x, y, w, h, x0, x1, y1, title, x_title,    step, at) {
    if (y1 <= 0)
        y1 = 1
    P_x = x; P_y = y; P_w = w; P_h = h; P_x0 = x0; P_x1 = x1; P_y0 = 0; P_log = 0
    step = nice_step(y1, h / 45)
    P_y1 = step * int(y1 / step)
    while (P_y1 < y1 * 1.02)
        P_y1 += step / 2
    svg_text(x, y - 14, "ink p", "start", title)
    for (at = 0; at <= P_y1 * 1.0001; at += step) {
        svg_line(x, sy(at), x + w, sy(at), at == 0 ? "axis" : "grid")
        svg_text(x - 8, sy(at) + 4, "muted s", "end", plain(at))
    }
    step = nice_step(x1 - x0, w / 65)
    for (at = step * int(x0 / step); at <= x1 * 1.0001 && !P_bare; at += step)
        if (at >= x0)
            svg_text(sx(at), y + h + 18, "muted s", "middle", plain(at))
    if (x_title != "")
        svg_text(x + w / 2, y + h + 38, "muted s", "middle", x_title)
}

# Add a point to the line that curve() will draw.
function curve_add(x, y) {
    C_path = C_path sprintf("%s%.1f %.1f", C_path == "" ? "M" : "L", sx(x), sy(y))
    C_data = C_data sprintf("%s%.7g,%.7g", C_data == "" ? "" : " ", x, y)
}

# Add a point to a line of steps; a point with the same value as the previous one is left out.
function curve_step(x, y) {
    if (C_path == "")
        C_path = sprintf("M%.1f %.1f", sx(x), sy(y))
    else if (y == C_y)
        return
    else
        C_path = C_path sprintf("H%.1fV%.1f", sx(x), sy(y))
    C_data = C_data sprintf("%s%.7g,%.7g", C_data == "" ? "" : " ", x, y)
    C_y = y
}

function curve_steps_end(x) { C_path = C_path sprintf("H%.1f", sx(x)) }

function curve(class, series) {
    if (C_path != "")
        printf "<path class=\"%s\" data-series=\"%s\" data-points=\"%s\" d=\"%s\"/>\n", \
            class, svg_escape(series), C_data, C_path
    C_path = C_data = ""
}

function point(x, y, class, series, title, radius) {
    printf "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" data-series=\"%s\" data-x=\"%.7g\" data-y=\"%.7g\"><title>%s</title></circle>\n", \
        class, sx(x), sy(y), radius, svg_escape(series), x, y, svg_escape(title)
}

# Add a label beside the end of a line; labels() draws them all so that none covers another.
function label_add(x, y, class, text) {
    L_count++
    L_x[L_count] = x
    L_y[L_count] = y
    L_class[L_count] = class
    L_text[L_count] = text
}

function label_swap(i, j,    keep) {
    keep = L_x[i]; L_x[i] = L_x[j]; L_x[j] = keep
    keep = L_y[i]; L_y[i] = L_y[j]; L_y[j] = keep
    keep = L_class[i]; L_class[i] = L_class[j]; L_class[j] = keep
    keep = L_text[i]; L_text[i] = L_text[j]; L_text[j] = keep
}

function labels(lowest,    i, j) {
    for (i = 2; i <= L_count; i++)
        for (j = i; j > 1 && L_y[j] < L_y[j - 1]; j--)
            label_swap(j, j - 1)
    for (i = 2; i <= L_count; i++)
        if (L_y[i] < L_y[i - 1] + 16)
            L_y[i] = L_y[i - 1] + 16
    # Move labels that are now too low up again, and those above them too.
    if (L_count > 0 && L_y[L_count] > lowest)
        L_y[L_count] = lowest
    for (i = L_count - 1; i >= 1; i--)
        if (L_y[i] > L_y[i + 1] - 16)
            L_y[i] = L_y[i + 1] - 16
    for (i = 1; i <= L_count; i++)
        svg_text(L_x[i] + 8, L_y[i] + 4, L_class[i], "start", L_text[i])
    L_count = 0
}
