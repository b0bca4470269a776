#!/bin/sh
# debian/ says the same as the files that it repeats. The packages themselves are made by scripts/check-packages.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1

version_is_that_of_configure() {
    configured=$(sed -n 's/^AC_INIT(\[echopool\], \[\(.*\)\])$/\1/p' configure.ac)
    packaged=$(sed -n '1s/^echopool (\(.*\)) .*/\1/p' debian/changelog)
    echo "configure.ac: $configured, debian/changelog: $packaged"
    [ -n "$configured" ] && [ "$configured" = "$packaged" ]
}

# A node that is not listed would make dpkg-gensymbols fail; one with a version that is too old would let a program
# be installed beside a library that lacks what it calls.
symbols_are_versioned() {
    sed -n 's/^\(ECHOPOOL_[0-9.]*\) {.*/\1/p' pool/echopool.map >"$work/nodes"
    sed -n 's/^ (symver)\(ECHOPOOL_[0-9.]*\) .*/\1/p' debian/libechopool0.symbols | diff "$work/nodes" - &&
        ! awk '/^ \(symver\)/ { node = $1; sub(/.*_/, "", node); if (index($2 ".", node ".") != 1) print }' \
            debian/libechopool0.symbols | grep . && [ -s "$work/nodes" ]
}

licence_is_the_project_s() {
    tr -s ' \n' ' ' <LICENSE | sed 's/.*developers //' >"$work/licence"
    sed -n '/^ /{s/^ \.$//;p}' debian/copyright | tr -s ' \n' ' ' | sed 's/^ //' | diff "$work/licence" - &&
        grep -q "^$(sed -n 's/^Copyright (c)/Copyright:/p' LICENSE)$" debian/copyright
}

# Print what the field of debian/control asks for, without versions and profiles.
asked_for() {
    awk -v field="$1:" '$1 == field { inside = 1 } $1 ~ /:$/ && $1 != field { inside = 0 } inside' debian/control |
        sed 's/^[A-Za-z-]*://' | tr ',' '\n' | awk 'NF { print $1 }'
}

what_it_builds_with_is_installed() {
    sed -n "s/^\(build\|debian\)='\(.*\)'$/ \2 /p" scripts/packages | tr ' ' '\n' >"$work/sets"
    { asked_for Build-Depends; asked_for Build-Depends-Indep; } | sed 's/^debhelper-compat$/debhelper/' >"$work/asked"
    ! grep -vxF -f "$work/sets" "$work/asked" && grep -qx doxygen "$work/asked" && grep -qx libevent-dev "$work/asked"
}

# Else lintian warns, and CI fails after most of an hour.
descriptions_are_narrow() {
    ! awk 'length > 80 { print FNR ": " $0 }' debian/control | grep .
}

# The script with a folder of this test for systemd's, and a program that writes down what it is asked for.
prerm() {
    sed "s|/run/systemd/system|'$work'|" debian/echopool-tools.prerm >"$work/prerm"
    : >"$work/asked"
    PATH=$work/bin:$PATH sh "$work/prerm" "$@" && cat "$work/asked"
}

removal_stops_the_server() {
    mkdir -p "$work/bin"
    printf '#!/bin/sh\necho "$@" >>"%s"\nexit 1\n' "$work/asked" >"$work/bin/deb-systemd-invoke"
    chmod +x "$work/bin/deb-systemd-invoke"
    [ "$(prerm remove)" = 'stop echo-server.socket echo-server.service' ] && [ -z "$(prerm upgrade 0.2.0)" ] &&
        grep -qx '#DEBHELPER#' debian/echopool-tools.prerm
}

check 'the version of the packages is the one of configure.ac' version_is_that_of_configure
check 'each node of pool/echopool.map is in the symbols file, with its version' symbols_are_versioned
check 'debian/copyright has the text of LICENSE' licence_is_the_project_s
check 'scripts/packages installs what debian/control builds with' what_it_builds_with_is_installed
check 'no line of a description is longer than 80 characters' descriptions_are_narrow
check 'a removal of the tools stops a server, and an upgrade does not' removal_stops_the_server
finish
