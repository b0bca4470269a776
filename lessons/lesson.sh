# Sourced by the run script of each lesson: what lessons have in common.
#
#     #!/bin/sh
#     . "$(dirname "$0")/../lesson.sh"
#     claim
#     show 1
#     start_server one --model iterative
#     client crowd -n 3 -m 1
#     expect 1 [ "$(client_field crowd sessions.ok)" = 3 ]
#     stop_server one
#     question
#
# DESIGN. All that is to be read is in README.md and, in Chinese, in README.zh.md, under six
# headings in this order: Claim, What happens, Run it, What to see, Why, Question. The script has
# no sentences of its own: `show 2` prints the second step of "What happens", and `expect 2`
# prints the second line of "What to see" with the answer whether it is so. Between them stand the
# commands, as one would type them, and what the programs say.
#
# Nothing here waits for a while: it waits for a condition, with a limit. All that is started is
# ended with the script, however that ends. The work folder $work holds, for each NAME, its
# standard output (NAME.out), its errors (NAME.err), its process (NAME.pid), and of clients the
# summary (NAME.json); after a failure all of it is printed.
#
# Commands of a lesson:
#     claim                         the title and the claim; comes first
#     show N                        step N; with --step it waits for Enter
#     run COMMAND...                print a command and run it
#     indent                        set off what comes through this filter
#     figure NAME VALUE...          print a number that was looked up
#     expect N CONDITION...         is what is said in line N of "What to see" so?
#     cannot REASON                 the lesson cannot be shown on this machine: end with status 77
#     needs FILE...                 it cannot where the system has not these, of /proc for one
#     needs_plain_build             nor with a sanitizer, which has memory of its own
#     question                      the question, and how it all ended; comes last
#     wait_until SECONDS CONDITION...   until the command succeeds; too late is a failure
#     start_server NAME OPTION...   an echo-server with --port 0 --admin 0; sets $port
#     stop_server NAME              SIGTERM, its last words, and $server_status
#     server_field NAME PATH        a value of its /stats.json, such as queue.depth
#     server_line NAME PATTERN      the first line of its output that has this
#     connections STATE             those to $port that the kernel has in this state (01 established,
#                                   08 ended by the client), a line each: queues, inode
#     client NAME OPTION...         a run of echo-client with --json, against the server of $port
#     start_client NAME OPTION...   the same in the background
#     wait_client NAME              until it has ended; sets $client_status, as client does
#     client_field NAME PATH        a value of its summary, such as sessions.ok
#     silent_sessions N             clients that connect and say nothing (one summary for them all)
#     end_silent_sessions           they hang up
#     open_session NAME             a client at its prompt, six at most at a time
#     say NAME LINE                 type a line at it
#     hear NAME LINE                until this reply has come to it
#     heard NAME                    all replies that have come to it
#     told NAME                     why its session has ended, where that was not its own doing
#     close_session NAME            end of file at its prompt, and until it has ended
#     hang_up NAME                  the same without waiting; reap NAME waits for it
#     spawn NAME INPUT COMMAND...   any other program in the background
#     ended NAME                    has that process ended?
#     cpu_ticks NAME                the CPU time it has had, in hundredths of a second
#     freeze NAME, thaw NAME        SIGSTOP, and until it has stopped; SIGCONT
#     end_process NAME [SIGNAL]     end it, and until it is gone; sets $status
#     json_field FILE PATH          a value of a file of JSON

# shellcheck shell=sh disable=SC2034  # what it sets is for the lessons
set -eu

usage() {
    echo "usage: ${0##*/} [--lang en|zh] [--step]"
    echo "  --lang en|zh   in English or Chinese; by default as LC_ALL or LANG says"
    echo "  --step         wait for Enter at each step"
}

case ${LC_ALL:-${LC_MESSAGES:-${LANG-}}} in
zh*) language=zh ;;
*) language=en ;;
esac
steps=
while [ $# -gt 0 ]; do
    case $1 in
    --lang)
        case ${2-} in
        en | zh) language=$2 ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
        shift 2
        ;;
    --step)
        steps=yes
        shift
        ;;
    --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
case $language in
zh) page=$here/README.zh.md ;;
*) page=$here/README.md ;;
esac

# What the tools print is read by this script, so it must not depend on the user's language.
LC_ALL=C
export LC_ALL

# The build tree: the caller's, this checkout if it was configured in place, or build/.
if [ -n "${TOP_BUILDDIR-}" ]; then
    tree=$TOP_BUILDDIR
elif [ -f "$top/config.status" ]; then
    tree=$top
