# SPDX-License-Identifier: MIT
# Print a sweep as a table, and its conclusions as sentences.
BEGIN { FS = "\t" }
NR == 1 {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    printf "%10s %9s %9s %8s %8s %8s %8s %7s %7s %6s\n", what == "service" ? "service" : what, "echoes/s", "computed", \
        "p50 ms", "p99 ms", "mean ms", "computed", "queued", "L", "error"
    next
}
{
    n++
    x[n] = $at[what == "service" ? "service_ms" : what]
    X[n] = $at["throughput"]
    printf "%10s %9s %9s %8s %8s %8s %8s %7s %7s %5.1f%%\n", what == "service" ? plain(x[n]) " ms" : x[n], three_digits(X[n]), \
        $at["model_throughput"] == "" ? "-" : three_digits($at["model_throughput"]), three_digits($at["p50_ms"]), \
        three_digits($at["p99_ms"]), three_digits($at["mean_ms"]), $at["model_mean_ms"] == "" ? "-" : three_digits($at["model_mean_ms"]), \
        three_digits($at["queue_wait_ms"]), three_digits($at["at_server"]), $at["little_error_percent"]
    worst = max(worst, magnitude($at["little_error_percent"]))
    rho[n] = $at["utilisation"]
    busy[n] = $at["busy"] / $at["workers"]
    failed += $at["failed"]
    if (n == 1) {
        m = $at["workers"]; N = $at["sessions"]; S = $at["service_ms"] / 1000; B = $at["burn_ms"] / 1000
        Z = $at["think_ms"] / 1000; rate = $at["rate"]
    }
}

# @return where the line from zero through the points below two thirds of the highest throughput reaches
# the highest; "" if throughput still rises, or if there is no such line
function measured_knee(    i, most, xy, xx) {
    if (what == "service" || n < 3)
        return ""
    for (i = 1; i <= n; i++)
        most = max(most, X[i])
    if (X[n - 1] < 0.9 * X[n])
        return ""
    for (i = 1; i <= n; i++)
        if (i == 1 || X[i] < most * 2 / 3) {
            xy += x[i] * X[i]
            xx += x[i] * x[i]
        }
    return xy > 0 ? most / (xy / xx) : ""
}

END {
    print ""
    print "queued, in ms, is the sampled queue length divided by throughput (Little's law for the queue)"
    printf "Little's law: L, sampled at the server, and throughput x mean time, from the client, differ by %.1f %% at most\n", worst
    printf "utilisation, throughput x service time / workers: %.2f", rho[1]
    for (i = 2; i <= n; i++)
        printf " %.2f", rho[i]
    printf "; as sampled: %.2f", busy[1]
    for (i = 2; i <= n; i++)
        printf " %.2f", busy[i]
    print ""
    k = knee(what, m, N, S, B, Z, rate, cpus)
    unit = what == "service" ? " ms" : " " what
    if (k == "")
        print "knee, computed: there is none"
    else
        print "knee, where the load reaches the capacity, computed: " three_digits(k) unit
    k = measured_knee()
    if (k != "")
        print "knee, where the initial slope reaches the highest throughput, measured: " three_digits(k) unit
    print model_name(B, Z, rate, cpus)
    if (failed > 0)
        print failed " sessions failed"
}
