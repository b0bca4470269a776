#!/bin/sh
# The programs in Chinese, by the catalogue of the build tree and a locale that this test makes.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
[ "$(configured enable_nls)" = yes ] || skip_all 'this build has no catalogues: install gettext and configure again'
needs localedef
# glibc looks for locales here as well. It does not free the list of folders that it makes of it, which
# LeakSanitizer would tell.
export LOCPATH="$work" LSAN_OPTIONS="suppressions=$work/leaks:print_suppressions=0"
echo leak:argz_add_sep >"$work/leaks"
localedef --no-archive -i zh_CN -f UTF-8 "$work/zh_CN.UTF-8" >/dev/null 2>&1 &&
    localedef --no-archive -i en_US -f ISO-8859-1 "$work/en_US.ISO-8859-1" >/dev/null 2>&1 ||
    skip_all 'localedef has no sources of locales: install locales (Debian, Ubuntu)'

server=$TOP_BUILDDIR/echo-server
client=$TOP_BUILDDIR/echo-client

# in_chinese COMMAND...: run it as a user would whose system is Chinese.
in_chinese() {
    LC_ALL=zh_CN.UTF-8 TEXTDOMAINDIR=$TOP_BUILDDIR/po "$@"
}

# has_every_option COMMAND...: --help is in Chinese, with the options of the English one in the same order.
has_every_option() {
    in_chinese "$@" --help >"$work/help" || return 1
    "$@" --help >"$work/english" || return 1
    for help in english help; do
        sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p' "$work/$help" >"$work/$help.options"
    done
    grep -q '^用法：' "$work/help" && grep -q '\[[^]]*\]' "$work/help" && ! grep -n '[a-z] [a-z][a-z]* [a-z][a-z]* [a-z]' "$work/help" &&
        [ -s "$work/english.options" ] && diff "$work/english.options" "$work/help.options"
}

# Print the lines that take more columns than a terminal has, or whose text does not begin at its column. A
# Chinese character, three bytes of UTF-8, takes two.
misplaced() {
    LC_ALL=C awk '
        {
            line = $0
            gsub(/[\340-\357][\200-\277][\200-\277]/, "##", line)
            gsub(/[\300-\337][\200-\277]/, "#", line)
        }
        length(line) > 80 { print "too long: " $0 }
        /^   / && line !~ /^ +(-., )?--/ && line !~ /^                             [^ ]/ && /^       *[^ ]/ && !/echo-client/ {
            print "at another column: " $0
        }'
}

keeps_to_its_columns() {
    "$@" --help | misplaced >"$work/misplaced"
    ! grep . "$work/misplaced"
}

# says SENTENCE COMMAND...: standard error begins with it.
says() {
    sentence=$1
    shift
    "$@" 2>"$work/said" >/dev/null
    cat "$work/said"
    grep -qF -- "$sentence" "$work/said"
}

# same_as_english COMMAND...: all that it prints is the same in both languages.
same_as_english() {
    in_chinese "$@" >"$work/chinese" 2>&1
    status=$?
    "$@" >"$work/english" 2>&1
    [ $? -eq $status ] && [ -s "$work/english" ] && diff "$work/english" "$work/chinese"
}

# without COMMAND...: likewise, in a Chinese system without the catalogue.
without() {
    LC_ALL=zh_CN.UTF-8 TEXTDOMAINDIR=$work "$@" >"$work/chinese" 2>&1
    status=$?
    "$@" >"$work/english" 2>&1
    [ $? -eq $status ] && [ -s "$work/english" ] && diff "$work/english" "$work/chinese"
}

in_other_bytes() {
    LC_ALL=en_US.ISO-8859-1 LANGUAGE=zh_CN TEXTDOMAINDIR=$TOP_BUILDDIR/po "$server" --help >"$work/help" && "$server" --help | diff - "$work/help"
}

# A reason is a member of the report's object, and the summary goes to a script. No server listens on port 1.
report_is_the_same() {
    in_chinese "$client" --port 1 -n 2 --json 2>/dev/null | jq -c '.errors' >"$work/chinese"
    "$client" --port 1 -n 2 --json 2>/dev/null | jq -c '.errors' >"$work/english"
    grep -q : "$work/english" && diff "$work/english" "$work/chinese"
}

