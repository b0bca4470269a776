#!/bin/sh
# Every header compiles alone; the public one also as C++, as strict C17, and its example runs.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
CC=${CC:-cc}

# shellcheck disable=SC2086,SC2046  # CC may have arguments
compiles_alone() {
    $CC -std=gnu17 -D_GNU_SOURCE -I"$TOP_SRCDIR" -I"$TOP_BUILDDIR" -Wall -Wextra -Werror \
        $(pkg-config --cflags $packages 2>/dev/null) -x c -fsyntax-only "$1"
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

# links PROGRAM: make it of PROGRAM.c and the library. libtool cannot link by a path with a blank.
# shellcheck disable=SC2086
links() {
    [ -h "$work/tree" ] || ln -s "$TOP_BUILDDIR" "$work/tree"
    (cd "$work" && "$TOP_BUILDDIR/libtool" --silent --mode=link --tag=CC $CC $SANITIZE -std=c17 -Wall -Wextra -Werror \
        -I"$TOP_SRCDIR/pool" -o "${1##*/}" "${1##*/}.c" tree/libechopool.la)
}

# The example is what is indented by five in the opening comment.
example_prints() {
    awk '/^ \*     #include </ { inside = 1 } inside && /^ \* [^ ]/ { exit } inside { print substr($0, 8) }' \
        "$TOP_SRCDIR/pool/$1" >"$work/example.c"
    links "$work/example" && [ "$("$work/example" | xargs)" = "$2" ]
}

exports() {
    library=$TOP_BUILDDIR/.libs/libechopool.so
    sed -n 's/^EP_API.*[ *]\(ep_[a-z_]*\)(.*/\1/p' "$TOP_SRCDIR/pool/echopool.h" "$TOP_SRCDIR/pool/echopool-mp.h" |
        sort >"$work/declared"
    # A symbol of the library's version, and that version itself as an absolute symbol.
    nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort >"$work/exported"
    sed 's/$/@@ECHOPOOL_0.1/' "$work/declared" | diff - "$work/exported"
}

# The macros, the function and configure agree.
one_version() {
    cat >"$work/version.c" <<'C'
#include "echopool.h"
#include <stdio.h>
int main(void)
{
    printf("%s %d.%d.%d %u %d\n", EP_VERSION_STRING, EP_VERSION_MAJOR, EP_VERSION_MINOR, EP_VERSION_PATCH,
           ep_version(), EP_VERSION);
    return 0;
}
C
    links "$work/version" || return 1
    version=$(configured VERSION)
    number=$(echo "$version" | awk -F . '{ print $1 * 10000 + $2 * 100 + $3 }')
    [ "$("$work/version")" = "$version $version $number $number" ]
}

# Reserved words are the last member, and options that use them are refused.
reserved_words() {
    cat >"$work/reserved.c" <<'C'
#include "echopool-mp.h"
#include <errno.h>
#define LAST(type) (offsetof(type, reserved) + sizeof((type *)0)->reserved == sizeof(type))
static int none(struct ep_task *task)
{
    return task == NULL;
}
static int source(void *context, struct ep_bytes *input)
{
    return context != NULL && input != NULL;
}
int main(void)
{
    struct ep_options options = {.workers = 1, .reserved = {1}};
    struct ep_submit_options submit = {.reserved = {1}};
    struct ep_map_options map = {.reserved = {1}};
    struct ep_executor *pool;
    struct ep_future *future = (struct ep_future *)&pool;
    struct ep_pool *mp;
    struct ep_map *mapped;
    if (!LAST(struct ep_options) || !LAST(struct ep_submit_options) || !LAST(struct ep_map_options) ||
        !LAST(struct ep_stats) || ep_thread_executor_new(&options, &pool) != -EINVAL ||
        ep_process_executor_new(&options, &pool) != -EINVAL ||
        ep_pool_new(EP_POOL_THREADS, &options, &mp) != -EINVAL)
        return 1;
    if (ep_thread_executor_new(&(struct ep_options){.workers = 1}, &pool) != 0 ||
        ep_submit_with(pool, none, NULL, 0, &submit, &future) != -EINVAL || future != NULL ||
        ep_map(pool, none, source, NULL, &map, &mapped) != -EINVAL)
        return 2;
    ep_executor_free(pool);
    return 0;
}
C
    links "$work/reserved" && "$work/reserved"
}

SANITIZE=$(sed -n 's/^EP_CFLAGS = .*\(-fsanitize=[^ ]*\).*/\1/p' "$TOP_BUILDDIR/Makefile")
cd "$TOP_SRCDIR" || exit 1
rooms=pool
if with_programs; then rooms='pool common server client tests'; fi
# Only what is built with OpenSSL or liburing includes these.
packages='libevent_core check jansson' except='^$'
if [ -n "$(configured OPENSSL_LIBS)" ]; then packages="$packages openssl"; else except="$except|^common/tls-internal\.h"; fi
[ -n "$(configured LIBURING_LIBS)" ] || except="$except|^server/models/(batch|member|ring)\.h"
# shellcheck disable=SC2044,SC2086  # no name has a blank
for header in $(find $rooms -name "*.h" | grep -vE "$except"); do
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
# The lines of the README, about variables that they leave to the reader; no warning is left either.
readme_prints() {
    {
        printf '#include <echopool.h>\n#include <stdio.h>\n'
        awk '/^## / { inside = 0 }
            inside && /^    / { print substr($0, 5) }
            inside && begun && /^    }/ && !main {
                print "int main(void)\n{\nstruct ep_executor *pool;\nstruct ep_future *future;"
                print "struct ep_bytes reply;\nint n = 12;"
                main = 1
            }
            inside && /^    / { begun = 1 }
            END { print "return 0;\n}" }
            /ten lines of C|十行 C/ && /^## / { inside = 1 }' "$TOP_SRCDIR/$1"
    } >"$work/readme.c"
    links "$work/readme" && [ "$("$work/readme" | xargs)" = 144 ]
}

check "echopool.h: its example compiles and prints 144" example_prints echopool.h 144
check "echopool-mp.h: its example compiles and prints squares" example_prints echopool-mp.h '1 4 9 16'
for readme in README.md README.zh.md; do
    check "$readme: its lines compile without a warning and print 144" readme_prints $readme
done
check 'macros, ep_version() and configure name one version' one_version
check 'reserved words end a struct, and are refused in options' reserved_words
if [ -f "$TOP_BUILDDIR/.libs/libechopool.so" ]; then
    check 'the library exports what the headers declare, with a version' exports
else
    skip 'the library exports what the headers declare, with a version' 'no shared library was built'
fi
finish
