#!/bin/sh
# make html: Doxygen has nothing to complain about, and every public function is there with its results.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
if [ -z "$(configured DOXYGEN)" ]; then
    echo '1..0 # SKIP doxygen is not installed'
    exit 0
fi
# A -j of the make that runs this test must not reach into this one.
unset MAKEFLAGS MAKELEVEL

# A warning of Doxygen fails it.
builds() {
    rm -rf "$TOP_BUILDDIR/docs/html"
    ${MAKE:-make} -s -C "$TOP_BUILDDIR" html
}

# A copy of the header with a @param that no function has.
notices() {
    sed 's/@param size  set/@param length  set/' "$TOP_SRCDIR/pool/echopool.h" >"$work/echopool.h"
    ! cmp -s "$work/echopool.h" "$TOP_SRCDIR/pool/echopool.h" &&
        { cat "$TOP_SRCDIR/docs/Doxyfile" && echo "INPUT = $work/echopool.h" && echo "OUTPUT_DIRECTORY = $work/html"; } |
        doxygen - >"$work/said" 2>&1
    [ $? -ne 0 ] && grep -q "argument 'length'" "$work/said"
}

is_whole() {
    for header in echopool echopool-mp; do
        sed -n 's/^EP_API.*[ *]\(ep_[a-z_]*\)(.*/\1/p' "$TOP_SRCDIR/pool/$header.h" >"$work/functions"
        [ -s "$work/functions" ] || return 1
        while read -r function; do
            grep -q ">$function()</h2>" "$TOP_BUILDDIR/docs/html/$(echo "$header" | sed 's/_/__/g')_8h.html" || {
                echo "missing: $function"
                return 1
            }
        done <"$work/functions"
    done
}

# Each code that ep_submit() returns has a row of its own.
has_results() {
    sed -n '/>ep_submit()<\/h2>/,/>ep_try_submit()<\/h2>/p' "$TOP_BUILDDIR/docs/html/echopool_8h.html" >"$work/page"
    for code in 0 -EAGAIN -EDEADLK EP_ESHUTDOWN -EINVAL -ENOMEM; do
        grep -q "class=\"paramname\">.*$code<" "$work/page" || {
            echo "missing: $code"
            return 1
        }
    done
}

# Doxygen names the page of a document by its path.
names_no_path() {
    ls "$TOP_BUILDDIR/docs/html" | grep '^md_' >"$work/pages" && ! grep -v '^md_docs_' "$work/pages"
}

check 'the reference in HTML is made without a warning' builds
check 'a parameter that does not exist fails it' notices
check 'every public function is in it' is_whole
check 'the results of a function are a list' has_results
check 'the names of pages do not depend on where they are made' names_no_path
finish
