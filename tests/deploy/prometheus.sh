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

# The files as they are, except for the addresses and for how often they are looked at.
start_prometheus() {
    cp "$deploy/prometheus/rules.yml" "$work" &&
        sed -e '/10\.80\.0\.1[23]:/d' -e "s/10\.80\.0\.11:8091/$(cat "$work/admin")/" -e 's/: 15s/: 250ms/' \
            -e 's/scrape_timeout: 5s/scrape_timeout: 250ms/' "$deploy/prometheus/prometheus.yml" >"$work/prometheus.yml"
    prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:0 \
        >"$work/prometheus" 2>&1 &
    started="$started $!"
    wait_until 60 address_in "$work/prometheus" 'msg="Listening on" address=' >"$work/api"
}

# has_data QUERY: the answer has a sample, and each is a number.
has_data() {
    curl -sS "http://$(cat "$work/api")/api/v1/query" --data-urlencode "query=$1" >"$work/answer" &&
        jq -e '.status == "success" and (.data.result | length > 0 and all(.value[1] != "NaN"))' "$work/answer" >/dev/null
}

waits_for_data() {
    wait_until 20 has_data "$1" || { cat "$work/answer"; return 1; }
}

# Print the queries of the dashboard, a line each, with its variables replaced.
queries() {
    jq -r '.panels[].targets[].expr' "$deploy/grafana/echo-server.json" | sed -e 's/\$instance/.*/g' -e 's/\$__rate_interval/20s/g'
}

each_panel_has_data() {
    queries >"$work/queries"
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
start_server --workers 2 && start_load && start_prometheus || { cat "$work/server" "$work/prometheus"; echo 'Bail out! cannot start'; exit 1; }
check 'names and types follow the conventions' follows_the_conventions
check 'Prometheus scrapes a server, in OpenMetrics' is_up
check 'each query of the dashboard has data' each_panel_has_data
check 'each metric of the rules has data' each_metric_of_the_rules_has_data
finish
