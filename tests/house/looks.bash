# Run a list of commands, each followed by what it prints. Called by looks.sh.
#
#     bash looks.bash LIST FOLDER
#
# The ports 8090 and 8091 of the commands become whichever the kernel gives, so that several of
# these, and servers of other people, can run at the same time.
list=$1
work=$2
# In a command a blank in the folder's path is quoted, and the \ once more for sed.
quoted=${work// /\\\\ }
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null' EXIT
cd "$TOP_SRCDIR" || exit 1

# Run what the document shows, but on other ports and in the folder of this test.
translated() {
    sed -e 's,127.0.0.1[:/]8091,127.0.0.1:'"$admin"',g' -e 's,\(127.0.0.1[ /:]\)8090,\1'"$port"',g' -e "s,/tmp/,$quoted/,g" \
        -e "s,\./echo-client,'$TOP_BUILDDIR/echo-client' --port $port,"
}

# Start the server of "[strace ...] ./echo-server ... & server=$!", and stop the one before.
start_server() {
    local line=${1% & server=\$!}
    line=${line/.\/echo-server/\"\$TOP_BUILDDIR/echo-server\" --port 0}
    line=${line/--admin 8091/--admin 0}
    [ -z "$server" ] || { kill -9 "$server"; wait "$server"; } 2>/dev/null
    : >"$work/server"
    eval "$(sed "s,/tmp/,$quoted/,g" <<<"$line") >'$work/server' 2>&1 &"
    server=$!
    until grep -q '^admin on' "$work/server"; do
        kill -0 "$server" 2>/dev/null || { echo "the server did not start: $line"; cat "$work/server"; exit 1; }
        sleep 0.02
    done
    port=$(sed -n 's/^listening on .*://p' "$work/server")
    admin=$(sed -n 's/^admin on .*://p' "$work/server")
}

# What two readers may see differently is made the same.
alike() {
    sed -E -e 's/[a-z_]*epoll[a-z_]*/EPOLL/g' -e 's/futex_[a-z_]+/FUTEX/g' -e 's/wait_woken|sk_wait_data/SOCKET/g' \
        -e 's/[0-9]+\.[0-9]+/N/g' -e 's/\b[0-9]{3,}\b/N/g' -e 's/^ +//' -e 's/ +/ /g' -e 's/ $//'
}

# run COMMAND EXPECTED: the command prints that, at the latest after twenty seconds.
run() {
    local command expected said
    case $1 in
    *' & server=$!')
        start_server "$1"
        return
        ;;
    esac
    command=$(translated <<<"$1")
    if [ -z "$2" ]; then
        eval "$command" || [[ $1 == kill* ]] || { echo "\$ $1 failed with $?"; exit 1; }
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

port=0
admin=0
command=
expected=
while IFS= read -r line <&9 || [ -n "$line" ]; do
    case $line in
    '$ '*)
        [ -z "$command" ] || run "$command" "$expected"
        command=${line#\$ }
        expected=
        ;;
    *) expected=${expected:+$expected$'\n'}$line ;;
    esac
done 9<"$list"
run "$command" "$expected"
