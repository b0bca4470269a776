#!/usr/bin/env bash
# docs/what-to-look-at.md is true: its commands are run, and print what stands there.
#
# A line "    $ command" is run by this very shell, so that its descriptors and variables last; the
# lines after it are what it prints. Three things are not taken literally: numbers of processes and
# fractions of seconds, how columns are spaced, and the names that kernels have for where a thread
# sleeps. What only looks is repeated until it sees what is expected, as a reader would who was too
# quick; what starts, sends, receives or kills is done once.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
TOP_SRCDIR=$(cd "$TOP_SRCDIR" && pwd)
TOP_BUILDDIR=$(cd "$TOP_BUILDDIR" && pwd)
export TOP_SRCDIR TOP_BUILDDIR
document=$TOP_SRCDIR/docs/what-to-look-at.md

# All of the questions, and in their order.
twenty_two() {
    diff <(seq -f '**%g' 1 22) <(grep -oE '^\*\*[0-9]+' "$document")
}

# section TITLE: its commands are run, each against what the document says.
section() {
    awk -v title="## $1" '/^## / { on = $0 == title } on && /^    /' "$document" | sed 's/^    //' >"$work/block"
    grep -q '^\$ ' "$work/block" || { echo "no commands under '$1'"; return 1; }
    timeout 120 bash "$TOP_SRCDIR/tests/house/looks.bash" "$work/block" "$work"
}

if grep -q '^EP_CFLAGS = .*-fsanitize' "$TOP_BUILDDIR/Makefile" 2>/dev/null; then
    echo '1..0 # SKIP a sanitizer has threads and memory of its own'
    exit 0
fi
for tool in curl jq nc ps; do
    command -v $tool >/dev/null 2>&1 || {
        echo "1..0 # SKIP $tool is not installed"
        exit 0
    }
done

check 'the 22 questions are there' twenty_two
grep '^## ' "$document" | sed 's/^## //' >"$work/titles"
while IFS= read -r title <&9; do
    case $title in
    Preparation) continue ;;
    '10 to 18'*)
        strace -D -f -o /dev/null true 2>/dev/null || {
            skip "$title" 'strace is not installed, or not allowed here'
            continue
        }
        ;;
    '19: '*)
        [ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge 1024 ] || {
            skip "$title" '1,024 descriptors cannot be allowed here'
            continue
        }
        ;;
    esac
    check "$title" section "$title"
done 9<"$work/titles"
finish
