# Run a list of commands as a reader would who types them. Called by commands.sh and looks.sh.
#
#     bash commands.bash LIST FOLDER
#
# A line of LIST "$ command" is run by this very shell, in FOLDER, so that its descriptors and variables last;
# the lines after it are what it prints. It ends with 0, or with a status that its comment names: "# status 1 ...".
# Three things of what it prints are not taken literally: numbers of processes and fractions of seconds, how
# columns are spaced, and the names that kernels have for where a thread sleeps. What only looks is repeated
# until it sees what is expected, as a reader would who was too quick; what starts, sends, receives or kills is
# done once.
#
# A line "> command" is one for a terminal of its own: the next line does not wait for it. At the end they are
# waited for; but nc and bash, which go on for ever, are ended, as by a reader who closes the terminal.
#
# So that several of these, and servers of other people, can run at the same time, the ports 8090 and 8091 of
# the commands become whichever the kernel gives, other addresses are 127.0.0.1, /tmp and /etc are FOLDER, and what is
# found or killed by its name is of this session only: call it by setsid. To save time, runs are a sixth as
# long as they say, and so is the client's time limit.
list=$1
work=$2
cd "$work" || exit 1
for entry in "$TOP_SRCDIR"/*/ "$TOP_BUILDDIR"/echo-*; do
    ln -sfn "${entry%/}" .
done
PATH=$work:$PATH
server=
declare -A terminals
export ECHO_CLIENT_TIMEOUT=20s
trap 'for pid in $(pgrep .); do [ "$pid" = $$ ] || kill -KILL "$pid"; done 2>/dev/null' EXIT
trap 'exit 1' TERM

# --- What a reader has that is not here, by the same names --------------------------------------

pgrep() { command pgrep -s 0 "$@"; }
pkill() { command pkill -s 0 "$@"; }
pidof() { pgrep -x "$@"; }
# Another machine is this one.
ssh() { "${@:2}"; }
# Without a name, wait for what the reader's shell has started; the server is in another terminal.
wait() {
    local pid=${1:-}
    if [ -n "$pid" ]; then
        [ "$pid" != "$server" ] || server=
        builtin wait "$pid"
        return
    fi
    for pid in $(jobs -p); do
        [ "$pid" = "$server" ] || builtin wait "$pid" || return
    done
}

# The same command here. In it a blank in the folder's path is quoted, and the \ once more for sed.
quoted=${work// /\\\\ }
translated() {
    local line
    line=$(sed -E -e 's/10\.80\.0\.10/127.0.0.1/g' -e 's/10\.80\.0\.11/localhost/g' \
        -e "s,127\.0\.0\.1([:/])8091,127.0.0.1\1$admin,g" -e "s,(127\.0\.0\.1[ /:])8090,\1$port,g" -e "s,/(tmp|etc)/,$quoted/,g" <<<"$1")
    if [[ $line =~ ^(.*echo-client.* -d )([0-9]+)([sm] .*|[sm])$ ]]; then
        local seconds=${BASH_REMATCH[2]}
        [[ ${BASH_REMATCH[3]} = s* ]] || seconds=$((seconds * 60))
        line=${BASH_REMATCH[1]}$((seconds * 1000 / 6))ms${BASH_REMATCH[3]#[sm]}
    fi
    echo "$line"
}

# --- The server ----------------------------------------------------------------------------------

# What a server says once others can reach it.
says_where() {
    grep -q '^listening on' "$work/printed" && { [[ $1 != *--admin* ]] || grep -q '^admin on' "$work/printed"; }
}

# Start the server of "[strace ...] [./]echo-server ... [& [server=$!]]", and end the one before.
start_server() {
    local line
    end_server
    line=${1%% #*}
    line=$(translated "${line%%&*}")
    : >"$work/printed"
    line=$(sed -E 's/--admin (127\.0\.0\.1:)?[0-9]+/--admin 0/' <<<"$line")
    ECHO_SERVER_PORT=0 eval "$line >'$work/printed' 2>&1 &"
    server=$! stopped=
    until says_where "$line"; do
        kill -0 "$server" 2>/dev/null || { echo "the server did not start: $line"; cat "$work/printed"; exit 1; }
        sleep 0.02
    done
    port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/printed")
    admin=$(sed -n 's/^admin on .*://p' "$work/printed")
    [ -z "$port" ] || export ECHO_CLIENT_PORT=$port
}

# It ends with 0. A second signal would be one to end at once.
end_server() {
    [ -n "$server" ] || return 0
    [ -n "$stopped" ] || kill -TERM "$server"
    builtin wait "$server" || {
        echo "the server ended with $?:"
        cat "$work/printed"
        exit 1
    }
    server=
}

# --- The commands --------------------------------------------------------------------------------

# What two readers may see differently is made the same.
alike() {
    sed -E -e 's/[a-z_]*epoll[a-z_]*/EPOLL/g' -e 's/futex_[a-z_]+/FUTEX/g' -e 's/wait_woken|sk_wait_data/SOCKET/g' \
        -e 's/[0-9]+\.[0-9]+/N/g' -e 's/\b[0-9]{3,}\b/N/g' -e 's/^ +//' -e 's/ +/ /g' -e 's/ $//'
}

