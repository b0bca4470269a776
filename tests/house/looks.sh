#!/usr/bin/env bash
# docs/what-to-look-at.md is true: its commands are run, and print what stands there.
#
# Its commands are those of lines "    $ command", as commands.bash describes; looks.sh runs all of a section in one
# shell, so that descriptors and variables last.
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
    rm -rf "$work/folder"
    mkdir "$work/folder"
    timeout 600 setsid bash "$TOP_SRCDIR/tests/house/commands.bash" "$work/block" "$work/folder"
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
