#!/bin/sh
# Each seed of the fuzzers, and each of their findings, through its target. scripts/fuzz looks for more.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"

through() {
    timeout 60 "$TOP_BUILDDIR/tests/fuzz/replay_$1" "$2"
}

# What a fuzzer has found is written as text, which is the same input.
there_and_back() {
    replay=$TOP_BUILDDIR/tests/fuzz/replay_executor
    "$replay" --bytes "$1" >"$work/bytes" && "$replay" --text "$work/bytes" >"$work/text" &&
        "$replay" --bytes "$work/text" | cmp - "$work/bytes"
}

for target in executor worker; do
    for seed in "$TOP_SRCDIR/tests/fuzz/seeds/$target"/*.txt; do
        check "$target: $(sed -n '1s/^# //p' "$seed")" through $target "$seed"
    done
done
check 'an input in text, in bytes, and in text again' there_and_back "$TOP_SRCDIR/tests/fuzz/seeds/executor/all-done.txt"
finish
