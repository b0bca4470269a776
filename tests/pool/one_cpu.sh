#!/bin/sh
# The core suites on a single CPU: there a wake-up that is lost stays lost, for no other thread comes by,
# and a thread that spins for another spins in its place.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
if ! command -v taskset >/dev/null 2>&1; then
    echo '1..0 # SKIP taskset (util-linux) is not installed'
    exit 0
fi

# The first CPU that we may use.
cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')

on_one_cpu() {
    CK_TAP_LOG_FILE_NAME=- CK_DEFAULT_TIMEOUT=120 taskset -c "$cpu" "$TOP_BUILDDIR/tests/pool/$1" >"$work/tap" || return 1
    grep '^not ok' "$work/tap" && return 1
    grep -q '^ok' "$work/tap"
}

for program in check_park check_queue check_future check_callback check_executor check_races; do
    check "$program on CPU $cpu alone" on_one_cpu "$program"
done
finish
