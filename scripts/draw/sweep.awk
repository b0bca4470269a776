# SPDX-License-Identifier: MIT
# Add to the measurements of scripts/sweep, one line per run, the values that follow from them and the
# values that theory predicts. A value without a formula is empty.
BEGIN {
    FS = OFS = "\t"
    # In the order in which sweep-run.awk prints them.
    count = split("workers sessions service_ms burn_ms think_ms rate seconds echoes throughput " \
        "mean_ms p50_ms p99_ms sent_mean_ms at_server waiting busy failed", name, " ")
    for (i = 1; i <= count; i++) {
        at[name[i]] = i
        printf "%s\t", name[i]
    }
    print "lambda_w", "little_error_percent", "utilisation", "queue_wait_ms", \
        "model_throughput", "model_mean_ms", "model_p50_ms", "model_p99_ms", "model_busy"
}
{
    throughput = $at["throughput"]
    service = ($at["service_ms"] + $at["burn_ms"]) / 1000
    # A message is at the server from when it is sent, not from when it is due.
    lambda_w = throughput * $at["sent_mean_ms"] / 1000
    little = $at["at_server"] > 0 ? (lambda_w / $at["at_server"] - 1) * 100 : 0
    # rho = lambda S / m, with the requested S.
    utilisation = throughput * service / $at["workers"]
    # Little's law for the queue.
    queue_wait = throughput > 0 ? $at["waiting"] / throughput * 1000 : 0
    model($at["workers"], $at["sessions"], $at["service_ms"] / 1000, $at["burn_ms"] / 1000, \
        $at["think_ms"] / 1000, $at["rate"], cpus)
    print $0, number(lambda_w), number(little), number(utilisation), number(queue_wait), \
        M_throughput, M_mean, M_p50, M_p99, M_busy
}
function number(value) { return sprintf("%.6g", value) }
