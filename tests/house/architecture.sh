#!/bin/sh
# The paths through the code that ARCHITECTURE.md draws: each file is there, and has the functions that stand
# before it, as `name (file)` or `name, name (file)`.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1

# Print each function with its file.
steps() {
    grep '^    ' ARCHITECTURE.md | grep -oE '([a-z_]+, )?[a-z_]+ \([a-z/-]+\.[ch]\)' | tr -d '(),' | while read -r one two three; do
        echo "$one ${three:-$two}"
        [ -z "$three" ] || echo "$two $three"
    done
}

each_function_is_where_it_is_said_to_be() {
    steps >"$work/steps"
    while read -r name file; do
        grep -qw -e "$name" "$file" || echo "$name is not in $file"
    done <"$work/steps" >"$work/wrong" 2>&1
    cat "$work/wrong"
    [ ! -s "$work/wrong" ] && [ "$(wc -l <"$work/steps")" -gt 30 ]
}

check 'ARCHITECTURE.md leads through functions and files that exist' each_function_is_where_it_is_said_to_be
finish
