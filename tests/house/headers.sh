#!/bin/sh
# Every header compiles alone; the public one also as C++, as strict C17, and its example runs.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
CC=${CC:-cc}

# shellcheck disable=SC2086,SC2046  # CC may have arguments
compiles_alone() {
    $CC -std=gnu17 -D_GNU_SOURCE -I"$TOP_SRCDIR" -I"$TOP_BUILDDIR" -Wall -Wextra -Werror \
        $(pkg-config --cflags libevent_core check jansson 2>/dev/null) -x c -fsyntax-only "$1"
}

# shellcheck disable=SC2086
strict_c17() {
    $CC -std=c17 -pedantic -Wall -Wextra -Werror -x c -fsyntax-only "$TOP_SRCDIR/pool/$1"
}

# shellcheck disable=SC2086
as_cxx() {
    printf '#include "pool/echopool-mp.h"\nint main() { return ep_strerror(0) == nullptr; }\n' >"$work/include.cc"
    $CXX -std=c++17 -pedantic -Wall -Wextra -Werror -I"$TOP_SRCDIR" -fsyntax-only "$work/include.cc"
}

# The example is what is indented by five in the opening comment.
# shellcheck disable=SC2086
example_prints() {
    awk '/^ \*     #include </ { inside = 1 } inside && /^ \* [^ ]/ { exit } inside { print substr($0, 8) }' \
        "$TOP_SRCDIR/pool/$1" >"$work/example.c"
    "$TOP_BUILDDIR/libtool" --silent --mode=link --tag=CC $CC $SANITIZE -std=c17 -Wall -Wextra -Werror \
        -I"$TOP_SRCDIR/pool" -o "$work/example" "$work/example.c" "$TOP_BUILDDIR/libechopool.la" || return 1
    [ "$("$work/example" | xargs)" = "$2" ]
}

only_ep_symbols() {
    library=$TOP_BUILDDIR/.libs/libechopool.so
    nm -D --defined-only "$library" >"$work/symbols" || return 1
    grep -q ' T ep_submit$' "$work/symbols" || return 1
    # What a sanitizer or gcov adds is theirs.
    ! awk '$2 ~ /[TDBR]/ && $3 !~ /^(ep_|_init$|_fini$|__asan|__ubsan|__tsan|__gcov|mangle_path|__odr)/' "$work/symbols" | grep .
}

SANITIZE=$(sed -n 's/^EP_CFLAGS = .*\(-fsanitize=[^ ]*\).*/\1/p' "$TOP_BUILDDIR/Makefile")
cd "$TOP_SRCDIR" || exit 1
rooms=pool
if with_programs; then rooms='pool common server client tests'; fi
# shellcheck disable=SC2044,SC2086  # no name has a blank
for header in $(find $rooms -name "*.h"); do
    check "$header compiles alone" compiles_alone "$header"
done
check 'echopool.h is strict C17' strict_c17 echopool.h
check 'echopool-mp.h is strict C17' strict_c17 echopool-mp.h
if ${CXX:-c++} --version >/dev/null 2>&1; then
    CXX=${CXX:-c++}
    check 'a C++ program can include the public headers' as_cxx
else
    skip 'a C++ program can include the public headers' 'no C++ compiler'
fi
check "echopool.h: its example compiles and prints 144" example_prints echopool.h 144
check "echopool-mp.h: its example compiles and prints squares" example_prints echopool-mp.h '1 4 9 16'
if [ -f "$TOP_BUILDDIR/.libs/libechopool.so" ]; then
    check 'the library exports ep_ symbols only' only_ep_symbols
else
    skip 'the library exports ep_ symbols only' 'no shared library was built'
fi
finish