else
    tree=$top/build
fi
if [ ! -x "$tree/echo-server" ] || [ ! -x "$tree/echo-client" ]; then
    "$top/scripts/packages" build lessons || :
    "$top/scripts/build" >/dev/null
fi

# Files have short names in the commands that are shown.
work=$(mktemp -d)
cd "$work"
checks=0
failures=0
finished=
port=
server_status=
client_status=
status=
silent=0
last_spawned=
descriptors='4 5 6 7 8 9'
paths_are_closed='3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-'

# End what was started and tell how it went, whichever way the script ends.
leave() {
    result=$?
    trap '' INT TERM HUP
    trap - EXIT
    set +e
    # A signal may have come before its number was written down.
    [ "${!-}" = "$last_spawned" ] || kill -KILL "$!" 2>/dev/null
    for file in "$work"/*.pid; do
        [ ! -s "$file" ] || kill -KILL "$(cat "$file")" 2>/dev/null
    done
    exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
    wait 2>/dev/null
    [ "$failures" -eq 0 ] || result=1
    if [ "$result" -eq 0 ] && [ -z "$finished" ]; then
        echo "FAILED: the lesson ended before its question"
        result=1
    fi
    if [ "$result" -ne 0 ] && [ "$result" -ne 77 ] && [ "$result" -lt 128 ]; then
        for file in "$work"/*.out "$work"/*.err "$work"/*.json; do
            [ ! -s "$file" ] || tail -n 40 "$file" | cut -c 1-200 | sed "s|^|${file##*/}: |"
        done
    fi
    cd /
    rm -rf "$work"
    exit "$result"
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# Writing to a client that has gone is an error that the script sees, not its end.
trap '' PIPE

# --- Texts ---------------------------------------------------------------------------------------

# section N: what is under the Nth heading of second level.
section() {
    awk -v wanted="$1" '
        /^```/ { fenced = !fenced }
        /^## / && !fenced { number++; next }
        number == wanted { line[++lines] = $0 }
        END {
            first = 1
            while (first <= lines && line[first] == "") first++
            while (lines >= first && line[lines] == "") lines--
            for (i = first; i <= lines; i++) print line[i]
        }' "$page"
}

# item SECTION N: the Nth point of a numbered list there, without its number.
item() {
    section "$1" | awk -v wanted="$2" '
        /^[0-9]+\. / { inside = ($1 == wanted "."); sub(/^[0-9]+\. +/, "") }
        /^$/ { inside = 0 }
        inside { sub(/^ +/, ""); print; found = 1 }
        END { exit !found }' || {
        echo "lesson: ${page##*/} has no point $2 under its heading $1" >&2
        exit 1
    }
}

# heading N: the Nth heading of second level, set off by blank lines.
heading() {
    echo
    awk -v wanted="$1" '/^```/ { fenced = !fenced } /^## / && !fenced && ++number == wanted { print substr($0, 4) ":" }' "$page"
    echo
}

claim() {
    sed -n '/^# /{s///p;q;}' "$page"
    heading 1
    section 1
}

show() {
    echo
    text=$(item 2 "$1")
    echo "$1. $text"
    if [ -n "$steps" ]; then
        read -r _ || :
    fi
}

# What programs say is set off from what the lesson says.
indent() {
    sed 's/^/    /'
}

figure() {
    name=$1
    shift
    echo "    $name = $*"
}

expect() {
    text=$(item 4 "$1")
    shift
    checks=$((checks + 1))
    if "$@"; then
        echo "ok: $text"
    else
        echo "FAILED: $text"
        echo "    $*"
        failures=$((failures + 1))
    fi
}

cannot() {
    echo "SKIPPED: $1"
    exit 77
}

needs() {
    for file in "$@"; do
        [ -r "$file" ] || cannot "this system has no $file"
    done
}

needs_plain_build() {
    ! grep -q '^EP_CFLAGS = .*-fsanitize' "$tree/Makefile" 2>/dev/null ||
        cannot 'the programs are built with a sanitizer, which takes memory for itself'
}

question() {
    heading 6
    section 6
    finished=yes
    if [ "$checks" -eq 0 ]; then
        echo "FAILED: nothing was expected"
        failures=1
    fi
}

for tool in curl bash ps; do
    command -v "$tool" >/dev/null || cannot "$tool is not installed"
done

# --- Waiting -------------------------------------------------------------------------------------

wait_until() {
    limit=$1
    shift
    deadline=$(($(date +%s) + limit))
    until "$@"; do
        if [ "$(date +%s)" -gt "$deadline" ]; then
            echo "FAILED: not so after $limit seconds: $*"
            exit 1
        fi
        sleep 0.05
    done
}