# may_end COMMAND STATUS: with 0, or as its comment says.
may_end() {
    [ "$2" -eq 0 ] || [[ $1 =~ \#.*status\ $2 ]] || {
        echo "\$ $1"
        echo "ended with $2"
        exit 1
    }
}

# has_before COMMAND EXPECTED: make the file that it shows, and the reports of earlier runs.
has_before() {
    local file
    [[ $1 != 'cat /etc/'* ]] || printf '%s\n' "$2" >"$work/${1##*/}"
    [[ $1 = *'echo-client report'* ]] || return
    for file in $(grep -oE '[a-z]+\.json' <<<"$1"); do
        [ -s "$file" ] || echo-client -n 1 --json >"$file"
    done
}

# run COMMAND EXPECTED: the command prints that, at the latest after twenty seconds.
run() {
    local command expected said
    if [[ $1 =~ ^([A-Z_]+=[^ ]*\ |strace\ .*\ )*(\./)?echo-server ]] && [[ $1 != *--print-config* ]]; then
        start_server "$1"
        return
    fi
    [[ $1 != *'kill -TERM'* ]] || stopped=yes
    command=$(translated "$1")
    has_before "$1" "$2"
    if [ -z "$2" ]; then
        eval "$command" <<<hello
        may_end "$1" $?
        return
    fi
    expected=$(alike <<<"$2")
    for ((tries = 400; tries > 0; tries--)); do
        said=$(eval "$command" 2>&1)
        [ "$(alike <<<"$said")" != "$expected" ] || return 0
        # A container may hide from ps where threads sleep.
        [[ $1 != *wchan* ]] || [ "$(ps -o wchan= -p "$server")" != - ] || return 0
        [[ $1 != *'<&'* ]] || break
        sleep 0.05
    done
    printf '$ %s\nshould print:\n%s\nand printed:\n%s\n' "$1" "$2" "$said"
    exit 1
}

# beside COMMAND: in a terminal of its own. What will be killed is the process itself and not the child of a shell
# that may not have started it yet.
beside() {
    local instead=
    ! goes_on "$1" || instead='exec '
    eval "$instead$(translated "$1")" <<<hello &
    terminals[$!]=$1
}

# goes_on COMMAND: until its terminal is closed.
goes_on() { [[ $1 = nc\ * || $1 = bash\ * ]]; }

port=8090
admin=8091
command=
expected=
while IFS= read -r line <&9 || [ -n "$line" ]; do
    case $line in
    '$ '* | '> '*)
        [ -z "$command" ] || run "$command" "$expected"
        command=
        expected=
        [[ $line = '$ '* ]] && command=${line#\$ } || beside "${line#> }"
        ;;
    *) expected=${expected:+$expected$'\n'}$line ;;
    esac
done 9<"$list"
[ -z "$command" ] || run "$command" "$expected"
for pid in "${!terminals[@]}"; do
    if goes_on "${terminals[$pid]}"; then
        kill -TERM "$pid" 2>/dev/null
        builtin wait "$pid"
    else
        builtin wait "$pid"
        may_end "${terminals[$pid]}" $?
    fi
done
wait || may_end 'in the background' $?
end_server
