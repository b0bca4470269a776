#!/bin/sh
# deploy/prometheus and deploy/grafana: promtool accepts the configuration, the rules pass their tests, and each
# query of the dashboard has an answer while Prometheus scrapes a server under a small load.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/deploy/server.sh"
needs prometheus promtool curl jq

start_load() {
    "$TOP_BUILDDIR/echo-client" --host 127.0.0.1 --port "$port" -n 4 --churn -m 3 --think 10ms -d 10m \
        >"$work/load" 2>&1 &
    started="$started $!"
}

scrape() {
    start_prometheus 250ms "one=$(cat "$work/admin")"
    started="$started $prometheus"
    wait_until 60 prometheus_address >"$work/api"
}

# has_data QUERY: the answer has a sample, and each is a number.
has_data() {
    ask query --data-urlencode "query=$1" >"$work/answer" &&
        jq -e '.status == "success" and (.data.result | length > 0 and all(.value[1] != "NaN"))' "$work/answer" >/dev/null
}

waits_for_data() {
    wait_until 20 has_data "$1" || { cat "$work/answer"; return 1; }
}

each_panel_has_data() {
    panels 20s | cut -f 3 >"$work/queries"
    while IFS= read -r query; do
        waits_for_data "$query" || return 1
    done <"$work/queries"
    wc -l <"$work/queries"
    [ "$(wc -l <"$work/queries")" -ge 20 ]
}

# An alert is silent here because all is well, and not because its metric has another name.
each_metric_of_the_rules_has_data() {
    sed '/action:/d' "$deploy/prometheus/rules.yml" | grep -oE '(instance:)?echopool_[a-z_]+(:[a-z0-9_]+)?' | sort -u >"$work/names"
    while IFS= read -r name; do
        waits_for_data "$name" || return 1
    done <"$work/names"
    [ -s "$work/names" ]
}

follows_the_conventions() {
    curl -sS "http://$(cat "$work/admin")/metrics" >"$work/metrics" && promtool check metrics <"$work/metrics" >"$work/lint" 2>&1
    cat "$work/lint"
    [ -s "$work/metrics" ] && [ ! -s "$work/lint" ]
}

# The other two of the file are replaced by one that answers, and Prometheus has taken OpenMetrics from it.
is_up() {
    waits_for_data 'up{job="echo-server"} == 1' && waits_for_data 'echopool_build_info' &&
        waits_for_data 'echopool_queue_wait_seconds_bucket{le="1.0"}'
}

check 'promtool accepts the configuration and the rules' promtool check config "$deploy/prometheus/prometheus.yml"
check 'the rules pass their tests' promtool test rules "$deploy/prometheus/rules-test.yml"
start_server --workers 2 && start_load && scrape || { cat "$work/server" "$work/prometheus"; echo 'Bail out! cannot start'; exit 1; }
check 'names and types follow the conventions' follows_the_conventions
check 'Prometheus scrapes a server, in OpenMetrics' is_up
check 'each query of the dashboard has data' each_panel_has_data
check 'each metric of the rules has data' each_metric_of_the_rules_has_data

# The script starts servers and a Prometheus of its own.
dashboard_is_drawn() {
    TOP_BUILDDIR=$TOP_BUILDDIR "$TOP_SRCDIR/scripts/dashboard" --quick -o "$work/dashboard.svg"
}

# shows_each_panel FILE: as many panels as the dashboard has, and each with numbers.
shows_each_panel() {
    jq '.panels | length' "$deploy/grafana/echo-server.json" >"$work/panels"
    awk '/<g data-panel/ { drawn = 0 } /data-points="[0-9]/ { drawn = 1 } /<\/g>/ { panels += drawn } END { print panels }' "$1" |
        diff "$work/panels" - && ! grep 'no data' "$1"
}

check 'the dashboard is drawn from a run' dashboard_is_drawn
check 'each panel is in the picture' shows_each_panel "$work/dashboard.svg"
check 'each panel is in the picture of the documents' shows_each_panel "$TOP_SRCDIR/docs/pictures/dashboard.svg"
finish
