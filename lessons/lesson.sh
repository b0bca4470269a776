# What all lessons share. The run script of each lesson sources it:
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
# DESIGN. The text is in README.md and, in Chinese, in README.zh.md, under seven headings in this
# order: Claim, What happens, Run it, What to see, Why, Question, Output. The last has what the script
# prints, written there by lessons/samples. The script has no sentences of its own: `show 2` prints step 2 of "What happens", and `expect 2` prints point 2 of "What to see" after
# checking it. Between them it prints the commands, as a user would type them, and the output of the
# programs.
#
# The script waits for conditions, with a limit, and never for a fixed time. When it ends, for any
# reason, it ends every process that it started. The work folder $work holds for each NAME its
# standard output (NAME.out), its errors (NAME.err), its process id (NAME.pid), and for a client the
# summary (NAME.json). After a failure the script prints all of them.
#
# Commands of a lesson:
#     claim                         print the title and the claim; comes first
#     show N                        print step N; with --step wait for Enter
#     run COMMAND...                print a command and run it
#     indent                        filter: indent each line
#     figure NAME VALUE...          print a measured number
#     expect N CONDITION...         check point N of "What to see"
#     skip REASON                   this machine cannot show the lesson: exit with 77
#     needs FILE...                 skip if the system lacks one of these files, such as of /proc
#     needs_plain_build             skip if a sanitizer is built in: it takes memory for itself
#     question                      print the question; comes last
#     wait_until SECONDS CONDITION...   wait until the command succeeds; fail after the limit
#     start_server NAME OPTION...   start echo-server with --port 0 --admin 0; sets $port. $under may have a program
#                                   that runs it, with its options
#     stop_server NAME              send SIGTERM, print its last lines; sets $server_status
#     server_field NAME PATH        print a value of its /stats.json, such as queue.depth
#     server_line NAME PATTERN      print the first line of its output that matches
#     connections STATE             print the connections to $port in this state of the kernel (01
#                                   established, 08 ended by the client): queues and inode of each
#     client NAME OPTION...         run echo-client with --json against $port; sets $client_status
#     start_client NAME OPTION...   the same in the background
#     wait_client NAME              wait until it ends; sets $client_status
#     client_field NAME PATH        print a value of its summary, such as sessions.ok
#     silent_sessions N             start N clients that connect and send nothing
#     end_silent_sessions           disconnect them
#     open_session NAME             start a client with a prompt; at most six at a time
#     send_line NAME LINE           type a line at its prompt
#     wait_reply NAME LINE          wait until this is its last reply
#     replies NAME                  print all its replies
#     error_of NAME                 print the error that ended its session, if there was one
#     close_session NAME            end its input, and wait until it has ended
#     disconnect NAME               end its input; reap NAME waits until it has ended
#     spawn NAME INPUT COMMAND...   start any other program in the background
#     ended NAME                    has that process ended?
#     cpu_ticks NAME                print its CPU time, in hundredths of a second
#     freeze NAME, thaw NAME        stop it by SIGSTOP, continue it by SIGCONT
#     end_process NAME [SIGNAL]     end it, and wait until it has ended; sets $status
#     json_field FILE PATH          print a value of a JSON file
#     picture NAME                  this is the moment for the README's scene.svg, which lessons/samples draws

# shellcheck shell=sh disable=SC2034  # the lessons use what this file sets
set -eu

usage() {
    echo "usage: ${0##*/} [--lang en|zh] [--step]"
    echo "  --lang en|zh   English or Chinese; default: the language of LC_ALL or LANG"
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
zh) page=$here/README.zh.md colon=： ;;
*) page=$here/README.md colon=: ;;
esac

# The script parses the output of tools, so that must not depend on the user's language.
LC_ALL=C
export LC_ALL

# curl asks the server itself, and no proxy.
no_proxy='*' NO_PROXY='*'
export no_proxy NO_PROXY

