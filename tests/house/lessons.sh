#!/bin/sh
# The READMEs of the lessons are in step with what they show: the sample of their output has the sentences of the
# lesson in the order of its run, the code is that of the source, and the pictures are there, and small.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1

# sentences LESSON PAGE: what `show` and `expect` of its run print, in their order.
sentences() {
    sed -nE 's/^[[:blank:]]*(show|expect) ([0-9]+).*/\1 \2/p' "$1/run" | awk '
        NR == FNR {
            if (/^## /) section++
            if (/^[0-9]+\. /) { number = $1 + 0; sub(/^[0-9]+\. +/, ""); inside = 1 }
            if (/^$/) inside = 0
            sub(/^ +/, "")
            if (inside) item[section, number] = item[section, number] $0 "\n"
            next
        }
        $1 == "show" { printf "%s. %s", $2, item[2, $2] }
        $1 == "expect" { printf "ok: %s", item[4, $2] }' "$2" -
}

# sample PAGE: its sample, without commands and the output of programs.
sample() {
    awk '/^```/ { inside = ($0 == "```console"); next } inside && !/^($|\$ |  )/' "$1"
}

has_its_sample() {
    sentences "$@" >"$work/sentences"
    sample "$2" >"$work/sample"
    [ -s "$work/sentences" ] && diff "$work/sentences" "$work/sample" || {
        echo "lessons/samples ${1#lessons/} writes it again"
        return 1
    }
}

# commands LESSON: those of its run that have no variables, as they are printed; a port is 0.
commands() {
    sed -nE '/[$"]/d; s|^start_server [a-z_]+|./echo-server --port 0 --admin 0|p; s|^(start_)?client [a-z_]+|./echo-client --port 0|p' \
        "$1/run" | sed 's/ *$//'
}

has_its_commands() {
    commands "$1" >"$work/commands"
    sed -nE '/^\$ /{ s/^\$ //; s/ &$//; s/--port [0-9]+/--port 0/; p; }' "$2" >"$work/printed"
    ! grep -vxF -f "$work/printed" "$work/commands" || {
        echo "not in the sample; lessons/samples ${1#lessons/} writes it again"
        return 1
    }
}

# quotes PAGE: a line for each line of quoted code: the file, as the last link before it leads there, a tab, the line.
quotes() {
    awk '
        /^```(c|sh)$/ { inside = 1; next }
        /^```/ { inside = 0 }
        inside { print file "\t" $0; next }
        match($0, /\]\([^)]*\)[^]]*$/) { file = substr($0, RSTART + 2); sub(/\).*/, "", file) }' "$1"
}

# Whatever the layout is, the file has these lines one after the other, and after /* ... */ somewhere later.
quotes_the_source() {
    folder=$(dirname "$1")
    quotes "$1" >"$work/quotes"
    [ -s "$work/quotes" ] || { echo "$1 quotes no code"; return 1; }
    cut -f 1 "$work/quotes" | sort -u >"$work/files"
    while read -r file; do
        awk -v file="$file" -F '\t' '$1 == file { print substr($0, length(file) + 2) }' "$work/quotes" >"$work/quote"
        awk -v quote="$work/quote" '
            function find(    at) {
                at = index(source, part)
                if (at == 0) { print FILENAME " has no " part; missing = 1 }
                source = substr(source, at + length(part))
                part = ""
            }
            { gsub(/[ \t]/, ""); source = source $0 }
            END {
                while ((getline line <quote) > 0) {
                    gsub(/[ \t]/, "", line)
                    if (line == "/*...*/") find()
                    else part = part line
                }
                find()
                exit missing
            }' "$folder/$file" || return 1
    done <"$work/files"
}

is_small() {
    [ "$(wc -c <"$1")" -le 20000 ] && [ "$(tail -n 1 "$1")" = '</svg>' ]
}

# Those that a README shows are there, and those that are there are shown.
shows_its_pictures() {
    sed -n 's/^!\[.*](\(.*\))$/\1/p' "$1/README.md" >"$work/shown"
    while read -r picture; do
        is_small "$1/$picture" || { echo "missing, or too large: $1/$picture"; return 1; }
    done <"$work/shown"
    for picture in "$1"/*.svg; do
        [ ! -f "$picture" ] || grep -qx "${picture##*/}" "$work/shown" || { echo "not shown: $picture"; return 1; }
    done
    # lessons/README.md names those without.
    number=${1#lessons/}
    if grep -q "^Lessons .*\b${number%%-*}\b.* have no picture" lessons/README.md; then
        [ ! -s "$work/shown" ]
    else
        [ -s "$work/shown" ]
    fi
}

for lesson in lessons/[0-9]*/; do
    lesson=${lesson%/}
    for page in "$lesson/README.md" "$lesson/README.zh.md"; do
        check "$page has a sample of what is printed" has_its_sample "$lesson" "$page"
        check "$page has the commands of the run in it" has_its_commands "$lesson" "$page"
        check "$page quotes the source" quotes_the_source "$page"
    done
    check "$lesson shows its pictures" shows_its_pictures "$lesson"
done
finish
