#!/bin/sh
# make install, then a program outside the tree that knows nothing but pkg-config.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
CC=${CC:-cc}
root=$work/root
prefix=$(configured prefix)
# A -j of the make that runs this test must not reach into this one.
unset MAKEFLAGS MAKELEVEL

installs() {
    ${MAKE:-make} -s -C "$TOP_BUILDDIR" install DESTDIR="$root"
}

has_all() {
    files='include/echopool.h include/echopool-mp.h lib/pkgconfig/echopool.pc share/man/man3/echopool.3
        share/man/man3/echopool-mp.3'
    if with_programs; then
        files="$files bin/echo-server bin/echo-client share/man/man1/echo-server.1 share/man/man1/echo-client.1
            share/bash-completion/completions/echo-server.bash share/bash-completion/completions/echo-client.bash"
    elif ls "$root$prefix/bin" 2>/dev/null; then
        return 1
    fi
    for file in $files; do
        [ -s "$root$prefix/$file" ] || {
            echo "missing: $file"
            return 1
        }
    done
}

# shellcheck disable=SC2046,SC2086
outside_program() {
    cat >"$work/outside.c" <<'C'
#include <echopool.h>
#include <stdio.h>

static int greet(struct ep_task *task)
{
    return ep_task_reply(task, "hello", 6);
}

int main(void)
{
    struct ep_executor *pool;
    struct ep_future *future;
    struct ep_bytes reply;

    if (ep_thread_executor_new(NULL, &pool) != 0 || ep_submit(pool, greet, NULL, 0, &future) != 0 ||
        ep_future_result(future, EP_SECONDS(10), &reply) != 0)
        return 1;
    puts(reply.data);
    ep_future_unref(future);
    ep_executor_free(pool);
    return 0;
}
C
    export PKG_CONFIG_PATH="$root$prefix/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
    $CC $SANITIZE -o "$work/outside" "$work/outside.c" $(pkg-config --cflags --libs echopool) || return 1
    [ "$(LD_LIBRARY_PATH=$root$prefix/lib "$work/outside")" = hello ]
}

SANITIZE=$(sed -n 's/^EP_CFLAGS = .*\(-fsanitize=[^ ]*\).*/\1/p' "$TOP_BUILDDIR/Makefile")
check 'make install DESTDIR works' installs
check 'programs, completion, header, pkg-config file and manual pages are installed' has_all
check 'a program outside builds with pkg-config alone, and runs' outside_program
finish
