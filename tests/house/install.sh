#!/bin/sh
# make install, then a program outside the tree, which finds the library by pkg-config or by CMake.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
CC=${CC:-cc}
root=$work/root
# libtool and a shell that takes words from pkg-config cannot have a blank in it.
case $root in
*[[:blank:]]*)
    root=$(TMPDIR=/tmp mktemp -d) || exit 1
    trap 'rm -rf "$work" "$root"' EXIT
    ;;
esac
prefix=$(configured prefix)
# A -j of the make that runs this test must not reach into this one.
unset MAKEFLAGS MAKELEVEL

installs() {
    ${MAKE:-make} -s -C "$TOP_BUILDDIR" install DESTDIR="$root"
}

has_all() {
    files='include/echopool.h include/echopool-mp.h lib/pkgconfig/echopool.pc lib/cmake/echopool/echopoolConfig.cmake share/man/man3/echopool.3
        share/man/man3/echopool-mp.3 share/man/man3/ep_submit.3 share/man/man3/ep_future_done.3'
    if with_programs; then
        files="$files bin/echo-server bin/echo-client share/man/man1/echo-server.1 share/man/man1/echo-client.1
            share/bash-completion/completions/echo-server.bash share/bash-completion/completions/echo-client.bash"
        [ "$(configured enable_nls)" = no ] || files="$files share/locale/zh_CN/LC_MESSAGES/echopool.mo"
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

says_hello() {
    [ "$(LD_LIBRARY_PATH=$root$prefix/lib "$@")" = hello ]
}

# shellcheck disable=SC2046,SC2086
by_pkg_config() {
    $CC $SANITIZE -o "$work/outside" "$work/outside.c" $(pkg-config --cflags --libs echopool) && says_hello "$work/outside"
}

# shellcheck disable=SC2046,SC2086
without_shared() {
    rm -f "$work/outside"
    $CC $SANITIZE -static -o "$work/outside" "$work/outside.c" $(pkg-config --static --cflags --libs echopool) &&
        "$work/outside" | grep -qx hello
}

# by_cmake TARGET: a project of three lines.
by_cmake() {
    mkdir -p "$work/cmake"
    cat >"$work/cmake/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.13)
project(outside C)
find_package(echopool 0.1 REQUIRED)
find_package(echopool 99 QUIET)
if(echopool_FOUND)
  message(FATAL_ERROR "a version that is not there was found")
endif()
add_executable(outside-$1 ../outside.c)
target_link_libraries(outside-$1 echopool::$1)
END
    CC=$CC cmake -S "$work/cmake" -B "$work/cmake-$1" -DCMAKE_PREFIX_PATH="$root$prefix" -DCMAKE_C_FLAGS="$SANITIZE" &&
        cmake --build "$work/cmake-$1" && says_hello "$work/cmake-$1/outside-$1"
}

export PKG_CONFIG_PATH="$root$prefix/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
SANITIZE=$(sed -n 's/^EP_CFLAGS = .*\(-fsanitize=[^ ]*\).*/\1/p' "$TOP_BUILDDIR/Makefile")
check 'make install DESTDIR works' installs
check 'programs, completion, header, pkg-config file and manual pages are installed' has_all
check 'a program outside builds with pkg-config alone, and runs' by_pkg_config
if [ ! -f "$root$prefix/lib/libechopool.a" ]; then
    skip 'a program outside builds without shared libraries' 'configured without --enable-static'
elif [ -n "$SANITIZE" ]; then
    skip 'a program outside builds without shared libraries' 'a sanitizer needs them'
else
    check 'a program outside builds without shared libraries' without_shared
fi
if ! cmake --version >/dev/null 2>&1; then
    skip 'a program outside builds with CMake, and runs' 'cmake is not installed'
else
    check 'a program outside builds with CMake, and runs' by_cmake echopool
    [ ! -f "$root$prefix/lib/libechopool.a" ] || check 'a program outside builds with CMake, of the static library' by_cmake static
fi
finish
