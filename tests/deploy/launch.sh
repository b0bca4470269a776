#!/bin/sh
# deploy/launch/load with each launcher that is installed: two clients begin together, and their report is that of all.
# This machine stands for two; for parallel a script plays ssh.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/deploy/server.sh"
needs curl jq
export PATH="$work/bin:$PATH" WAIT=15

play_ssh() {
    mkdir -p "$work/bin"
    ln -s "$(cd "$TOP_BUILDDIR" && pwd)/echo-client" "$work/bin/echo-client"
    # As ssh does, it gives a shell all that follows the machine, as one text.
    cat >"$work/bin/ssh" <<'END'
#!/bin/sh
[ "$1" = one ] || [ "$1" = two ] || exit 255
shift
exec sh -c "$*"
END
    chmod +x "$work/bin/ssh"
}

accepted() {
    curl -s "http://$(cat "$work/admin")/stats.json" | jq .connections.accepted
}

# merges LAUNCHER: the report has the sessions of both clients, and the server has had as many.
merges() {
    before=$(accepted)
    sh "$deploy/launch/load" "$1" --host 127.0.0.1 --port "$port" -n 5 -d 1s >"$work/report" || { cat "$work/report"; return 1; }
    cat "$work/report"
    grep -qE '^sessions +10 requested: 10 ok' "$work/report" && [ $(($(accepted) - before)) = 10 ]
}

# has LAUNCHER: skip its check if it is not installed.
has() {
    command -v "$1" >/dev/null 2>&1 || { skip "$1 works" "$1 is not installed"; return 1; }
}

refuses_unknown() {
    ! sh "$deploy/launch/load" telnet -n 5 >"$work/refused" 2>&1 && grep -q 'telnet is not one of' "$work/refused"
}

play_ssh
start_server --workers 10 || { cat "$work/server"; echo 'Bail out! cannot start'; exit 1; }
export MACHINES=one,two PARALLEL_HOME="$work/parallel"
has parallel && check 'parallel starts two clients, and their reports are merged' merges parallel
# As root, and on the loopback device only.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_oob_tcp_if_include=lo OMPI_MCA_plm=isolated MACHINES=localhost:2
has mpirun && check 'mpirun starts two clients, and their reports are merged' merges mpirun
check 'an unknown launcher is refused' refuses_unknown
finish
