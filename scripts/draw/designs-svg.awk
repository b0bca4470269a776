# SPDX-License-Identifier: MIT
# Draw the C10k chart of what bench_designs has measured: four panels over the number of sessions, a line
# for each design.
{
    if (!($1 in designs)) {
        designs[$1] = ++design_count
        design_of[design_count] = $1
    }
    most_sessions = max(most_sessions, $2)
    if (v[n, "left_out"] != "") {
        if (!($1 in from)) {
            from[$1] = $2
            why[$1] = v[n, "left_out"]
        }
        next
    }
    split("rate cpu_us p99_us memory_mb", names, " ")
    for (i = 1; i in names; i++) {
        high[names[i]] = max(high[names[i]], v[n, names[i]])
        if (!(names[i] in low) || v[n, names[i]] < low[names[i]])
            low[names[i]] = v[n, names[i]] + 0
    }
}

function draw_panel(x, y, name, unit, title,    d, i, class, last) {
    panel_log(x, y, 300, 220, 1, most_sessions, low[name], high[name], title, "sessions")
    for (d = 1; d <= design_count; d++) {
        class = class_of(d) # a ninth design has the first colour, and dashes
        last = ""
        for (i = 1; i <= n; i++)
            if (v[i, "design"] == design_of[d] && v[i, "left_out"] == "") {
                curve_add(v[i, "sessions"], v[i, name])
                last = v[i, name]
            }
        curve(class (d > 8 ? " model" : " line"), name "_line")
        for (i = 1; i <= n; i++)
            if (v[i, "design"] == design_of[d] && v[i, "left_out"] == "")
                point(v[i, "sessions"], v[i, name], class " dot", name, \
                    design_of[d] ", " v[i, "sessions"] " sessions: " three_digits(v[i, name]) " " unit, 3)
        if (last != "")
            label_add(x + 304, sy(last), class " s", design_of[d])
    }
    labels(y + 220)
}

END {
    if (n == 0)
        exit 1
    for (d = 1; d <= design_count; d++)
        left_out += design_of[d] in from
    svg_begin(1030, 690 + 18 * (left_out + (busy >= 0.5)), "Ten thousand sessions, design by design", \
        "What each design of echo-server does with more and more sessions: echoes a second, CPU time of an echo, " \
        "99th percentile of its time, and memory of the server; measured by scripts/designs.")
    svg_text(24, 54, "muted", "start", "one message of 128 bytes under way in each session, the load is one event loop, " \
        (placement == 2 ? "server and load on a CPU each" : "unpinned on " cpus " CPUs") "; median of " rounds " runs")
    draw_panel(64, 104, "rate", "echoes a second", "echoes a second")
    draw_panel(556, 104, "cpu_us", "\302\265s", "\302\265s of CPU an echo")
    draw_panel(64, 414, "p99_us", "\302\265s", "\302\265s from sending to the echo, 99th percentile")
    draw_panel(556, 414, "memory_mb", "MB", "MB of memory")
    y = 690
    if (busy >= 0.5) {
        svg_text(24, y, "d s", "start", \
            "Other programs were running (load " busy "): these figures are not to be trusted.")
        y += 18
    }
    for (d = 1; d <= design_count; d++)
        if (design_of[d] in from) {
            svg_text(24, y, "muted s", "start", \
                design_of[d] " with " from[design_of[d]] " sessions: " why[design_of[d]])
            y += 18
        }
    svg_end()
}
