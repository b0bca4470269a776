# SPDX-License-Identifier: MIT
# Queueing theory: compute what a server with m workers does from its parameters.
#
# All times are in seconds, all rates per second. Service times are exponential. Two kinds of load:
#
#   closed  N sessions; each one sends, waits for its echo, thinks for Z, and sends again. This is
#           M/M/m//N, the machine repairman: N machines and m repairmen. Only the mean of the thinking
#           time matters, not its distribution.
#   open    messages arrive at a fixed rate, as a Poisson process, whether or not the server keeps up.
#           This is M/M/m.
#
# The state is n, the number of messages at the server, waiting or in service. With min(n, m) busy
# workers, messages leave at the rate mu[min(n, m)]; p[n] is the probability of state n:
#
#   p[n + 1] * mu[min(n + 1, m)] = p[n] * (arrival rate in state n)
#
# solve_closed() and solve_open() set q_X, the throughput, q_L, the mean number of messages at the
# server, q_W, the mean time there, q_busy, the mean number of busy workers, and p[].

# Set mu[] for m workers, each of which needs S for a message.
function workers_alone(m, S,    k) {
    delete mu
    for (k = 1; k <= m; k++)
        mu[k] = k / S
}

# Set mu[] for messages that keep their worker asleep for D and then on one of c CPUs for B. Workers queue
# for the CPUs, so k busy workers are a closed system: k machines that run for D, and c repairmen that
# need B.
function workers_on_cpus(m, D, B, c,    k, rate) {
    if (B == 0) {
        workers_alone(m, D)
        return
    }
    for (k = 1; k <= m; k++) {
        workers_alone(c, B)
        solve_closed(k, c, D)
        rate[k] = q_X
    }
    delete mu
    for (k = 1; k <= m; k++)
        mu[k] = rate[k]
}

function min(a, b) { return a + 0 < b + 0 ? a + 0 : b + 0 }
function max(a, b) { return a + 0 > b + 0 ? a + 0 : b + 0 }
function magnitude(a) { return a < 0 ? -a : a + 0 }

# @return mu[] in state n
function done_rate(n, m) { return mu[min(n, m)] }

# Compute the means from p[0] to p[top].
function sum_up(top, m,    n) {
    q_X = q_L = q_busy = 0
    for (n = 1; n <= top; n++) {
        q_X += p[n] * done_rate(n, m)
        q_L += p[n] * n
        q_busy += p[n] * min(n, m)
    }
    q_W = q_X > 0 ? q_L / q_X : 0
}

# Solve for N sessions that think for Z, and m workers with mu[].
function solve_closed(N, m, Z,    n, sum) {
    delete p
    if (Z == 0) { # every message is always at the server
        for (n = 0; n < N; n++)
            p[n] = 0
        p[N] = 1
    } else {
        p[0] = sum = 1
        for (n = 1; n <= N; n++) {
            p[n] = p[n - 1] * (N - n + 1) / Z / done_rate(n, m)
            sum += p[n]
            if (sum > 1e200)
                sum = rescale(n, sum)
        }
        for (n = 0; n <= N; n++)
            p[n] /= sum
    }
    sum_up(N, m)
}

function rescale(top, sum,    n) {
    for (n = 0; n <= top; n++)
        p[n] /= sum
    return 1
}

# Solve for messages at the given rate. @return 0: they arrive faster than the workers can serve them
function solve_open(rate, m,    n, sum, tail, r) {
    r = rate / mu[m]
    if (r >= 1)
        return 0
    delete p
    p[0] = sum = 1
    for (n = 1; n <= m; n++) {
        p[n] = p[n - 1] * rate / mu[n]
        sum += p[n]
        if (sum > 1e200)
            sum = rescale(n, sum)
    }
    # From m on the terms are geometric: p[m + i] = p[m] * r^i.
    tail = p[m] * r / (1 - r)
    sum += tail
    for (n = 0; n <= m; n++)
        p[n] /= sum
    tail /= sum
    sum_up(m, m)
    q_X += tail * mu[m]
    q_busy += tail * m
    q_L += tail * m + p[m] * r / ((1 - r) * (1 - r))
    q_W = q_L / rate
    q_wait = p[m] / (1 - r) # Erlang C: the probability that a message has to wait
    return 1
}

# --- percentiles: only for workers that share no CPUs (mu[k] = k / S), first come first served -----

function log_factorial(n,    i) {
    for (i = lf_known + 1; i <= n; i++)
        lf[i] = lf[i - 1] + log(i)
    if (n > lf_known)
        lf_known = n
    return lf[n] + 0
}

# P(Poisson(a) >= k), which is P(the sum of k exponential times of rate 1 is at most a).
function poisson_at_least(k, a,    i, term, sum) {
    if (a <= 0)
        return k <= 0 ? 1 : 0
    if (k < a) { # the sum of the other terms is shorter
        for (i = 0; i < k; i++)
            sum += exp(i * log(a) - a - log_factorial(i))
        return 1 - sum
    }
    term = exp(k * log(a) - a - log_factorial(k))
    for (i = k; term > sum * 1e-17; i++) {
        sum += term
        term *= a / (i + 1)
    }
    return sum
}

