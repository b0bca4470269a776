#!/bin/sh
# together.sh: three servers behind HAProxy, of which one is slow, and two machines whose loads begin at the same moment.
# Merged by `echo-client report`, what the loads have sent and verified is what the servers have counted.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/beyond/fleet.sh"
needs haproxy

stats() {
    (on proxy curl -sf -m 5 "http://$(address_of "$1"):8091/stats.json")
}

# What the servers have counted, added up: connections, bytes received, bytes sent.
of_servers() {
    for name in $servers; do
        stats "$name"
    done | jq -cs '[map(.connections.accepted), map(.bytes.received), map(.bytes.sent)] | map(add)'
}

merge() {
    "$TOP_BUILDDIR/echo-client" report --json "$work/load1.json" "$work/load2.json" >"$work/merged.json"
}

counts_agree() {
    jq -e --argjson before "$before" --argjson after "$after" \
        '[.sessions.requested, .bytes, .bytes] == [range(3) as $i | $after[$i] - $before[$i]]' "$work/merged.json"
}

nothing_is_lost() {
    jq -c .sessions "$work/merged.json"
    jq -e '.sessions.ok == .sessions.requested and .messages.sent == .messages.verified and .messages.resent == 0' "$work/merged.json"
}

accepted() {
    stats "$1" | jq .connections.accepted
}

# The proxy sends sessions to the server that has the fewest, and those of a slow one last.
slow_one_gets_fewer() {
    for name in $servers; do
        echo "$name has accepted $(accepted "$name")"
    done
    [ "$(accepted s3)" -gt 0 ] && [ "$(accepted s3)" -lt "$(accepted s1)" ] && [ "$(accepted s3)" -lt "$(accepted s2)" ]
}

fleet haproxy -db -f "$deploy/haproxy/haproxy.cfg"
stop_server s3
check 's3 is slow' start s3 --delay 100ms
wait_until 20 serves
before=$(of_servers)
moment=$(($(date +%s) + 5))
load load1 --start-at "$moment" -n 10 -d 10s --churn -m 5
load load2 --start-at "$moment" -n 20 -d 10s --churn -m 5
check 'both loads end with status 0' loads_end_well
after=$(of_servers)
check 'their results are merged' merge
check 'they ran at the same time' jq -e '.runs.count == 2 and .runs.together_seconds > 0' "$work/merged.json"
check 'no session and no message is lost' nothing_is_lost
check 'the merged counts are what the servers have counted' counts_agree
check 'the slow server gets fewer sessions than the others' slow_one_gets_fewer
echo "# sessions and bytes: merged $(jq -c '[.sessions.requested, .bytes]' "$work/merged.json"); the servers $before before, $after after"
finish
