#!/bin/sh
# The manual pages name exactly the options that --help names, and are well-formed.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"

# Long options, one a line.
long_options() {
    grep -oE -- '--[a-z][a-z-]*[a-z]' | sort -u
}

same_options() {
    "$TOP_BUILDDIR/$1" --help | long_options >"$work/help" || return 1
    # Lines are not broken, so that no option is hyphenated.
    mandoc -T ascii -O width=1000 "$TOP_SRCDIR/man/$1.1" | sed 's/.\x08//g' | long_options >"$work/page" || return 1
    [ -s "$work/help" ] && diff "$work/help" "$work/page"
}

well_formed() {
    mandoc -T lint -W warning "$TOP_SRCDIR/man/$1.1"
}

says_version() {
    "$TOP_BUILDDIR/$1" --version | grep -qx "$1 (echopool) [0-9][0-9.]*"
}

# Every function of the header has its place in the page that is made of it.
page_is_whole() {
    mandoc -T lint -W error "$TOP_BUILDDIR/man/$1.3" || return 1
    mandoc -T ascii -O width=1000 "$TOP_BUILDDIR/man/$1.3" | sed 's/.\x08//g' >"$work/page"
    sed -n 's/^EP_API.*[ *]\(ep_[a-z_]*\)(.*/\1/p' "$TOP_SRCDIR/pool/$1.h" >"$work/functions"
    [ -s "$work/functions" ] || return 1
    while read -r function; do
        grep -q "$function(" "$work/page" || {
            echo "missing: $function"
            return 1
        }
    done <"$work/functions"
}

# A full disk, or a closed pipe, is a failure that --help must not hide.
write_error() {
    "$TOP_BUILDDIR/$1" --help >/dev/full 2>"$work/said" && return 1
    [ $? -eq 1 ] && [ -s "$work/said" ]
}

for program in echo-server echo-client; do
    if command -v mandoc >/dev/null 2>&1; then
        check "$program.1 names the options of --help" same_options "$program"
        check "$program.1 is well-formed" well_formed "$program"
    else
        skip "$program.1 names the options of --help" 'mandoc is not installed'
        skip "$program.1 is well-formed" 'mandoc is not installed'
    fi
    check "$program --version" says_version "$program"
    check "$program --help to a full disk fails" write_error "$program"
done
for header in echopool echopool-mp; do
    if command -v mandoc >/dev/null 2>&1; then
        check "$header.3 has every function of $header.h" page_is_whole "$header"
    else
        skip "$header.3 has every function of $header.h" 'mandoc is not installed'
    fi
done
finish
