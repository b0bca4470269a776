#!/bin/sh
# The models in spin/ speak of the code: what they define, and what their comments and README call, has the
# name that it has in pool/, or in the server's files of which there is a model, or stands in spin/names with
# what it is.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1
AWK=${AWK:-awk}

# What models define: inlines, processes, and global variables.
defined() {
    "$AWK" '
        /^(inline|proctype) / { sub(/\(.*/, "", $2); print $2 }
        /^(hidden )?(byte|bool) / {
            sub(/^(hidden )?(byte|bool) /, ""); sub(/;.*/, "")
            gsub(/\[[^]]*\]/, ""); gsub(/=[^,]*/, ""); gsub(/[ ,]+/, "\n")
            print
        }' spin/*.pml spin/*.inc
}

# What comments call, as name(), and what the table of the README names.
called() {
    { cat spin/*.pml spin/*.inc; grep '^|' spin/README.md; } | grep -oE '\b[a-z_]+[a-z]\(\)' | tr -d '()'
    sed -n '/^| in the model/,/^$/p' spin/README.md | cut -d '|' -f 3 | grep -oE '`[a-z_]+`' | tr -d '`'
}

words_of_the_code() {
    find pool server/models/direct.[ch] server/models/thread-pool.c server/listen/listener.c -name '*.[ch]' -exec cat {} + | grep -oE '[A-Za-z_][A-Za-z_0-9]*' | sort -u
}

cut -d ' ' -f 1 spin/names | grep -v '^#' | sort >"$work/listed"
{ defined; called; } | grep . | sort -u >"$work/names"
words_of_the_code >"$work/words"

in_the_code_or_listed() {
    sort -u "$work/words" "$work/listed" | comm -23 "$work/names" - >"$work/unknown"
    sed 's/$/ is no name of the code, and not in spin\/names/' "$work/unknown"
    [ ! -s "$work/unknown" ]
}

# A line that nothing needs is removed: its name left the models, or came into the code.
listed_for_a_reason() {
    { comm -23 "$work/listed" "$work/names"; comm -12 "$work/listed" "$work/words"; } >"$work/idle"
    sed 's/$/ need not be in spin\/names/' "$work/idle"
    [ ! -s "$work/idle" ]
}

each_run_has_its_model() {
    grep -v '^#' spin/runs | cut -d '|' -f 2 | tr -d ' ' | sort -u | while read -r model; do
        [ -f "spin/$model.pml" ] || echo "spin/$model.pml is missing"
    done >"$work/missing"
    cat "$work/missing"
    [ ! -s "$work/missing" ]
}

# A control names the macro that breaks the model, and the model has it.
each_control_breaks_something() {
    grep '^control' spin/runs | cut -d '|' -f 3 | tr ' ' '\n' | grep -E '^(WITHOUT|WRONG)_' | sort -u >"$work/controls"
    grep -ohE '\b(WITHOUT|WRONG)_[A-Z_]+[A-Z]\b' spin/*.pml spin/*.inc | sort -u | diff "$work/controls" -
}

check 'names in the models are names of the code' in_the_code_or_listed
check 'spin/names has no line too many' listed_for_a_reason
check 'each run has its model' each_run_has_its_model
check 'controls and the macros of the models are the same' each_control_breaks_something
finish
