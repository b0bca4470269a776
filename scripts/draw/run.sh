# shellcheck shell=sh
# Sourced by scripts/pictures and those that draw one: find the programs, and run a server, a client and a
# sampler that watches the server.
#
# The script must set `me`, its name in messages, and `top`, the top of the checkout. A run called NAME
# leaves in $work NAME.out and NAME.err, the output of the server; NAME.samples, its state over time; and
# NAME.json, the client's summary. No process is left, even after an error.

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

# Print the comment at the head of a script, which is its help, and exit.
print_help() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$1"
    exit 0
}

# whole WHAT NUMBER: exit with an error unless it is a whole number of at least 1.
whole() {
    case $2 in
    '' | 0* | *[!0-9]*) usage "$1 $2 is not a whole number of at least 1" ;;
    esac
}

# can_write FOLDER: exit with an error unless files can be made there.
can_write() {
    [ -d "$1" ] || usage "there is no folder $1 to write to"
    [ -w "$1" ] || usage "the folder $1 cannot be written to"
}

# draw_into FILE.svg: set $base, the name of the picture and its data without an extension.
draw_into() {
    case $1 in
    *.svg) base=${1%.svg} ;;
    *) usage "-o $1 does not end in .svg" ;;
    esac
    can_write "$(dirname "$1")"
}

# find_programs: set $tree, the build tree: the one that make check names, or the current folder if it is
# one; otherwise build first.
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

# draw FILE...: run awk with the shared functions and those of FILE.
draw() {
    LC_ALL=C awk -f "$top/scripts/draw/svg.awk" -f "$top/scripts/draw/queueing.awk" "$@"
}

# keep_data: move the picture and its data to their place.
keep_data() {
    for kind in tsv json svg; do
        mv "$work/data.$kind" "$base.$kind"
    done
    echo "$base.svg: the picture; $base.tsv and $base.json: its data"
}

# start NAME SERVER-OPTION...: start a server, and a sampler that reads its state every 15 ms. Sets $port.
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
    # Wait for the first sample, so that the state without clients is recorded.
    until_seen 'NR > 1 { found = 1 }'
}

# load CLIENT-OPTION...: run the client to its end. Sessions may fail; no byte may be wrong.
load() {
    "$tree/echo-client" --port "$port" --json "$@" >"$work/$name.json" 2>>"$work/$name.err" 3<&- || :
    [ -s "$work/$name.json" ] || die "the client could not run: $(cat "$work/$name.err")"
    [ "$(figure "$name" mismatched)" = 0 ] || die "wrong bytes came back: $(cat "$work/$name.json")"
}

# await COMMAND...: wait until it succeeds; give up after $patience seconds, or a minute.
await() {
    deadline=$(($(date +%s) + ${patience:-60}))
    until "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

# until_seen AWK: wait until this awk code sets `found` on the samples.
until_seen() {
    await awk -F '\t' "$1 END { exit !found }" "$work/$name.samples" ||
        die "the server did not come to the state that was waited for; last sample: $(tail -n 1 "$work/$name.samples")
$(cat "$work/$name.err")"
}

# stop: wait until the last session has ended, then stop the server; the sampler ends with it.
stop() {
    # No session is left when accepted = served + turned away.
    until_seen '{ found = NR > 1 && $4 > 0 && $4 == $5 + $6 }'
    kill -TERM "$server"
    status=0
    wait "$server" || status=$?
    server=
    cat <&3 >>"$work/$name.out"
    exec 3<&-
    wait "$sampler" || die "the sampler could not read the state of the server: $(cat "$work/$name.err")"
    sampler=
    if [ "$status" -ne 0 ]; then
        cat "$work/$name.err" >&2
        die "the server of the $name run exited with status $status"
    fi
}

# figure NAME KEY: print a number from the client's summary.
figure() {
    sed -n 's/.*"'"$2"'":\([0-9.e+-]*\).*/\1/p' "$work/$1.json"
}

# milliseconds NAME PHASE QUANTITY: print a time from the client's summary.
milliseconds() {
    sed -n 's/.*"'"$2"'":{[^}]*"'"$3"'":\([0-9.e+]*\).*/\1/p' "$work/$1.json" |
        awk '{ printf "%.6g", $1 / 1000 }'
}
