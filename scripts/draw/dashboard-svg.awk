# SPDX-License-Identifier: MIT
# Draw a dashboard of Grafana: each panel at its place, with what Prometheus has answered. Reads the panels as deploy.sh
# prints them, and then the values: panel, series, seconds, value.
BEGIN {
    FS = "\t"
    COLUMN = 49 # of 24, in pixels
    ROW = 32
    GLYPH = 6.4 # the width of a character of a legend
}
FNR == NR {
    if (!($1 in kind)) {
        id_of[++panels] = $1
        kind[$1] = $4
        left[$1] = 12 + $5 * COLUMN
        top[$1] = 66 + $6 * ROW
        width[$1] = $7 * COLUMN
        height[$1] = $8 * ROW
        unit[$1] = $9
        stacked[$1] = $10 == "normal"
        title[$1] = $11
        bottom = max(bottom, top[$1] + height[$1])
    }
    next
}
{
    if (!(($1, $2) in seen)) {
        seen[$1, $2]
        name[$1, ++count[$1]] = $2
    }
    value[$1, $2, $3 + 0] = $4
    sum[$1, $3 + 0] += $4
    highest[$1, $2] = max(highest[$1, $2], $4)
    most[$1] = max(most[$1], stacked[$1] ? sum[$1, $3 + 0] : $4 + 0)
    last = max(last, $3)
}

# Set U_factor and U_word: how the values of a panel are shown.
function choose_unit(unit) {
    U_factor = 1
    U_word = ""
    if (unit == "percentunit") {
        U_factor = 100
        U_word = "%"
    } else if (unit == "s") {
        U_factor = 1000
        U_word = "ms"
    } else if (unit == "ops") {
        U_word = "/s"
    } else if (unit == "bytes") {
        U_factor = 1 / 1048576
        U_word = "MiB"
    } else if (unit == "Bps") {
        U_factor = 1 / 1000
        U_word = "kB/s"
    }
}

function heading(id) { return title[id] (U_word == "" ? "" : ", " U_word) }

# Whether a line needs the point at t: it is between two others of the same value if not.
function bends(id, series, t,    y) {
    y = value[id, series, t]
    return !((id, series, t - step) in value) || !((id, series, t + step) in value) || \
        value[id, series, t - step] != y || value[id, series, t + step] != y
}

# Draw a line, with a gap where there is no value.
function draw_line(id, series, class,    t) {
    for (t = 0; t <= last + step; t += step)
        if (!((id, series, t) in value))
            curve("line " class, series)
        else if (bends(id, series, t))
            curve_add(t, value[id, series, t] * U_factor)
}

# Draw a band above those of the series before, which end at floor[t]; none for a series that is always 0.
function draw_band(id, series, class,    t, y, edge, back, data) {
    if (!highest[id, series])
        return
    for (t = 0; t <= last; t += step) {
        y = value[id, series, t] * U_factor
        back = sprintf("L%.1f %.1f", sx(t), sy(floor[t])) back
        floor[t] += y
        edge = edge sprintf("%s%.1f %.1f", t == 0 ? "M" : "L", sx(t), sy(floor[t]))
        data = data sprintf("%s%d,%.4g", t == 0 ? "" : " ", t, y)
    }
    printf "<path class=\"%s\" fill-opacity=\".45\" data-series=\"%s\" data-points=\"%s\" d=\"%s%sZ\"/>\n", \
        class, svg_escape(series), data, edge, back
}

# Draw the names of the series in their colours below the panel, if y is given. @return the lines that they take
function legend(id, x, y,    i, at, lines, wide) {
    lines = 1
    for (i = 1; i <= count[id]; i++) {
        wide = GLYPH * length(name[id, i]) + 14
        if (at > 0 && at + wide > width[id] - 20) {
            at = 0
            lines++
        }
        if (y != "")
            svg_text(x + at, y + 15 * lines, class_of(i) " s", "start", name[id, i])
        at += wide
    }
    return lines
}

function draw_series(id,    i, high) {
    choose_unit(unit[id])
    high = height[id] - 64 - 15 * legend(id)
    panel(left[id] + 48, top[id] + 30, width[id] - 64, high, 0, last, most[id] * U_factor, heading(id), "")
    split("", floor)
    for (i = 1; i <= count[id]; i++)
        if (stacked[id])
            draw_band(id, name[id, i], class_of(i))
        else
            draw_line(id, name[id, i], class_of(i))
    legend(id, left[id] + 10, top[id] + 30 + high + 22)
}

