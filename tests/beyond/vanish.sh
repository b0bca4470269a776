#!/bin/sh
# vanish.sh: a machine with clients is gone, without a word: its cable is pulled. One client has said nothing, and one has an echo
# on its way. The kernel of each server finds it out within minutes, although --idle-timeout would wait for ever.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/beyond/machines.sh"
models='iterative thread fork thread-pool process-pool event thread-accept prefork io-uring reuse-port hold'

# The options of a server, and whether it has room for a silent client too: 0 or 1.
options() {
    silent=1
    case $1 in
    iterative) silent=0 options="--model $1" ;;
    thread | fork) options="--model $1 --allow-uncapped" ;;
    reuse-port) silent=0 options='--model thread-accept --reuse-port' ;;
    hold) options='--hold message' ;;
    *) options="--model $1" ;;
    esac
}

# The machine of a server: a name that is also one of variables.
name_of() {
    echo "$1" | tr -d -
}

address_of() {
    at=30
    for one in $models; do
        at=$((at + 1))
        [ "$one" != "$1" ] || echo "10.80.0.$at"
    done
}

stats() {
    (on proxy curl -sf -m 5 "http://$(address_of "$1"):8091/stats.json")
}

# all WHAT: is this so for each server?
all() {
    for model in $models; do
        options "$model"
        stats "$model" | jq -e --argjson silent "$silent" "$1" >"$work/looked" || return 1
    done
}

# Later than this only the kernel's usual patience has ended them.
all_end() {
    until=$(($(date +%s) + 400))
    while ! all '.connections.active == 0'; do
        [ "$(date +%s)" -lt $until ] || return 1
        sleep 1
    done
}

machine proxy 10.80.0.10
machine gone 10.80.0.20
for model in $models; do
    machine "$(name_of "$model")" "$(address_of "$model")"
    options "$model"
    # shellcheck disable=SC2086  # the options are words
    check "$model is ready" start_server "$(name_of "$model")" "$(address_of "$model")" --idle-timeout 0 --delay 20s $options
    idle=
    [ "$silent" = 0 ] || idle='--idle 1'
    # shellcheck disable=SC2086
    (on gone "$TOP_BUILDDIR/echo-client" --host "$(address_of "$model")" -n 1 -d 1h --timeout 1h $idle) >"$work/$model.client" 2>&1 &
done
# shellcheck disable=SC2016  # a variable of jq
check 'each server makes an echo' wait_until 60 all '.sessions.phases.working == 1 and .connections.active == 1 + $silent'
ip link set gone down
check 'each session ends within minutes' all_end
# shellcheck disable=SC2016
check 'each has failed' all '.connections.ended.failed == 1 + $silent'
for model in $models; do
    stop_server "$(name_of "$model")"
    check "$model ends with status 0" [ "$server_status" = 0 ]
done
finish