# P(k waits of rate m / S and then a service of S take longer than t).
function waits_and_service(k, m, S, t,    a) {
    a = t / S
    if (k <= 0)
        return exp(-a)
    if (m == 1)
        return 1 - poisson_at_least(k + 1, a)
    return 1 - poisson_at_least(k, m * a) + \
        exp(-a + k * log(m / (m - 1))) * poisson_at_least(k, (m - 1) * a)
}

# P(a message is at the server for longer than t). It finds j others on arrival with probability seen[j].
function longer_closed(N, m, S, t,    j, sum) {
    for (j = 0; j < N; j++)
        if (seen[j] > 0)
            sum += seen[j] * waits_and_service(j - m + 1, m, S, t)
    return sum
}

function longer_open(rate, m, S, t,    mu1, theta) {
    mu1 = 1 / S
    theta = m * mu1 - rate # a wait, if there is one, is exponential with this rate
    if (theta - mu1 < 1e-9 * mu1 && mu1 - theta < 1e-9 * mu1)
        return exp(-mu1 * t) * (1 + q_wait * mu1 * t)
    return (1 - q_wait) * exp(-mu1 * t) + \
        q_wait * (theta * exp(-mu1 * t) - mu1 * exp(-theta * t)) / (theta - mu1)
}

# @return the time that a part of the messages, such as 0.99, stays below. rate > 0: open, otherwise
# closed. Call solve_open() before it; in the closed case it changes p[] and the means.
function percentile(part, N, m, S, Z, rate,    low, high, middle, j) {
    if (rate == 0) {
        # A message on arrival sees the system with N - 1 sessions (the arrival theorem).
        solve_closed(N - 1, m, Z)
        delete seen
        for (j = 0; j < N; j++)
            seen[j] = p[j]
    }
    high = S
    while ((rate > 0 ? longer_open(rate, m, S, high) : longer_closed(N, m, S, high)) > 1 - part)
        high *= 2
    low = 0
    while (high - low > 1e-9 * high) {
        middle = (low + high) / 2
        if ((rate > 0 ? longer_open(rate, m, S, middle) : longer_closed(N, m, S, middle)) > 1 - part)
            low = middle
        else
            high = middle
    }
    return high
}

# --- what scripts/sweep draws -------------------------------------------------------------------

# Set M_throughput, M_mean, M_p50, M_p99 (milliseconds) and M_busy to the expected result of a run, or to
# "" if there is no formula. There is none if service times are not exponential (`exponential` is empty)
# or if messages arrive faster than the workers can serve them. There is none for percentiles if workers
# share CPUs, or if sessions do not think: a served session may then overtake others that still wait.
function model(m, N, S, B, Z, rate, c) {
    M_throughput = M_mean = M_p50 = M_p99 = M_busy = ""
    if (exponential == "" || S + B == 0)
        return
    workers_on_cpus(m, S, B, c)
    if (rate == 0)
        solve_closed(N, m, Z)
    else if (!solve_open(rate, m))
        return
    M_throughput = sprintf("%.6g", q_X)
    M_mean = sprintf("%.6g", q_W * 1000)
    M_busy = sprintf("%.6g", q_busy)
    if (B > 0 || (rate == 0 && Z == 0))
        return
    M_p50 = sprintf("%.6g", percentile(0.5, N, m, S, Z, rate) * 1000)
    M_p99 = sprintf("%.6g", percentile(0.99, N, m, S, Z, rate) * 1000)
}

function model_name(B, Z, rate, c) {
    if (exponential == "")
        return "no curve: service times are constant, and the formulas are for exponential ones"
    if (B > 0)
        return "curve: " (rate > 0 ? "open" : "closed") " network, workers that share " c " CPUs"
    return "curve: " (rate > 0 ? "M/M/m, Poisson arrivals" : "M/M/m//N, the machine repairman") ", computed, not fitted"
}

# @return the value at which the load without waiting equals the capacity of workers and CPUs, or ""
# if there is none
function knee(what, m, N, S, B, Z, rate, c,    offered, most, i) {
    if (what == "workers") { # the number of busy workers if no message had to wait
        offered = rate > 0 ? rate : N / (S + B + Z)
        if (B > 0)
            offered = min(offered, c / B)
        return offered * (S + B)
    }
    if (what == "sessions") {
        if (rate > 0)
            return ""
        workers_on_cpus(m, S, B, c)
        return mu[m] * (S + B + Z)
    }
    if (B > 0)
        return ""
    if (rate > 0)
        return m / rate * 1000
    return N > m && Z > 0 ? m * Z / (N - m) * 1000 : ""
}