# The table of a search is a report, too, with what was found of each rate.
search_is_the_same() {
    for run in in_chinese ''; do
        # shellcheck disable=SC2086  # no word, or one
        $run "$client" --port 1 -n 1 --find-rate failed=0 -d 10ms 2>/dev/null | sed -n 's/.*failed=0/failed=0/p'
    done >"$work/found"
    cat "$work/found"
    [ "$(grep -cx 'failed=0: it is 1' "$work/found")" = 2 ]
}

# A server of one worker is to have one fewer: why it does not, is a clause of a sentence.
refuses_in_chinese() {
    refusal=
    mkfifo "$work/lines"
    env LC_ALL=zh_CN.UTF-8 TEXTDOMAINDIR="$TOP_BUILDDIR/po" "$server" --host 127.0.0.1 --port 0 --workers 1 >"$work/lines" 2>&1 &
    while read -r line; do
        case $line in
        listening*) kill -TTOU $! ;;
        echo-server:*) refusal=$line; kill $! ;;
        esac
    done <"$work/lines"
    echo "$refusal"
    [ "$refusal" = 'echo-server: worker 数仍是 1：最少要有一个' ]
}

# check_help NAME COMMAND...
check_help() {
    name=$1
    shift
    check "$name --help is in Chinese, with every option" has_every_option "$@"
    check "$name --help keeps to its columns in Chinese" keeps_to_its_columns in_chinese "$@"
    check "without a catalogue $name --help is in English" without "$@" --help
}
check_help echo-server "$server"
check_help echo-client "$client"
check_help 'echo-client report' "$client" report
check 'echo-server answers a mistake in Chinese' \
    says 'echo-server: --port 70000 不对，应该是：数值，范围 0 到 65535' in_chinese "$server" --port 70000
check 'echo-client answers a mistake in Chinese' \
    says "echo-client: 未知的选项 '--nonsense'；试试 'echo-client --help'" in_chinese "$client" --nonsense
check 'words that are put into a sentence are in Chinese, too' \
    says '--sessions 与 --steps 不能同时使用：每个负载有自己的会话数' in_chinese "$client" --sessions 1 --steps 2
check 'the reason of a refusal is in Chinese, too' refuses_in_chinese
check 'a clause that cannot be read is answered in Chinese' \
    says "看不懂 --expect：'p99<5' 里的 '5' 不对，应该是：带单位的时间，例如 5ms" in_chinese "$client" --sessions 1 --expect 'p99<5'
check 'what was found instead is in Chinese' \
    says '期望 failed=0：实际为 2' in_chinese "$client" --port 1 -n 2 --expect failed=0
check 'in JSON a sentence stays English' \
    says '"message":"cannot listen on []: this is neither a host name nor an address; try --host 127.0.0.1"' in_chinese "$server" --log json --host "[]"
check 'LANGUAGE chooses among languages' \
    says '不对' env LC_ALL=zh_CN.UTF-8 LANGUAGE=xx:zh_CN TEXTDOMAINDIR="$TOP_BUILDDIR/po" "$server" --port x
check 'LC_ALL=C is English, whatever LANGUAGE says' \
    says 'is not a number' env LC_ALL=C LANGUAGE=zh_CN TEXTDOMAINDIR="$TOP_BUILDDIR/po" "$server" --port x
check 'without a catalogue a mistake is answered in English' without "$server" --config /nonexistent
check 'a locale without UTF-8 is English' in_other_bytes
check '--print-config is the same in Chinese' same_as_english "$server" --print-config --queue 3
check '--version is the same in Chinese' same_as_english "$client" --version
check 'what a search found is the same in Chinese' search_is_the_same
if command -v jq >/dev/null 2>&1; then
    check 'the reasons in --json are the same in Chinese' report_is_the_same
else
    skip 'the reasons in --json are the same in Chinese' 'jq is not installed'
fi
finish
