#!/bin/sh
# --help and the manual pages agree with the tables of options, and the pages are well-formed.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"

# agrees COMMAND FORMAT <TEXT: in the text, --help or a manual page, the options of the command stand in
# the order of its table, each with its argument, default, range and words. FORMAT is for the default.
agrees() {
    "$TOP_BUILDDIR/completion/${1%% *}" table >"$work/table" || return 1
    awk -F '\t' -v command="$1" -v format="$2" '
        function wrong(what) { print option[i] ": " what; failed = 1 }
        NR == FNR && $1 == command {
            option[++rows] = $2; argument[$2] = $3; initial[$2] = $4; range[$2] = $5; words[$2] = $6
        }
        NR == FNR { next }
        /^ ? ? ?[^ ]/ { name = "" } # a heading
        match($0, /--[a-z-]+/) && /^  (    ?)?(-[a-z], )?--/ {
            name = substr($0, RSTART, RLENGTH)
            if (name != option[++found]) { print name " where " option[found] " should be"; failed = 1 }
        }
        { sub(/^ +/, " "); text[name] = text[name] $0 }
        END {
            for (i = 1; i <= rows; i++) {
                o = option[i]
                t = text[o] " "
                if (!index(t, o (argument[o] == "" ? "" : " " argument[o]) " ")) wrong("argument " argument[o])
                at = index(t, sprintf(format, initial[o]))
                if (initial[o] != "" && (!at || substr(t, at + length(sprintf(format, initial[o])), 1) !~ /[].,;]/))
                    wrong("default " initial[o])
                for (r = range[o]; match(r, /[0-9.]+[a-zA-Z]* to [0-9.]+[a-zA-Z]*/); r = substr(r, RSTART + RLENGTH))
                    if (!index(t, substr(r, RSTART, RLENGTH))) wrong("range " substr(r, RSTART, RLENGTH))
                n = split(words[o], word, " ")
                for (w = 1; w <= n; w++)
                    if (t !~ "[^a-z-]" word[w] "[^a-z-]") wrong("word " word[w])
            }
            exit failed || rows == 0 || found != rows
        }' "$work/table" -
}

help_agrees() {
    # shellcheck disable=SC2086  # a command is one word or two
    "$TOP_BUILDDIR/"$1 --help >"$work/help" && agrees "$1" '[%s' <"$work/help"
}

# Lines are not broken, so that no option is hyphenated.
page_agrees() {
    mandoc -T ascii -O width=1000 "$TOP_SRCDIR/man/$1.1" | sed 's/.\x08//g' >"$work/page" &&
        agrees "$1" 'Default: %s' <"$work/page"
}

well_formed() {
    mandoc -T lint -W warning "$TOP_SRCDIR/man/$1.1"
}

says_version() {
    "$TOP_BUILDDIR/$1" --version | grep -qx "$1 (echopool) [0-9][0-9.]*"
}

# Every function of the header has its place in the page that is made of it.
page_is_whole() {
    mandoc -T lint -W error "$TOP_BUILDDIR/man/$1.3" || return 1
    mandoc -T ascii -O width=1000 "$TOP_BUILDDIR/man/$1.3" | sed 's/.\x08//g' >"$work/page"
    sed -n 's/^EP_API.*[ *]\(ep_[a-z_]*\)(.*/\1/p' "$TOP_SRCDIR/pool/$1.h" >"$work/functions"
    [ -s "$work/functions" ] || return 1
    while read -r function; do
        grep -q "$function(" "$work/page" || {
            echo "missing: $function"
            return 1
        }
    done <"$work/functions"
}

# Each function has a page of its own, well-formed, with all sections.
page_each() {
    sed -n 's/^EP_API.*[ *]\(ep_[a-z_]*\)(.*/\1.3/p' "$TOP_SRCDIR"/pool/echopool*.h | sort >"$work/functions"
    sed 's,.*/,,' "$TOP_BUILDDIR/man/functions" | sort | diff "$work/functions" - || return 1
    for page in "$TOP_BUILDDIR"/man/ep_*.3; do
        grep -q '^\.so man3/ep_' "$page" && continue
        mandoc -T lint -W warning "$page" || return 1
        for section in NAME SYNOPSIS DESCRIPTION THREADS 'SEE ALSO'; do
            grep -qx ".Sh $section" "$page" || { echo "$page: no $section"; return 1; }
        done
        ! grep -A1 '^\.Nd *$' "$page" || return 1
    done
}

# A full disk, or a closed pipe, is a failure that --help must not hide.
write_error() {
    "$TOP_BUILDDIR/$1" --help >/dev/full 2>"$work/said" && return 1
    [ $? -eq 1 ] && [ -s "$work/said" ]
}

programs='echo-server echo-client'
if with_programs; then
    check 'echo-client report --help agrees with the table of options' help_agrees 'echo-client report'
else
    programs=
fi
for program in $programs; do
    if command -v mandoc >/dev/null 2>&1; then
        check "$program.1 agrees with the table of options" page_agrees "$program"
        check "$program.1 is well-formed" well_formed "$program"
    else
        skip "$program.1 agrees with the table of options" 'mandoc is not installed'
        skip "$program.1 is well-formed" 'mandoc is not installed'
    fi
    check "$program --help agrees with the table of options" help_agrees "$program"
    check "$program --version" says_version "$program"
    check "$program --help to a full disk fails" write_error "$program"
done
if command -v mandoc >/dev/null 2>&1; then
    check 'every public function has a page' page_each
else
    skip 'every public function has a page' 'mandoc is not installed'
fi
for header in echopool echopool-mp; do
    if command -v mandoc >/dev/null 2>&1; then
        check "$header.3 has every function of $header.h" page_is_whole "$header"
    else
        skip "$header.3 has every function of $header.h" 'mandoc is not installed'
    fi
done
finish