# Draw the last value, and how it came to it.
function draw_stat(id,    series, now, words) {
    series = name[id, 1]
    for (now = last; now > 0 && !((id, series, now) in value); )
        now -= step
    choose_unit(unit[id])
    P_x = left[id] + 8; P_y = top[id] + 72; P_w = width[id] - 24; P_h = 36
    P_x0 = P_y0 = P_log = 0; P_x1 = last; P_y1 = max(most[id] * U_factor, 1e-9)
    words = substr(title[id], 1, 24)
    if (words != title[id])
        sub(/ [^ ]*$/, "", words)
    svg_text(P_x, top[id] + 16, "ink p", "start", words)
    svg_text(P_x, top[id] + 32, "ink p", "start", substr(title[id], length(words) + 2))
    svg_text(P_x, top[id] + 58, "ink h", "start", \
        (id, series, now) in value ? plain(three_digits(value[id, series, now] * U_factor)) " " U_word : "no data")
    draw_line(id, series, "a")
}

# @return how many fell into bucket i, of which Prometheus counts those below too
function in_bucket(id, i, t) {
    return max(0, value[id, name[id, i], t] - (i > 1 ? value[id, name[id, i - 1], t] : 0))
}

# Draw a row for each bucket from the lowest to the highest that is not empty; the darker, the more.
function draw_heat(id,    i, t, low, high, many, wide, level, cells, data) {
    for (i = 1; i <= count[id]; i++)
        for (t = 0; t <= last; t += step)
            if (in_bucket(id, i, t) > 0) {
                low = low ? low : i
                high = i
                many = max(many, in_bucket(id, i, t))
            }
    choose_unit(unit[id])
    P_x = left[id] + 48; P_y = top[id] + 30; P_w = width[id] - 64; P_h = height[id] - 64
    P_x0 = P_log = 0; P_x1 = last + step; P_y0 = low - 1; P_y1 = max(high, low)
    svg_text(P_x, P_y - 14, "ink p", "start", heading(id))
    for (i = low; i && i <= high; i += max(1, int((high - low) / 6)))
        svg_text(P_x - 8, sy(i) + 4, "muted s", "end", name[id, i] == "+Inf" ? "more" : plain(name[id, i] * U_factor))
    wide = sx(step) - sx(0)
    for (level = 1; level <= 5; level++) {
        cells = data = ""
        for (i = low; i && i <= high; i++)
            for (t = 0; t <= last; t += step)
                if (in_bucket(id, i, t) > many * (level - 1) / 5 && in_bucket(id, i, t) <= many * level / 5) {
                    cells = cells sprintf("M%.1f %.1fh%.1fv%.1fh-%.1fz", sx(t), sy(i), wide, sy(i - 1) - sy(i), wide)
                    data = data (data == "" ? "" : " ") t "," name[id, i]
                }
        if (cells != "")
            printf "<path class=\"a\" stroke-width=\"0\" fill-opacity=\"%.2g\" data-series=\"up to %.3g\" data-points=\"%s\" d=\"%s\"/>\n", \
                level / 5, many * level / 5, data, cells
    }
}

END {
    svg_begin(24 * COLUMN + 24, bottom + 30, "The dashboard echo-server, from a run of " last " seconds", \
        "The panels of deploy/grafana/echo-server.json, from what Prometheus answered to their queries while it scraped three servers.")
    svg_text(24, 54, "muted", "start", \
        "three servers under load, over seconds; in the middle third of the time the second has 40 more clients, and near the end the third stops")
    for (i = 1; i <= panels; i++) {
        id = id_of[i]
        printf "<g data-panel=\"%s\">\n", id
        if (kind[id] == "stat")
            draw_stat(id)
        else if (kind[id] == "heatmap")
            draw_heat(id)
        else
            draw_series(id)
        print "</g>"
    }
    svg_text(24, bottom + 18, "muted s", "start", \
        "Queries and places are those of deploy/grafana/echo-server.json, the answers those of Prometheus. Made by scripts/dashboard, without Grafana.")
    svg_end()
}
