#!/bin/sh
# behind.sh haproxy|nginx: three servers behind one of them, and two machines that load them without a pause: one with sessions that stay,
# one with short ones. Meanwhile each server is stopped and started again, with the files of deploy/ as they
# are. No session fails and no message is lost. Then a server is killed, and one is stopped by SIGSTOP:
# only their own sessions fail.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/beyond/fleet.sh"
proxy=$1
needs "$proxy"

# Stop each server and start it again, while the others serve. The status of a server is 1 if a message was on
# its way when the server sent end of file: the client sends it again, to another one. See cuts_are_resent().
rolling_restart() {
    for name in $servers; do
        wait_until 20 has_sessions "$(address_of "$name")" || return 1
        stop_server "$name"
        [ "$server_status" -le 1 ] || { echo "$name ended with status $server_status"; return 1; }
        start "$name" || return 1
    done
    wait_until 20 has_sessions "$(address_of s3)"
}

loads_go_on() {
    # shellcheck disable=SC2154  # set by load()
    kill -0 "$pid_load1" && kill -0 "$pid_load2"
}

# The summary of a load: no session has failed, each that a server has closed went on with another one, and
# all messages were verified.
nothing_is_lost() {
    jq -e '.sessions.failed + .sessions.refused == 0 and .sessions.closed == .sessions.reconnected and
        .messages.sent == .messages.verified and .messages.verified > 0' "$work/$1.json"
}

# The servers have accepted what the loads have connected, and the echo of serves().
counts_agree() {
    accepted=$(cat "$work"/s?.out | awk '/^accepted/ { sum += $2 } END { print sum }')
    connected=$(jq -s 'map(.sessions.requested) | add + 1' "$work/load1.json" "$work/load2.json")
    echo "accepted $accepted, connected $connected"
    [ "$accepted" = "$connected" ]
}

# A session that a server counts as cut is one whose message its client has sent again. The proxy may have kept
# some of those messages to itself, and then the server has cut nothing.
cuts_are_resent() {
    cut=$(cat "$work"/s?.out | awk '/^cut:/ { sum += $2 } END { print sum + 0 }')
    resent=$(jq -s 'map(.messages.resent) | add' "$work/load1.json" "$work/load2.json")
    echo "cut $cut, sent again $resent"
    [ "$cut" -le "$resent" ]
}

active() {
    (on proxy curl -sf -m 1 "http://$(address_of "$1"):8091/stats.json") | jq .connections.active
}

all_are_active() {
    [ $(($(active s1) + $(active s2) + $(active s3))) = 30 ]
}

# loses_its_own SERVER SIGNAL: it gets the signal under load, and as many sessions end early as it had.
loses_its_own() {
    load load1 -n 30 -d 15s --rate 300 --timeout 3s
    wait_until 20 all_are_active || return 1
    own=$(active "$1")
    eval "kill -$2 \$pid_$1"
    wait "$pid_load1"
    echo "$1 had $own sessions"
    jq .sessions "$work/load1.json"
    [ "$own" -gt 0 ] && jq -e ".sessions.failed + .sessions.closed == $own and .sessions.ok == 30 - $own" "$work/load1.json"
}

# The table, as a comment of the TAP.
show() {
    for name in load1 load2; do
        jq -r --arg name "$name" '"# \($name): sessions \(.sessions.requested), reconnected \(.sessions.reconnected // 0), " +
            "failed \(.sessions.failed), refused \(.sessions.refused), closed \(.sessions.closed); " +
            "messages sent \(.messages.sent), verified \(.messages.verified), sent again \(.messages.resent)"' "$work/$name.json"
    done
    for name in $servers; do
        sed -n "s/^\(accepted\|stopped\|cut\)/# $name: \1/p" "$work/$name.out"
    done
}

if [ "$proxy" = haproxy ]; then
    check 'the configuration is valid' haproxy -c -f "$deploy/haproxy/haproxy.cfg"
    set -- haproxy -db -f "$deploy/haproxy/haproxy.cfg"
else
    check 'the configuration is valid' nginx -t -c "$deploy/nginx/nginx.conf"
    set -- nginx -g 'daemon off;' -c "$deploy/nginx/nginx.conf"
fi
fleet "$@"

load load1 --reconnect -n 20 -d 60s --rate 400
load load2 --reconnect -n 10 -d 60s --churn -m 5 --think 5ms
check 'each server is stopped and started again' rolling_restart
check 'the loads were running all the time' loads_go_on
check 'both loads end with status 0' loads_end_well
check 'no session and no message of the lasting sessions is lost' nothing_is_lost load1
check 'no session and no message of the short sessions is lost' nothing_is_lost load2
for name in $servers; do
    stop_server "$name"
    check "$name ends with status 0" [ "$server_status" = 0 ]
done
check 'servers and loads have counted the same sessions' counts_agree
check 'the servers count as cut what the loads have sent again' cuts_are_resent
show
for name in $servers; do
    start "$name"
done
wait_until 20 serves
check 'a server that is killed loses its own sessions and no other' loses_its_own s1 KILL
start s1
wait_until 20 serves
check 'a server that does not respond loses its own sessions and no other' loses_its_own s2 STOP
finish
