#!/bin/sh
# The completion for bash is what the tables of options make of it, and offers what it should.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"

is_up_to_date() {
    "$TOP_BUILDDIR/completion/$1" bash >"$work/$1.bash" && diff "$TOP_SRCDIR/completion/$1.bash" "$work/$1.bash"
}

# offers EXPECTED WORD...: what bash offers for the last word of a command line, in a folder with two
# files. bash itself would take --option=value apart; here = is a word of its own.
offers() {
    expected=$1
    shift
    # shellcheck disable=SC2016  # for the other shell
    offered=$(cd "$work/files" && bash -c '
        source "$0" || exit 1
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "$(complete -p "$1" | sed "s/.*-F \([^ ]*\) .*/\1/")"
        echo "${COMPREPLY[*]}"' \
        "$TOP_SRCDIR/completion/$1.bash" "$@")
    [ "$offered" = "$expected" ] || {
        echo "offered: $offered"
        return 1
    }
}

mkdir "$work/files" && touch "$work/files/alpha.pem" "$work/files/beta file"
for program in echo-server echo-client; do
    check "$program.bash is up to date; if not: make completion" is_up_to_date "$program"
done
if command -v bash >/dev/null 2>&1; then
    check 'options' offers '--queue --queue-timeout --quiet' echo-server --verbose --qu
    check 'the words of an option' offers 'thread thread-pool thread-accept' echo-server --model th
    check 'a word for a number' offers auto echo-server --workers ''
    check 'words after =' offers 'upper none' echo-client --transform =
    check 'a word after =' offers none echo-client --transform = n
    check 'files' offers 'beta file' echo-server --quiet --tls-cert b
    check 'files after a letter' offers alpha.pem echo-client -f a
    check 'nothing for a value that is not known' offers '' echo-server --port ''
    check 'report' offers report echo-client r
    check 'report only as the first word' offers '' echo-client --json r
    check 'the options of report' offers '--expect --json --help --version' echo-client report --
    check 'the files of report' offers 'beta file' echo-client report --json b
    check 'no files of report for --expect' offers '' echo-client report --expect b
else
    skip 'completion' 'bash is not installed'
fi
finish
