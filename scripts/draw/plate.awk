# SPDX-License-Identifier: MIT
# Draw the plate: the capped and the uncapped server over time. Reads the TSV of scripts/plate; the
# settings of the run are given as awk variables.
BEGIN { FS = "\t" }
NR == 1 { next }
{
    side = $1
    n = ++count[side]
    at[side, n] = $2
    value[side, n, "threads"] = $3
    value[side, n, "served"] = $4
    value[side, n, "turned away"] = $5
    value[side, n, "waiting"] = $6
    value[side, n, "address space"] = $7
    last = max(last, $2)
    top = max(top, max($3, max($4, $5)))
}

# Draw a series as steps: between two samples it keeps its value.
function steps(side, series, class,    i, y) {
    for (i = 1; i <= count[side]; i++)
        curve_step(at[side, i], y = value[side, i, series])
    curve_steps_end(at[side, count[side]])
    if (at[side, count[side]] < last * 0.98) # a line to the label with the final value
        svg_line(sx(at[side, count[side]]), sy(y), sx(last), sy(y), "note")
    curve("line " class, side " " series)
    if (y > 0 || series != "waiting")
        label_add(sx(last), sy(y), class, y " " (y == 1 && series == "threads" ? "thread" : word[series]))
}

function highest(side, series,    i, best) {
    for (i = 1; i <= count[side]; i++)
        if (value[side, i, series] > value[side, best, series])
            best = i
    return best
}

# Label the peak of a line, if it is not its final value.
function note_peak(side, series, class, dx, dy,    i) {
    i = highest(side, series)
    if (value[side, i, series] > value[side, count[side], series])
        svg_text(sx(at[side, i]) + dx, sy(value[side, i, series]) + dy, class, "start", value[side, i, series] " " word[series])
}

# Label the end of a side that ends long before the other side.
function note_end(side,    end) {
    end = at[side, count[side]]
    if (end < last / 2)
        svg_text(sx(end) + 14, sy(15), "muted", "start", "all over after " three_digits(end) " s")
}

function half(side, x, heading) {
    svg_text(x, 88, "ink h", "start", heading)
    panel(x, 132, 330, 220, 0, last, max(top, sessions), "threads, sessions", "")
    steps(side, "turned away", "d")
    steps(side, "waiting", "b")
    steps(side, "served", "c")
    steps(side, "threads", "a")
    note_peak(side, "threads", "a", 6, -6)
    note_peak(side, "waiting", "b", 12, -4)
    note_end(side)
    labels(sy(0) - 2)

    panel(x, 418, 330, 70, 0, last, limit_kb / 1024, "address space, MB", "seconds since the first client came")
    svg_line(x, sy(limit_kb / 1024), x + 330, sy(limit_kb / 1024), "note")
    label_add(x + 330, sy(limit_kb / 1024), "muted", "the limit, " plain(limit_kb / 1024))
    steps(side, "address space", "a")
    labels(sy(0) - 2)
}

END {
    word["threads"] = "threads"
    word["served"] = "served"
    word["turned away"] = "turned away"
    word["waiting"] = "waiting"
    word["address space"] = "MB"
    svg_begin(1000, 568, sessions " clients at once: a thread each, or " workers " workers", \
        "Two servers under the same limits and the same load, over time. Left, a thread for each session: " \
        value["uncapped", count["uncapped"], "served"] " sessions were served and " \
        value["uncapped", count["uncapped"], "turned away"] " turned away. Right, " workers " workers: " \
        value["capped", count["capped"], "served"] " were served and " \
        value["capped", count["capped"], "turned away"] " turned away.")
    svg_text(24, 54, "muted", "start", messages " messages each, " service " an echo, both with --limit " limit "; the uncapped server predicts room for " predicted)
    half("uncapped", 56, "--model thread: no cap")
    half("capped", 540, "--model thread-pool --workers " workers)
    svg_text(24, 556, "muted s", "start", "From a real run: the server's own counts, every 15 ms. Made by scripts/plate.")
    svg_end()
}
