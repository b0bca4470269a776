#!/bin/sh
# agent.sh: HAProxy asks --agent of three servers, of which each worker has one session. The weight of a server is the part
# of its workers that is free; one that stops gets no more, and one that is started again is back with its whole weight. HAProxy
# does not ask /readyz here, which would say that a server stops, too.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/beyond/fleet.sh"
needs haproxy
sed '/httpchk/d; /http-check/d; s/port 8091 //; s/send-proxy-v2 //' "$deploy/haproxy/haproxy.cfg" >"$work/haproxy.cfg"
printf 'frontend stats\n\tmode http\n\tbind 127.0.0.1:8404\n\tstats enable\n\tstats uri /\n' >>"$work/haproxy.cfg"

# The servers hold sessions, unlike those of deploy/.
start() {
    start_server "$1" "$(address_of "$1")" --workers 4 --shutdown-delay 5s
}

# column SERVER NAME: what HAProxy has of it.
column() {
    (on proxy curl -sf -m 5 'http://127.0.0.1:8404/;csv') | sed 's/^# //' |
        awk -F , -v server="$1" -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } $2 == server { print $at[name] }'
}

has_weight() {
    [ "$(column "$1" weight)" = "$2" ]
}

has_status() {
    case $(column "$1" status) in
    "$2"*) ;;
    *) return 1 ;;
    esac
}

# takes NAME SESSIONS: a load directly to s1, with this many sessions that stay.
takes() {
    (on "$1" "$TOP_BUILDDIR/echo-client" --host "$(address_of s1)" -n "$2" -d 10m --rate "$2" --json) >"$work/$1.json" 2>"$work/$1.err" &
    eval "pid_$1=\$!"
}

fleet haproxy -db -f "$work/haproxy.cfg"
check 'a server that is free has its whole weight' wait_until 20 has_weight s1 100
takes load1 1
check 'a quarter of the workers taken: three quarters of the weight' wait_until 20 has_weight s1 75
takes load2 3
check 'all workers taken: the least weight' wait_until 20 has_weight s1 1
check 'the others are not concerned' has_weight s2 100
# shellcheck disable=SC2154  # set by takes()
kill -TERM "$pid_load1" "$pid_load2"
wait "$pid_load1" "$pid_load2"
check 'all workers free: the whole weight' wait_until 20 has_weight s1 100
# shellcheck disable=SC2154  # set by start_server()
kill -TERM "$pid_s1"
check 'a server that stops gets no more' wait_until 20 has_status s1 DOWN
wait "$pid_s1"
check 'it is started again' start s1
check 'it is up again' wait_until 20 has_status s1 UP
check 'it has its whole weight again' wait_until 20 has_weight s1 100
finish