# The build tree: TOP_BUILDDIR, or this checkout if it was configured in place, or build/.
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

# In the work folder files have short names, which the printed commands use.
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
under=
last_spawned=
descriptors='4 5 6 7 8 9'
paths_are_closed='3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-'

# On exit: end all processes, print the files of a failed lesson, and set the exit status.
leave() {
    result=$?
    trap '' INT TERM HUP
    trap - EXIT
    set +e
    # A signal may have interrupted spawn before it wrote the process id.
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
# Make a write to a client that has ended fail, instead of ending the script.
trap '' PIPE

# --- Texts ---------------------------------------------------------------------------------------

# section N: print the text under the Nth heading of second level.
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

# item SECTION N: print the Nth point of its numbered list, without the number.
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

# heading N: print the Nth heading of second level between blank lines.
heading() {
    echo
    awk -v wanted="$1" -v colon="$colon" '
        /^```/ { fenced = !fenced }
        /^## / && !fenced && ++number == wanted { print substr($0, 4) colon }' "$page"
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

skip() {
    echo "SKIPPED: $1"
    exit 77
}

needs() {
    for file in "$@"; do
        [ -r "$file" ] || skip "this system has no $file"
    done
}

needs_plain_build() {
    ! grep -q '^EP_CFLAGS = .*-fsanitize' "$tree/Makefile" 2>/dev/null ||
        skip 'the programs are built with a sanitizer, which takes memory for itself'
}

question() {
    heading 6
    section 6
    finished=yes
    if [ "$checks" -eq 0 ]; then
        echo "FAILED: the lesson checked nothing"
        failures=1
    fi
}

for tool in curl bash ps; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done

# --- Waiting -------------------------------------------------------------------------------------

wait_until() {
    limit=$1
    shift
    deadline=$(($(date +%s) + limit))
    until "$@"; do
        if [ "$(date +%s)" -gt "$deadline" ]; then
            echo "FAILED: still false after $limit seconds: $*"
            exit 1
        fi
        sleep 0.05
    done
}

# is VALUE COMMAND...: does the command print this value?
is() {
    value=$1
    shift
    [ "$("$@")" = "$value" ]
}

# at_least N COMMAND...: does it print N or a greater number?
at_least() {
    value=$1
    shift
    counted=$("$@")
    [ "${counted:-0}" -ge "$value" ]
}

# --- JSON ----------------------------------------------------------------------------------------

# Print each value of standard input on a line of its own: path, tab, value. A path is the keys and
# the array indices, joined by dots.
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

# pick PATH: print its value from those lines, or nothing.
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

# Close the writing ends of the sessions' pipes in each child, or no client would see end of file. Make
# its files first: they may be read before it has begun.
spawn() {
    name=$1
    input=$2
    shift 2
    : >"$work/$name.out"
    : >"$work/$name.err"
    eval '"$@" <"$input" >"$work/$name.out" 2>"$work/$name.err" '"$paths_are_closed"' &'
    echo $! >"$work/$name.pid"
    last_spawned=$!
}

# A process that has ended is a zombie (Z) until the script waits for it.
ended() {
    case $(sed -n 's/^State:[[:blank:]]*\(.\).*/\1/p' "/proc/$(cat "$work/$1.pid")/status" 2>/dev/null) in
    '' | Z) return 0 ;;
    *) return 1 ;;
    esac
}

# reap NAME: wait until a process ends by itself; sets $status.
reap() {
    status=0
    # The shell would print a line about a killed process.
    wait "$(cat "$work/$1.pid")" 2>/dev/null || status=$?
    rm -f "$work/$1.pid"
}

cpu_ticks() {
    awk '{ print $14 + $15 }' "/proc/$(cat "$work/$1.pid")/stat"
}

is_stopped() {
    grep -q '^State:[[:blank:]]*T' "/proc/$(cat "$work/$1.pid")/status"
}

# After the signal some threads still run for a moment, so wait until all have stopped.
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

# The server has printed its configuration, or has failed to start.
server_is_up() {
    ended "$1" || [ -n "$(server_line "$1" '^model ')" ]
}

start_server() {
    server=$1
    shift
    echo "\$ ${under:+$under }./echo-server --port 0 --admin 0${*:+ $*} &"
    # shellcheck disable=SC2086 # several words
    spawn "$server" /dev/null $under "$tree/echo-server" --port 0 --admin 0 "$@"
    wait_until 30 server_is_up "$server"
    indent <"$work/$server.out"
    port=$(server_line "$server" '^listening on ')
    port=${port##*:}
    if [ -z "$port" ]; then
        echo "FAILED: the server did not start"
        exit 1
    fi
}

# Print only the lines since the start: they include the accounting.
stop_server() {
    echo "\$ kill -TERM $(cat "$work/$1.pid")"
    before=$(wc -l <"$work/$1.out")
    end_process "$1"
    server_status=$status
    tail -n +$((before + 1)) "$work/$1.out" | indent
}

# If the server does not answer any more, use its last known state.
server_field() {
    address=$(sed -n 's/^admin on //p' "$work/$1.out")
    if curl -s --max-time 10 "$address/stats.json" >"$work/$1.new"; then
        mv "$work/$1.new" "$work/$1.stats"
    fi
    json_field "$work/$1.stats" "$2"
}

# Draw the state of a server, as it was last read, and only for lessons/samples.
picture() {
    [ -n "${LESSON_PICTURES-}" ] || return 0
    json_lines <"$work/$1.stats" |
        awk -f "$top/scripts/draw/svg.awk" -f "$top/scripts/draw/scene.awk" >"$LESSON_PICTURES/scene.svg"
}

# See proc_net_tcp(5). The two hexadecimal numbers of the queues are the bytes not yet acknowledged
# and the bytes not yet read.
connections() {
    awk -v port="$(printf '0100007F:%04X' "$port")" -v state="$1" \
        '$2 == port && $4 == state { print $5, $10 }' /proc/net/tcp
}

# --- Clients -------------------------------------------------------------------------------------

start_client() {
    echo "\$ ./echo-client --port $port $(shift && echo "$*") &"
    crowd=$1
    shift
    spawn "$crowd" /dev/null "$tree/echo-client" --port "$port" --json ${LESSON_PICTURES:+--timeline "$LESSON_PICTURES/$crowd.svg"} "$@"
}

wait_client() {
    reap "$1"
    client_status=$status
    mv "$work/$1.out" "$work/$1.json"
    if [ ! -s "$work/$1.json" ]; then
        echo "FAILED: the client printed no summary"
        exit 1
    fi
    summary "$1"
}

client() {
    echo "\$ ./echo-client --port $port $(shift && echo "$*")"
    crowd=$1
    shift
    spawn "$crowd" /dev/null "$tree/echo-client" --port "$port" --json ${LESSON_PICTURES:+--timeline "$LESSON_PICTURES/$crowd.svg"} "$@"
    wait_client "$crowd"
}

client_field() {
    json_field "$work/$1.json" "$2"
}

# Print the part of the summary that lessons use, a line for each object.
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
        echo "lesson: open_session allows at most six sessions at a time" >&2
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

send_line() {
    echo "    ($1) >>: $2"
    eval "printf '%s\n' \"\$2\" >&$(cat "$work/$1.descriptor")"
}

replies() {
    cat "$work/$1.out"
}

error_of() {
    sed 's/^echo-client: //' "$work/$1.err"
}

last_reply() {
    tail -n 1 "$work/$1.out"
}

wait_reply() {
    wait_until 30 is "$2" last_reply "$1"
    echo "    ($1) $2"
}

disconnect() {
    descriptor=$(cat "$work/$1.descriptor")
    eval "exec $descriptor>&-"
    descriptors="$descriptor${descriptors:+ $descriptors}"
}

close_session() {
    disconnect "$1"
    reap "$1"
}
