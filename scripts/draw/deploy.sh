# shellcheck shell=sh
# Sourced by scripts/dashboard and by the tests of deploy/, which set $deploy, that folder, and $work, one for files.
#
#     address_in FILE WORDS                       print the address that stands there after these words, once it is there
#     start_prometheus INTERVAL NAME=ADDRESS...   scrape these servers by the files of deploy/prometheus; sets $prometheus
#     prometheus_address                          print where Prometheus listens, once it does
#     ask PATH OPTION...                          ask its API, with these options of curl
#     panels INTERVAL                             print the queries of the dashboard, a line each

address_in() {
    sed -n "s/.*$2\([0-9.:]*\).*/\1/p" "$1" | grep .
}

# The files as they are, except for the addresses, their names and how often they are looked at.
start_prometheus() {
    interval=$1
    shift
    cp "$deploy/prometheus/rules.yml" "$work"
    sed -e "s/: 15s/: $interval/; s/scrape_timeout: 5s/scrape_timeout: $interval/; / - targets:/,\$d" \
        "$deploy/prometheus/prometheus.yml" >"$work/prometheus.yml"
    for target; do
        printf '      - {targets: ["%s"], labels: {instance: "%s"}}\n' "${target#*=}" "${target%%=*}"
    done >>"$work/prometheus.yml"
    : >"$work/prometheus"
    prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:0 \
        >"$work/prometheus" 2>&1 &
    prometheus=$!
}

prometheus_address() {
    address_in "$work/prometheus" 'msg="Listening on" address='
}

ask() {
    path=$1
    shift
    curl -sS "http://$(prometheus_address)/api/v1/$path" "$@"
}

# Separated by tabs: the panel's number, the query's legend, the query, and of the panel kind, place (x, y, w, h), unit,
# stacking and title. The variables of the dashboard are replaced; INTERVAL is that of its rates.
panels() {
    jq -r --arg interval "$1" '.panels[] | . as $panel | .fieldConfig.defaults as $field | .targets[] |
        [$panel.id, .legendFormat, (.expr | gsub("\\$instance"; ".*") | gsub("\\$__rate_interval"; $interval)),
        $panel.type, ($panel.gridPos | .x, .y, .w, .h), ($field.unit // $panel.options.yAxis.unit),
        ($field.custom.stacking.mode // "none"), $panel.title] | @tsv' "$deploy/grafana/echo-server.json"
}
