# Machines that are network namespaces, joined by a bridge. Sourced by the tests of this folder.
#
#     machine NAME ADDRESS          a machine with this address in 10.80.0.0/24
#     on NAME COMMAND...            run a command there; in the background $! is the command itself
#     is_ready ADDRESS              does the server there say that it is ready?
#     start_server NAME ADDRESS OPTION...   start echo-server there, and wait until it is ready
#     stop_server NAME              send SIGTERM and wait for the end; sets $server_status
#
# The test runs itself again in namespaces of its own: mounts, processes and network. So nothing of it is
# seen outside, and when its shell ends, the kernel ends all that it has started.

# shellcheck shell=sh
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"

if [ "${BEYOND_INSIDE-}" = '' ]; then
    needs unshare nsenter ip curl jq
    user=--user\ --map-root-user
    [ "$(id -u)" != 0 ] || user=
    # shellcheck disable=SC2086  # the options are words
    unshare $user --net --mount --pid --fork true 2>/dev/null || skip_all 'no right to make namespaces'
    # shellcheck disable=SC2086
    BEYOND_INSIDE=yes exec unshare $user --net --mount --pid --fork --kill-child --mount-proc sh "$0" "$@"
fi

mount -t tmpfs tmpfs /run && mkdir /run/netns
ip link add switch type bridge 2>/dev/null || skip_all 'the kernel has no bridges'
ip link set switch up

machine() {
    ip netns add "$1"
    ip link add "$1" type veth peer name eth0 netns "$1"
    ip link set "$1" master switch up
    ip -n "$1" link set lo up
    ip -n "$1" link set eth0 up
    ip -n "$1" address add "$2/24" dev eth0
}

on() {
    on=$1
    shift
    exec nsenter "--net=/run/netns/$on" "$@"
}

is_ready() {
    (on proxy curl -sf -m 1 -o /dev/null "http://$1:8091/readyz")
}

start_server() {
    name=$1 address=$2
    shift 2
    (on "$name" "$TOP_BUILDDIR/echo-server" --host "$address" --admin "$address:8091" --agent "$address:8092" "$@") \
        >>"$work/$name.out" 2>>"$work/$name.err" &
    eval "pid_$name=\$!"
    wait_until 20 is_ready "$address"
}

stop_server() {
    eval "pid=\$pid_$1"
    server_status=0
    kill -TERM "$pid"
    wait "$pid" || server_status=$?
}