# is VALUE COMMAND...: does the command print this? For wait_until.
is() {
    value=$1
    shift
    [ "$("$@")" = "$value" ]
}

# at_least N COMMAND...: does it print this number, or a greater one?
at_least() {
    value=$1
    shift
    counted=$("$@")
    [ "${counted:-0}" -ge "$value" ]
}

# --- JSON ----------------------------------------------------------------------------------------

# Every value of standard input on a line of its own: path, tab, value. A path has the keys and,
# for arrays, the numbers from 0, joined by dots.
json_lines() {
    awk '
        { text = text $0 " " }
        END {
            while (match(text, /^[ \t]*("([^"\\]|\\.)*"|[][{},:]|[^][{},: \t"]+)/)) {
                token = substr(text, 1, RLENGTH)
                text = substr(text, RLENGTH + 1)
                sub(/^[ \t]+/, "", token)
                if (token == "{" || token == "[") {
                    kind[++depth] = token
                    key[depth] = 0
                    is_key = (token == "{")
                } else if (token == "}" || token == "]") {
                    depth--
                } else if (token == ",") {
                    if (kind[depth] == "[") key[depth]++
                    else is_key = 1
                } else if (token == ":") {
                    is_key = 0
                } else {
                    if (token ~ /^"/) token = substr(token, 2, length(token) - 2)
                    if (kind[depth] == "{" && is_key) {
                        key[depth] = token
                    } else {
                        path = ""
                        for (i = 1; i <= depth; i++) path = path (i > 1 ? "." : "") key[i]
                        print path "\t" token
                    }
                }
            }
        }'
}

# pick PATH: its value out of those lines; nothing where there is none.
pick() {
    awk -v wanted="$1" -F '\t' '$1 == wanted && !found { print $2; found = 1 }'
}

json_field() {
    json_lines <"$1" | pick "$2"
}

# --- Processes -----------------------------------------------------------------------------------

run() {
    echo "\$ $*"
    "$@" 2>&1 | indent
}

# No child may hold the writing ends of the sessions' pipes, or their ends would never be seen.
spawn() {
    name=$1
    input=$2
    shift 2
    eval '"$@" <"$input" >"$work/$name.out" 2>"$work/$name.err" '"$paths_are_closed"' &'
    echo $! >"$work/$name.pid"
    last_spawned=$!
}

# One that has ended and was not yet waited for is still in the table of processes, as a zombie.
ended() {
    case $(sed -n 's/^State:[^A-Z]*\([A-Z]\).*/\1/p' "/proc/$(cat "$work/$1.pid")/status" 2>/dev/null) in
    '' | Z) return 0 ;;
    *) return 1 ;;
    esac
}

# reap NAME: the status of a process that is to end by itself.
reap() {
    status=0
    # The shell's own remark on a process that was killed is of no use here.
    wait "$(cat "$work/$1.pid")" 2>/dev/null || status=$?
    rm -f "$work/$1.pid"
}

# The CPU time that a process has had so far, in hundredths of a second as Linux counts them.
cpu_ticks() {
    awk '{ print $14 + $15 }' "/proc/$(cat "$work/$1.pid")/stat"
}

is_stopped() {
    grep -q '^State:[[:blank:]]*T' "/proc/$(cat "$work/$1.pid")/status"
}

# The signal takes a moment to get to all threads, in which they would do what they must not do any more.
freeze() {
    run kill -STOP "$(cat "$work/$1.pid")"
    wait_until 30 is_stopped "$1"
}

thaw() {
    run kill -CONT "$(cat "$work/$1.pid")"
}

end_process() {
    kill -"${2:-TERM}" "$(cat "$work/$1.pid")" 2>/dev/null || :
    reap "$1"
}

# --- The server ----------------------------------------------------------------------------------

server_line() {
    sed -n "/$2/{p;q;}" "$work/$1.out"
}

# Up, or never to be.
server_is_up() {
    ended "$1" || [ -n "$(server_line "$1" '^model ')" ]
}

