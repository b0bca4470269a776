# shellcheck shell=sh
# Sourced by table-into-readme and best-into-readme: replace the text between two lines of a README.
# The script must set `me`, its name in messages, and readme, begin and end.

# Exit with an error unless the README has each of the two lines once.
check_markers() {
    for marker in "$begin" "$end"; do
        [ "$(grep -cxF "$marker" "$readme")" -eq 1 ] || {
            echo "$me: $readme has no line \"$marker\", or several" >&2
            exit 1
        }
    done
}

# put_between FILE: replace what is between the lines by the text of a file.
put_between() {
    awk -v begin="$begin" -v end="$end" -v table="$1" '
        $0 == end { inside = 0 }
        !inside { print }
        $0 == begin {
            inside = 1
            print ""
            while ((getline line < table) > 0)
                text = text line "\n"
            sub(/\n+$/, "\n", text)
            print text
        }' "$readme" >"$1.readme"
    cat "$1.readme" >"$readme" # keeps its owner and mode
}

# check_built PROGRAM NAME: exit with an error unless it is there; make bench BENCH=NAME builds it.
check_built() {
    [ -x "$top/bench/$1" ] || {
        echo "$me: $top/bench/$1 is not built; make bench BENCH=$2 does" >&2
        exit 1
    }
}
