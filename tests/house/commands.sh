#!/usr/bin/env bash
# The commands that README.md, docs/, the pages of the lessons and the examples of the manual pages show are run:
# each ends with 0, or with a status that its comment names. languages.sh holds the Chinese pages to the same.
#
# A block of code is one of commands if a line begins with "$ ", and then the other lines are what is printed, or
# if it begins with make or with a program whose name has a /. A block between fences is never one: the lessons have
# samples of their output there, which lessons.sh looks at. A server goes on while the rest of its block is
# run; if several follow one another, the rest is run with each. If the paragraph before speaks of terminals,
# each line has one. A block without a server finds one that has default options. commands.bash has the rest.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
TOP_SRCDIR=$(cd "$TOP_SRCDIR" && pwd)
TOP_BUILDDIR=$(cd "$TOP_BUILDDIR" && pwd)
export TOP_SRCDIR TOP_BUILDDIR

# not_run COMMAND: print why it is not run here. docs/what-to-look-at.md as a whole is run by looks.sh.
not_run() {
    case $1 in
    scripts/demo* | scripts/test*) echo 'installs packages; .ci/run runs it' ;;
    scripts/packages* | dpkg-buildpackage* | apt\ install*) echo 'installs packages; scripts/check-packages does the same' ;;
    lessons/*) echo 'takes up to a minute; .ci/run runs it' ;;
    ./autogen.sh* | *../configure* | make* | mkdir*) echo 'builds everything; scripts/build does the same' ;;
    ./lessons/00-the-seed/seed) echo 'never closes a connection: that is its lesson' ;;
    top) echo 'goes on until q is typed' ;;
    xdg-open*) echo 'opens a browser; check_page does that' ;;
    *socat* | *--transform\ none*) echo 'is about a server that listens on all addresses' ;;
    *--tls*)
        [ -z "$(configured OPENSSL_LIBS)" ] || [ ! -s "$work/me.pem" ] || return 1
        echo 'needs OpenSSL'
        ;;
    ss\ *)
        ! command -v ss >/dev/null 2>&1 || return 1
        echo 'ss is not installed'
        ;;
    *) return 1 ;;
    esac
}

# blocks FILE: each block of commands becomes a file in $work/blocks, named by the number of its first line, with
# "$ " before each command, or "> " if the next one is for another terminal.
blocks() {
    rm -rf "$work/blocks"
    mkdir "$work/blocks"
    awk -v folder="$work/blocks" '
        function end(    i, dollars, file) {
            for (i = 1; i <= n; i++) dollars += code[i] ~ /^\$ /
            file = sprintf("%s/%04d", folder, first)
            if (dollars || code[1] ~ /^(make|[^ ]*\/[^ ]+)( |$)/)
                for (i = 1; i <= n; i++)
                    print (dollars ? "" : before ~ /terminal/ && i < n && code[i] !~ /echo-server/ ? "> " : "$ ") code[i] >file
            n = 0
        }
        function add(line) {
            if (!n) first = FNR
            code[++n] = line
        }
        function text() {
            end()
            if ($0 != "" && blank) before = ""
            before = before " " $0
            blank = $0 == ""
        }
        FILENAME ~ /md$/ && /^    / && (n || blank) { add(substr($0, 5)); next }
        FILENAME ~ /md$/ { text(); next }
        { gsub(/\\-/, "-") }
        /^\.Sh/ { examples = $2 == "EXAMPLES" }
        !examples { next }
        /^\.[BE]d/ { end(); literal = /^\.Bd/; next }
        /^\.Dl/ { add(substr($0, 5)); next }
        literal { add($0); next }
        { text() }
        END { end() }' "$1"
}

# add PLACE LINE...: a list of commands to run, each in a folder of its own.
declare -a claims folders
add() {
    local folder=$work/${#folders[@]}
    claims+=("$1")
    folders+=("$folder")
    mkdir "$folder"
    printf '%s\n' "${@:2}" >"$folder/list"
    ln -s "$work"/*.pem "$work"/*.key "$folder" 2>/dev/null
}

# lists PLACE FILE: those of a block.
lists() {
    local line reason servers=() rest=()
    if [ -z "$(configured LIBURING_LIBS)" ] && grep -q -e '--model io-uring' "$2"; then
        echo "# $1: not run, needs liburing"
        return
    fi
    while IFS= read -r line; do
        if reason=$(not_run "${line#[\$>] }"); then
            echo "# $1: not run, $reason: ${line#[\$>] }"
        elif [[ $line =~ ^\$\ (\./)?echo-server ]] && [ ${#rest[@]} -eq 0 ]; then
            servers+=("$line")
        else
            rest+=("$line")
        fi
    done <"$2"
    [[ ${#servers[@]} -gt 0 || "${rest[*]}" != *echo-client* ]] || rest=('$ echo-server' "${rest[@]}")
    [ ${#servers[@]} -gt 0 ] || [ ${#rest[@]} -eq 0 ] || add "$1" "${rest[@]}"
    for line in "${servers[@]}"; do
        add "$1: ${line#\$ }" "$line" "${rest[@]}"
    done
}

# Most of what they do is to wait.
run_all() {
    local folder
    for folder in "${folders[@]}"; do
        while [ "$(jobs -pr | wc -l)" -ge 6 ]; do
            wait -n
        done
        {
            timeout -k 5 600 setsid bash "$TOP_SRCDIR/tests/house/commands.bash" "$folder/list" "$folder" >"$folder/said" 2>&1
            echo $? >"$folder/status"
        } &
    done
    wait
}

passed() {
    [ "$(cat "$1/status")" -eq 0 ] || { echo "status $(cat "$1/status"):"; cat "$1/list" "$1/said"; return 1; }
}

for tool in curl jq nc ps; do
    command -v $tool >/dev/null 2>&1 || {
        echo "1..0 # SKIP $tool is not installed"
        exit 0
    }
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null &&
    cp "$work/cert.pem" "$work/ca.pem" && cp "$work/cert.pem" "$work/me.pem" && cp "$work/key.pem" "$work/me.key"

cd "$TOP_SRCDIR" || exit 1
for page in README.md docs/*.md lessons/README.md lessons/teaching.md lessons/*/README.md man/*.1; do
    case $page in
    docs/what-to-look-at* | *.zh.md) continue ;;
    esac
    blocks "$page"
    for block in "$work"/blocks/*; do
        [ ! -f "$block" ] || lists "$page, line $((10#${block##*/}))" "$block"
    done
done
run_all
for i in "${!folders[@]}"; do
    check "${claims[i]}" passed "${folders[i]}"
done
finish
