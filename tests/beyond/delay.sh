#!/bin/sh
# delay.sh: what --shutdown-delay is for. A proxy that tries no second server, as a Service of Kubernetes, learns from
# /readyz alone that a server stops. Three servers are stopped and started again, one after the other, under
# a load of short sessions: without the delay some of them find no server, and with it none.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/beyond/fleet.sh"
needs haproxy
sed '/option redispatch/d; s/retries 3/retries 0/' "$deploy/haproxy/haproxy.cfg" >"$work/haproxy.cfg"

all_have_sessions() {
    for one in $servers; do
        wait_until 20 has_sessions "$(address_of "$one")" || return 1
    done
}

# rolling_stop DELAY: each server is started with this delay; then each is stopped, and started again, under load.
rolling_stop() {
    for name in $servers; do
        stop_server "$name"
        start "$name" --shutdown-delay "$1" || return 1
    done
    wait_until 20 serves || return 1
    load load1 -n 10 -d 10m --churn -m 1
    load load2 -n 10 -d 10m --churn -m 1
    for name in $servers; do
        all_have_sessions || return 1
        stop_server "$name"
        [ "$server_status" = 0 ] || { echo "$name ended with status $server_status"; return 1; }
        start "$name" --shutdown-delay "$1" || return 1
    done
    all_have_sessions || return 1
    # shellcheck disable=SC2154  # set by load()
    kill -TERM "$pid_load1" "$pid_load2"
    wait "$pid_load1"
    wait "$pid_load2"
    lost=$(jq -s 'map(.sessions.requested - .sessions.ok - (.errors.interrupted // 0)) | add' "$work/load1.json" "$work/load2.json")
}

# The table, as a comment of the TAP.
show() {
    for name in load1 load2; do
        jq -r --arg delay "$1" '"# shutdown delay \($delay): sessions \(.sessions.requested), ok \(.sessions.ok), errors \(.errors)"' \
            "$work/$name.json"
    done
}

fleet haproxy -db -f "$work/haproxy.cfg"
check 'each server is stopped and started again, without a delay' rolling_stop 0
show 0
check 'without the delay sessions are lost' [ "$lost" -gt 0 ]
check 'each server is stopped and started again, with a delay' rolling_stop 3s
show 3s
check 'with the delay no session is lost' [ "$lost" = 0 ]
finish
