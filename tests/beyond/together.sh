#!/bin/sh
# together.sh: three servers behind HAProxy, of which one is slow, and two machines whose loads begin at the same moment.
# Merged by `echo-client report`, what the loads have sent and verified is what the servers have counted. The clock of
# one of the two machines can be wrong by 200 ms: the merge names it.
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
    "$TOP_BUILDDIR/echo-client" report --json "$work/load1.json" "$work/load2.json" >"$work/merged.json" 2>"$work/merge.err"
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

# loads CLOCK_AHEAD_MS: the two loads, on the second machine with a clock that is ahead.
loads() {
    moment=$(($(date +%s) + 5))
    load load1 --clock-of "$(address_of s1):8091" --start-at "$moment" -n 10 -d 10s --churn -m 5
    export LD_PRELOAD="$TOP_BUILDDIR/tests/kit/.libs/clock.so" CLOCK_AHEAD_MS="$1"
    load load2 --clock-of "$(address_of s1):8091" --start-at "$moment" -n 20 -d 10s --churn -m 5
    unset LD_PRELOAD CLOCK_AHEAD_MS
    loads_end_well
}

# The first is the machine of the test: its clock is that of the server.
wrong_clock_is_named() {
    cat "$work/merge.err"
    jq -c .clock "$work/load1.json" "$work/load2.json"
    grep -q "the clock of $work/load2.json was [0-9.]* ms ahead of that of $work/load1.json" "$work/merge.err" &&
        jq -e '.runs.clocks_apart_seconds | . > 0.1 and . < 0.3' "$work/merged.json"
}

fleet haproxy -db -f "$deploy/haproxy/haproxy.cfg"
stop_server s3
check 's3 is slow' start s3 --delay 100ms
wait_until 20 serves
before=$(of_servers)
check 'both loads end with status 0' loads 0
after=$(of_servers)
check 'their results are merged' merge
check 'their clocks agree' [ ! -s "$work/merge.err" ]
check 'they ran at the same time' jq -e '.runs.count == 2 and .runs.together_seconds > 0' "$work/merged.json"
check 'no session and no message is lost' nothing_is_lost
check 'the merged counts are what the servers have counted' counts_agree
check 'the slow server gets fewer sessions than the others' slow_one_gets_fewer
echo "# sessions and bytes: merged $(jq -c '[.sessions.requested, .bytes]' "$work/merged.json"); the servers $before before, $after after"
check 'both loads end with status 0, also with a wrong clock' loads 200
check 'their results are merged, also with a wrong clock' merge
check 'the wrong clock is named' wrong_clock_is_named
sed 's/^/# /' "$work/merge.err"
finish
