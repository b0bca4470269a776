#!/bin/sh
# Each seed of the fuzzers, and each of their findings, through its target. scripts/fuzz looks for more.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"

through() {
    timeout 600 "$TOP_BUILDDIR/tests/fuzz/replay_$1" "$2"
}

# What a fuzzer has found is written as text, which is the same input.
there_and_back() {
    replay=$TOP_BUILDDIR/tests/fuzz/replay_$1
    "$replay" --bytes "$2" >"$work/bytes" && "$replay" --text "$work/bytes" >"$work/text" &&
        "$replay" --bytes "$work/text" | cmp - "$work/bytes"
}

# The library alone has the targets of the pool alone.
targets='executor worker'
if with_programs; then
    targets="$targets proxy server_options client_options expect session report shown admin"
fi

seeds_of_no_target() {
    for folder in "$TOP_SRCDIR"/tests/fuzz/seeds/*; do
        case " executor worker proxy server_options client_options expect session report shown admin " in
        *" ${folder##*/} "*) ;;
        *) echo "$folder" ;;
        esac
    done | grep . && return 1
    return 0
}

for target in $targets; do
    for seed in "$TOP_SRCDIR/tests/fuzz/seeds/$target"/*.txt; do
        check "$target: $(sed -n '1s/^# //p' "$seed")" through "$target" "$seed"
        there_and_back "$target" "$seed" >>"$work/lost" 2>&1 || echo "$seed" >>"$work/lost"
    done
done
check 'each input in text, in bytes, and in text again' test ! -s "$work/lost"
check 'every seed has a target' seeds_of_no_target
finish