start_server() {
    server=$1
    shift
    echo "\$ ./echo-server --port 0 --admin 0${*:+ $*} &"
    spawn "$server" /dev/null "$tree/echo-server" --port 0 --admin 0 "$@"
    wait_until 30 server_is_up "$server"
    indent <"$work/$server.out"
    port=$(server_line "$server" '^listening on ')
    port=${port##*:}
    if [ -z "$port" ]; then
        echo "FAILED: the server did not start"
        exit 1
    fi
}

# The lines since the start: what it had to say and the accounting.
stop_server() {
    echo "\$ kill -TERM $(cat "$work/$1.pid")"
    before=$(wc -l <"$work/$1.out")
    end_process "$1"
    server_status=$status
    tail -n +$((before + 1)) "$work/$1.out" | indent
}

# Its last known state where it cannot be asked any more.
server_field() {
    address=$(sed -n 's/^admin on //p' "$work/$1.out")
    if curl -s --max-time 10 "$address/stats.json" >"$work/$1.new"; then
        mv "$work/$1.new" "$work/$1.stats"
    fi
    json_field "$work/$1.stats" "$2"
}

# See proc_net_tcp(5); of the numbers in hexadecimal those of the queues tell how many bytes wait to
# be acknowledged and how many to be read.
connections() {
    awk -v port="$(printf '0100007F:%04X' "$port")" -v state="$1" \
        '$2 == port && $4 == state { print $5, $10 }' /proc/net/tcp
}

# --- Clients -------------------------------------------------------------------------------------

start_client() {
    echo "\$ ./echo-client --port $port $(shift && echo "$*") &"
    crowd=$1
    shift
    spawn "$crowd" /dev/null "$tree/echo-client" --port "$port" --json "$@"
}

wait_client() {
    reap "$1"
    client_status=$status
    mv "$work/$1.out" "$work/$1.json"
    if [ ! -s "$work/$1.json" ]; then
        echo "FAILED: the client broke"
        exit 1
    fi
    summary "$1"
}

client() {
    echo "\$ ./echo-client --port $port $(shift && echo "$*")"
    crowd=$1
    shift
    spawn "$crowd" /dev/null "$tree/echo-client" --port "$port" --json "$@"
    wait_client "$crowd"
}

client_field() {
    json_field "$work/$1.json" "$2"
}

# The part of the summary that lessons are about, a line for each object.
summary() {
    json_lines <"$work/$1.json" | awk -F '\t' '
        $1 == "idle.requested" { idle = $2 }
        $1 ~ /^(sessions|messages)\./ || ($1 ~ /^idle\./ && idle > 0) {
            part = substr($1, 1, index($1, ".") - 1)
            line = line (part == last ? ", " : (last == "" ? "    " : "\n    ") part ": ") \
                substr($1, index($1, ".") + 1) " " $2
            last = part
        }
        $1 ~ /^errors\./ { errors = errors "\n    " $2 " x " substr($1, 8) }
        END { print line errors }'
}

silent_sessions() {
    [ -p "$work/silence" ] || mkfifo "$work/silence"
    echo "\$ ./echo-client --port $port     x $1"
    last_silent=$((silent + $1))
    while [ "$silent" -lt "$last_silent" ]; do
        silent=$((silent + 1))
        spawn "silent$silent" "$work/silence" "$tree/echo-client" --port "$port" --timeout 2m
    done
    exec 3>"$work/silence"
}

end_silent_sessions() {
    exec 3>&-
    while [ "$silent" -gt 0 ]; do
        reap "silent$silent"
        silent=$((silent - 1))
    done
}

open_session() {
    if [ -z "$descriptors" ]; then
        echo "lesson: no more than six sessions at a prompt at a time" >&2
        exit 1
    fi
    descriptor=${descriptors%% *}
    descriptors=${descriptors#"$descriptor"}
    descriptors=${descriptors# }
    echo "\$ ./echo-client --port $port     ($1)"
    rm -f "$work/$1.pipe"
    mkfifo "$work/$1.pipe"
    spawn "$1" "$work/$1.pipe" "$tree/echo-client" --port "$port" --timeout 2m
    eval "exec $descriptor>\"$work/$1.pipe\""
    echo "$descriptor" >"$work/$1.descriptor"
}

say() {
    echo "    ($1) >>: $2"
    eval "printf '%s\n' \"\$2\" >&$(cat "$work/$1.descriptor")"
}

heard() {
    cat "$work/$1.out"
}

told() {
    sed 's/^echo-client: //' "$work/$1.err"
}

last_heard() {
    tail -n 1 "$work/$1.out"
}

hear() {
    wait_until 30 is "$2" last_heard "$1"
    echo "    ($1) $2"
}

hang_up() {
    descriptor=$(cat "$work/$1.descriptor")
    eval "exec $descriptor>&-"
    descriptors="$descriptor${descriptors:+ $descriptors}"
}

close_session() {
    hang_up "$1"
    reap "$1"
}
