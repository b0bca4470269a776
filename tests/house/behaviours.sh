#!/bin/sh
# docs/behaviours.md and docs/faults.md: every number once, each with a test that is there or a reason.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
table=

# The rows as "number|tests|departure".
rows() {
    sed -n 's/^| *\([0-9][0-9]*\) *|[^|]*|\([^|]*\)|\([^|]*\)|$/\1|\2|\3/p' "$table"
}

# Each argument is a range of numbers, "1-35".
each_number_once() {
    rows | cut -d '|' -f 1 >"$work/numbers"
    for range in "$@"; do
        seq "${range%-*}" "${range#*-}"
    done | diff - "$work/numbers"
}

tested_or_explained() {
    ! rows | grep -E '^[0-9]+\| *\| *$'
}

# "check_future: a, b; check_exit: c" becomes lines "check_future a", "check_future b", ...
tests_named() {
    rows | cut -d '|' -f 2 | tr ';' '\n' | while IFS=: read -r program names; do
        for name in $(echo "$names" | tr ',' ' '); do
            echo "$program $name"
        done
    done
}

tests_are_there() {
    tests_named >"$work/tests"
    [ -s "$work/tests" ] || return 1
    ! while read -r program name; do
        case $program in
        check_*) grep -q "^[A-Z_]*TEST[A-Z_]*($name[,)]" "$TOP_SRCDIR"/tests/*/"$program.c" ;;
        *) [ -f "$TOP_SRCDIR/tests/$program.sh" ] ;;
        esac || echo "there is no $program: $name"
    done <"$work/tests" | grep .
}

# The table, what its rows are, and the ranges of its numbers.
check_table() {
    table=$TOP_SRCDIR/docs/$1
    what=$2
    shift 2
    check "every $what has its number, once and in order" each_number_once "$@"
    check "every $what has a test or a reason" tested_or_explained
    check "every test that is named for a $what is there" tests_are_there
}

check_table behaviours.md behaviour 1-124
# 36 to 50 are behaviours of the pool.
check_table faults.md fault 1-35 51-87
finish
