# A server for the tests of this folder, which source this file.
#
#     start_server OPTION...      start echo-server, and wait until it listens; sets $port, and writes its admin
#                                 address to $work/admin
#
# What a test starts in the background and adds to $started ends with it.

# shellcheck shell=sh
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
deploy=$TOP_SRCDIR/deploy
. "$TOP_SRCDIR/scripts/draw/deploy.sh"
started=
trap 'kill $started 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

start_server() {
    "$TOP_BUILDDIR/echo-server" --port 0 --admin 127.0.0.1:0 "$@" >"$work/server" 2>&1 &
    started="$started $!"
    wait_until 20 address_in "$work/server" 'admin on http:\/\/' >"$work/admin" || return 1
    port=$(address_in "$work/server" 'listening on ')
    port=${port##*:}
}
