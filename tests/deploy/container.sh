#!/bin/sh
# deploy/container: the root that the last stage of Containerfile has, made from the build tree, and the server in it as
# a container runs it: as process 1 of a namespace, an ordinary user without capabilities, on a root that is read only.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/deploy/server.sh"
needs unshare nsenter setpriv ldd pgrep
[ "$(id -u)" = 0 ] || skip_all 'only root can become another user in a namespace'
unshare --mount --pid --fork true 2>/dev/null || skip_all 'no right to make namespaces'
if grep -q '^EP_CFLAGS = .*-fsanitize' "$TOP_BUILDDIR/Makefile"; then
    skip_all 'a sanitizer needs what is not in the image'
fi
root=$work/image

make_root() {
    chmod 755 "$work" # for the ordinary user
    sh "$deploy/container/collect" "$root" "$TOP_BUILDDIR/echo-server" "$TOP_BUILDDIR/echo-client"
}

# Two programs, the loader, and libraries.
holds_only_what_it_needs() {
    (cd "$root" && find . ! -type d) | sort >"$work/files"
    cat "$work/files"
    ! grep -vE '^\./usr/bin/echo-(server|client)$|/ld-[^/]*\.so[^/]*$|/lib[^/]*\.so[^/]*$' "$work/files"
}

# As a container engine does it. chroot becomes the ordinary user, which ends all capabilities.
start_container() {
    # shellcheck disable=SC2016  # for the shell inside
    unshare --mount --pid --fork --kill-child sh -c '
        mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && mount -t proc proc "$1/proc" || exit 1
        exec setpriv --no-new-privs --inh-caps=-all chroot --userspec=65532:65532 --groups= "$1" \
            /usr/bin/echo-server --port 0 --admin 127.0.0.1:0 --drain-timeout 10s' - "$root" >"$work/server" 2>&1 &
    container=$!
    started="$started $container"
    wait_until 20 address_in "$work/server" 'listening on ' >"$work/address" || return 1
    port=$(cat "$work/address")
    port=${port##*:}
    server=$(pgrep -P "$container")
}

# status NAME VALUE: a line of /proc/PID/status.
status() {
    sed -n "s/^$1:[[:space:]]*//p" "/proc/$server/status" | tr '\t' ' ' >"$work/status"
    echo "$1 $(cat "$work/status")"
    grep -qx "$2" "$work/status"
}

is_confined() {
    status NSpid '.* 1' && status Uid '65532 65532 65532 65532' && status Gid '65532 65532 65532 65532' && status Groups ' *' &&
        status CapPrm '0*' && status CapEff '0*' && status CapInh '0*' && status NoNewPrivs 1
}

root_is_read_only() {
    ! touch "/proc/$server/root/file" 2>"$work/touch" && cat "$work/touch" && grep -q 'Read-only' "$work/touch"
}

# With the client of the image.
echoes() {
    echo hello | chroot --userspec=65532:65532 --groups= "$root" /usr/bin/echo-client --host 127.0.0.1 --port "$port" >"$work/echo"
    [ "$(cat "$work/echo")" = HELLO ]
}

adopted() {
    pgrep -P "$server" >"$work/adopted"
}

has_no_child() {
    ! adopted
}

# A process whose parent has ended becomes a child of the server. When it ends, the server waits for it.
leaves_no_zombie() {
    nsenter --target "$server" --pid sh -c 'sleep 1000 >/dev/null 2>&1 &'
    wait_until 20 adopted && kill "$(cat "$work/adopted")" && wait_until 20 has_no_child
}

ends_in_order() {
    kill -TERM "$server"
    wait "$container" && cat "$work/server" && grep -q '^accepted *1' "$work/server"
}

check 'the root is made of the programs and what they link' make_root
check 'it holds nothing else' holds_only_what_it_needs
check 'the server starts in it' start_container
[ -n "${server-}" ] || { sed 's/^/# /' "$work/server"; echo 'Bail out! it does not start'; exit 1; }
check 'it is process 1, an ordinary user, and has no capabilities' is_confined
check 'it cannot write to its root' root_is_read_only
check 'the client of the image has an echo from it' echoes
check 'a process that it adopts leaves no zombie' leaves_no_zombie
check 'SIGTERM ends it in order, with status 0' ends_in_order
finish
