# Three servers behind a proxy, and two machines for loads. Sourced by the tests of this folder.
#
#     fleet COMMAND...              start the servers, and the proxy by this command
#     start NAME OPTION...          start a server with the file of deploy/, and wait until it is ready
#     load NAME OPTION...           start echo-client on that machine in the background; its summary is in NAME.json
#     serves                        does the proxy pass an echo on?
#     has_sessions ADDRESS          has the server there had a session since it began?

# shellcheck shell=sh
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/beyond/machines.sh"
deploy=$TOP_SRCDIR/deploy
servers='s1 s2 s3'

address_of() {
    echo "10.80.0.1${1#s}"
}

start() {
    started=$1
    shift
    start_server "$started" "$(address_of "$started")" --config "$deploy/haproxy/echo-server.conf" "$@"
}

load() {
    name=$1
    shift
    (on "$name" "$TOP_BUILDDIR/echo-client" --host 10.80.0.10 --json "$@") \
        >"$work/$name.json" 2>"$work/$name.err" &
    eval "pid_$name=\$!"
}

# For the proxy a server has come back: it has a session.
has_sessions() {
    [ "$( (on proxy curl -sf -m 1 "http://$1:8091/stats.json") | jq .connections.accepted)" -gt 0 ]
}

serves() {
    [ "$(echo hello | (on load1 "$TOP_BUILDDIR/echo-client" --host 10.80.0.10) 2>"$work/serves.err")" = HELLO ]
}

loads_end_well() {
    # shellcheck disable=SC2154  # set by load()
    wait "$pid_load1" && wait "$pid_load2"
}

machine proxy 10.80.0.10
for name in $servers; do
    machine "$name" "$(address_of "$name")"
done
machine load1 10.80.0.21
machine load2 10.80.0.22

fleet() {
    for name in $servers; do
        check "$name is ready" start "$name"
    done
    (on proxy "$@") >"$work/proxy.log" 2>&1 &
    wait_until 20 serves || { sed 's/^/# /' "$work/proxy.log"; echo "Bail out! $1 does not serve"; exit 1; }
}
