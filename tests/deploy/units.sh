#!/bin/sh
# server/systemd: the units and the programs of the build tree in a container that is this machine, under its systemd as
# process 1. What is checked is debian/tests/units, which scripts/check-packages runs with the packages.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/deploy/server.sh"
needs systemd-nspawn unshare
boot=$TOP_SRCDIR/scripts/boot
[ "$(id -u)" = 0 ] || skip_all 'only root can boot a container'
echo true >"$work/nothing"
BOOT_SECONDS=120 "$boot" / "$work/nothing" >"$work/console" 2>&1 || { sed 's/^/# /' "$work/console"; skip_all 'no container can be booted here'; }
if grep -q '^EP_CFLAGS = .*-fsanitize' "$TOP_BUILDDIR/Makefile"; then
    skip_all 'a sanitizer makes calls that the unit forbids'
fi
sed 's|@bindir@|/usr/bin|' "$TOP_SRCDIR/server/systemd/echo-server.service.in" >"$work/echo-server.service"

they_work() {
    "$boot" / "$TOP_SRCDIR/debian/tests/units" \
        --bind-ro="$TOP_BUILDDIR/echo-server:/usr/bin/echo-server" --bind-ro="$TOP_BUILDDIR/echo-client:/usr/bin/echo-client" \
        --bind-ro="$work/echo-server.service:/usr/lib/systemd/system/echo-server.service" \
        --bind-ro="$TOP_SRCDIR/server/systemd/echo-server.socket:/usr/lib/systemd/system/echo-server.socket"
}
check 'the units work under systemd' they_work
finish
