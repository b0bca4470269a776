# Sourced by the shell tests: prints their results as TAP.
#
#     check 'what is claimed' command argument...
#     skip 'what is claimed' 'why it cannot be checked here'
#     finish
#     skip_all 'why nothing can be checked here'
#     needs COMMAND...                  skip all if one is not installed
#     wait_until SECONDS COMMAND...     wait until it succeeds; fail after this limit

: "${TOP_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${TOP_BUILDDIR:=$PWD}"
# Make the same for every test what it inherits: the language of tools, proxies, the mode of files, standard input,
# and no variable that would be an option of the programs.
export LC_ALL=C.UTF-8 no_proxy='*' NO_PROXY='*'
unset LANGUAGE TEXTDOMAINDIR
umask 022
exec </dev/null
# shellcheck disable=SC2046  # names
unset $(env | sed -n 's/^\(ECHO_\(SERVER\|CLIENT\)_[A-Za-z0-9_]*\)=.*/\1/p')
# Programs need as many descriptors as a common shell allows, and raise the soft limit to the hard one if they need more.
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge 1024 ] || ulimit -Sn 4096 2>/dev/null || ulimit -Sn "$(ulimit -Hn)"
tap_number=0
# All files of a test are in this folder, also those of the programs that it starts.
work=$(mktemp -d) || exit 1
export TMPDIR="$work"
trap 'rm -rf "$work"' EXIT
# Not every shell leaves by EXIT when a signal ends it.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Print the value of a variable of the Makefile that configure has set.
configured() {
    sed -n "s/^$1 = //p" "$TOP_BUILDDIR/Makefile"
}

with_programs() {
    [ "$(configured enable_programs)" != no ]
}

check() {
    tap_claim=$1
    shift
    tap_number=$((tap_number + 1))
    if "$@" >"$work/tap-output" 2>&1; then
        echo "ok $tap_number - $tap_claim"
    else
        echo "not ok $tap_number - $tap_claim"
        sed 's/^/# /' "$work/tap-output"
    fi
}

skip() {
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1 # SKIP $2"
}

finish() {
    echo "1..$tap_number"
}

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

needs() {
    for command; do
        command -v "$command" >/dev/null 2>&1 || skip_all "$command is not installed"
    done
}

wait_until() {
    tries=$(($1 * 20))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "in vain: $*" >&2; return 1; }
        sleep 0.05
    done
}
