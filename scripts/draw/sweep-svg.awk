# SPDX-License-Identifier: MIT
# Draw a sweep: on the left the throughput or, with a fixed rate, the busy workers; on the right the times.
# Points are measured, curves computed. Reads the output of sweep.awk.
{
    x[n] = v[n, what == "service" ? "service_ms" : what]
    low = n == 1 ? x[n] : min(low, x[n])
    high = max(high, x[n])
    left = v[n, "rate"] > 0 ? "busy" : "throughput"
    most = max(most, max(v[n, left], v[n, "model_" left]))
    slowest = max(slowest, max(v[n, "p99_ms"], v[n, "model_p99_ms"]))
}

# Compute the model at any x: the parameters of the first run, except the one that varies.
function model_at(at) {
    model(what == "workers" ? at : v[1, "workers"], what == "sessions" ? at : v[1, "sessions"], \
        (what == "service" ? at : v[1, "service_ms"]) / 1000, v[1, "burn_ms"] / 1000, v[1, "think_ms"] / 1000, \
        v[1, "rate"], cpus)
}

# The numbers of workers and sessions are whole; service times are not.
function compute_curves(    at, step) {
    step = what == "service" ? (high - low) / 60 : max(1, int((high - low) / 60))
    if (step <= 0)
        return
    for (at = low; at <= high + step / 1000; at += step) {
        model_at(at)
        if (M_throughput == "")
            continue
        c_count++
        c_x[c_count] = at
        c["model_throughput", c_count] = M_throughput
        c["model_busy", c_count] = M_busy
        c["model_mean_ms", c_count] = M_mean
        c["model_p50_ms", c_count] = M_p50
        c["model_p99_ms", c_count] = M_p99
    }
}

function draw_model(name, class,    i) {
    for (i = 1; i <= c_count; i++)
        if (c[name, i] != "" && c[name, i] + 0 <= P_y1)
            curve_add(c_x[i], c[name, i])
    curve("model " class, name)
}

function draw_points(name, class, words, unit, radius,    i) {
    for (i = 1; i <= n; i++)
        point(x[i], v[i, name], class " dot", name, words ", " what " " plain(x[i]) ": " three_digits(v[i, name]) " " unit, radius)
    label_add(sx(x[n]), sy(v[n, name]), substr(class, 1, 1), words)
}

function draw_knee(    at) {
    at = knee(what, v[1, "workers"], v[1, "sessions"], v[1, "service_ms"] / 1000, v[1, "burn_ms"] / 1000, \
        v[1, "think_ms"] / 1000, v[1, "rate"], cpus)
    if (at == "" || at <= P_x0 || at >= P_x1)
        return
    svg_line(sx(at), P_y, sx(at), P_y + P_h, "note")
    svg_text(sx(at) + 5, P_y + 4, "muted s", "start", "knee " plain(three_digits(at)))
}

# @return a description of the load
function load_in_words() {
    if (v[1, "rate"] > 0)
        return v[1, "rate"] " messages a second"
    return (what == "sessions" ? "" : v[1, "sessions"] " ") "sessions that " \
        (v[1, "think_ms"] > 0 ? "pause " plain(v[1, "think_ms"]) " ms between messages" : "do not pause")
}

function service_in_words() {
    if (what == "service")
        return (exponential == "" ? "constant" : "exponential") " service times"
    return "a message takes " plain(v[1, "service_ms"]) " ms" (exponential == "" ? "" : " on average")
}

# @return a description of the parameters that were the same in all runs
function fixed() {
    return (what == "workers" ? "" : v[1, "workers"] " workers, ") load_in_words() ", " service_in_words() \
        (v[1, "burn_ms"] > 0 ? " asleep and " plain(v[1, "burn_ms"]) " ms on one of " cpus " CPUs" : "") \
        "; " lasts " s a run"
}

function worst_error(    i, worst) {
    for (i = 1; i <= n; i++)
        worst = max(worst, magnitude(v[i, "little_error_percent"]))
    return worst
}

function median_error(    i, j, keep, error) {
    for (i = 1; i <= n; i++) {
        error[i] = magnitude(v[i, "little_error_percent"])
        for (j = i; j > 1 && error[j] < error[j - 1]; j--) {
            keep = error[j]; error[j] = error[j - 1]; error[j - 1] = keep
        }
    }
    return n % 2 ? error[(n + 1) / 2] : (error[n / 2] + error[n / 2 + 1]) / 2
}

END {
    axis = what == "service" ? "service time, ms" : what
    from = what == "service" ? 0 : low > 1 ? low - 1 : 0
    compute_curves()
    svg_begin(1000, 440, \
        what == "workers" ? "How many workers?" : what == "sessions" ? "How many sessions can it bear?" : "What if each message takes longer?", \
        "Points measured with echo-server and echo-client while " what " vary, and curves computed. Left, " \
        (left == "busy" ? "busy workers" : "echoes a second") \
        "; right, the time of an echo, mean, median and 99th percentile.")
    svg_text(24, 54, "muted", "start", fixed())

    panel(64, 104, 350, 240, from, high, most, left == "busy" ? "busy workers" : "echoes a second", axis)
    draw_model("model_" left, "a")
    draw_points(left, "a", "measured", left == "busy" ? "busy workers" : "echoes a second", 4)
    draw_knee()
    labels(sy(0) - 2)

    panel(556, 104, 350, 240, from, high, slowest, "milliseconds from " (v[1, "rate"] > 0 ? "when it was due" : "sending") " to the echo", axis)
    draw_model("model_p50_ms", "c")
    draw_model("model_mean_ms", "a")
    draw_model("model_p99_ms", "d")
    draw_points("p50_ms", "c", "median", "ms", 3)
    draw_points("mean_ms", "a hollow", "mean", "ms", 5)
    draw_points("p99_ms", "d", "p99", "ms", 4)
    draw_knee()
    labels(sy(0) - 2)

    svg_text(24, 410, "muted s", "start", \
        "points: measured; " model_name(v[1, "burn_ms"], v[1, "think_ms"], v[1, "rate"], cpus))
    svg_text(24, 428, "muted s", "start", sprintf("Little's law, L = \316\273W: the two sides, measured apart, " \
        "differ by %.1f %% in the median run, by %.1f %% in the worst. Made by scripts/sweep %s.", \
        median_error(), worst_error(), what))
    svg_end()
}
