# shellcheck shell=sh
# Sourced by scripts/plate, sweep and pictures: finds the programs, and runs a server, a client and
# somebody who watches the two.
#
# Whoever sources it has set `me`, its name in messages, and `top`, the top of the checkout. What a
# run called NAME leaves is in $work: NAME.out and NAME.err, what the server said; NAME.samples, what
# it told of itself over time; NAME.json, the client's summary. Whatever happens, no process is left.

work=$(mktemp -d)
server=
sampler=
trap 'for child in $server $sampler; do kill -9 "$child" 2>/dev/null || :; done; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

die() {
    echo "$me: $*" >&2
    exit 1
}

usage() {
    echo "$me: $*; see $me --help" >&2
    exit 2
}

# The help is the comment at the head of a script.
print_help() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$1"
    exit 0
}

# whole WHAT NUMBER: complains unless it is a whole number from 1 on.
whole() {
    case $2 in
    '' | 0* | *[!0-9]*) usage "$1 $2 is not a whole number from 1 on" ;;
    esac
}

# can_write FOLDER: before anything takes long.
can_write() {
    [ -d "$1" ] || usage "there is no folder $1 to write to"
    [ -w "$1" ] || usage "the folder $1 cannot be written to"
}

# draw_into FILE.svg: sets $base, by which the data beside the picture are called.
draw_into() {
    case $1 in
    *.svg) base=${1%.svg} ;;
    *) usage "-o $1 does not end in .svg" ;;
    esac
    can_write "$(dirname "$1")"
}

# find_programs: sets $tree, where they were built: where make check says, or here, where this is a
# build tree; otherwise they are built.
find_programs() {
    tree=${TOP_BUILDDIR-}
    if [ -z "$tree" ] && [ -x scripts/draw/sample ]; then
        tree=$PWD
    fi
    if [ -z "$tree" ]; then
        "$top/scripts/packages" build
        echo "$me: building" >&2
        tree=$("$top/scripts/build" | tail -n 1)
    fi
    for program in echo-server echo-client scripts/draw/sample; do
        [ -x "$tree/$program" ] || die "there is no $program in $tree; run make there"
    done
}

# draw FILE... : awk on our own functions and then those of FILE.
draw() {
    LC_ALL=C awk -f "$top/scripts/draw/svg.awk" -f "$top/scripts/draw/queueing.awk" "$@"
}

# keep_data: the picture and its data, where they were wanted; all or, if something failed, none.
keep_data() {
    for kind in tsv json svg; do
        mv "$work/data.$kind" "$base.$kind"
    done
    echo "$base.svg: the picture; $base.tsv and $base.json: what it shows"
}

# start NAME SERVER-OPTION...: a server, and somebody who looks at it every 15 ms. Sets $port.
start() {
    name=$1
    shift
    rm -f "$work/pipe"
    mkfifo "$work/pipe"
    "$tree/echo-server" --port 0 --admin 0 "$@" >"$work/pipe" 2>"$work/$name.err" &
    server=$!
    exec 3<"$work/pipe"
    port=
    admin=
    : >"$work/$name.out"
    while [ -z "$admin" ] && IFS= read -r line <&3; do
        printf '%s\n' "$line" >>"$work/$name.out"
        case $line in
        'listening on '*) port=${line##*:} ;;
        'admin on '*) admin=${line##*:} ;;
        esac
    done
    if [ -z "$admin" ]; then
        cat "$work/$name.err" >&2
        die "the server did not start: echo-server $*"
    fi
    : >"$work/$name.samples"
    "$tree/scripts/draw/sample" "$admin" 15ms >"$work/$name.samples" 3<&- &
    sampler=$!
    # Who has no client yet is seen first.
    until_seen 'NR > 1 { found = 1 }'
}

# load CLIENT-OPTION...: all clients, until the last has ended. Some may fail; no byte may be wrong.
load() {
    "$tree/echo-client" --port "$port" --json "$@" >"$work/$name.json" 2>>"$work/$name.err" 3<&- || :
    [ -s "$work/$name.json" ] || die "the client could not run: $(cat "$work/$name.err")"
    [ "$(figure "$name" mismatched)" = 0 ] || die "wrong bytes came back: $(cat "$work/$name.json")"
}

# until_seen AWK: wait until what was sampled so far sets `found`. A minute is for ever.
until_seen() {
    tries=0
    until awk -F '\t' "$1 END { exit !found }" "$work/$name.samples"; do
        tries=$((tries + 1))
        [ "$tries" -lt 3000 ] || die "nothing could be seen of the server: $(cat "$work/$name.err")"
        sleep 0.02
    done
}

# stop: see the last session end, let the server finish, and the sampler, which ends with it.
stop() {
    # Without sessions: accepted = served + turned away.
    until_seen '{ found = NR > 1 && $4 > 0 && $4 == $5 + $6 }'
    kill -TERM "$server"
    status=0
    wait "$server" || status=$?
    server=
    cat <&3 >>"$work/$name.out"
    exec 3<&-
    wait "$sampler" || die "nothing could be seen of the server: $(cat "$work/$name.err")"
    sampler=
    if [ "$status" -ne 0 ]; then
        cat "$work/$name.err" >&2
        die "the server of the $name run ended with status $status"
    fi
}

# figure NAME KEY: a number out of the client's summary.
figure() {
    sed -n 's/.*"'"$2"'":\([0-9.e+-]*\).*/\1/p' "$work/$1.json"
}

# milliseconds NAME PHASE QUANTITY: a time out of the client's summary.
milliseconds() {
    sed -n 's/.*"'"$2"'":{[^}]*"'"$3"'":\([0-9.e+]*\).*/\1/p' "$work/$1.json" |
        awk '{ printf "%.6g", $1 / 1000 }'
}
