#!/bin/sh
# The layers: no circle of files, and no direction between folders that the list below does not allow.
# Both are looked for twice: in the #include lines, and in the symbols that object files take from one
# another. A file here is x.c together with its x.h or x-internal.h.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1
AWK=${AWK:-awk}
NM=${NM:-nm}

# The architecture: each folder, and the folders that its files may need.
cat >"$work/allowed" <<'END'
pool:
pool/thread: pool
pool/process: pool
pool/map: pool pool/thread pool/process
common:
server/systemd: common
server/output: common
server/session: common server/output
server/models: common pool pool/thread pool/process server/output server/session
server/listen: common server/session server/models
server/admin: common server/output server/session server/models server/listen
server: common pool server/systemd server/output server/session server/models server/listen server/admin
client/session: common
client/report: common client/session
client/views: common client/session client/report
client/load: common pool client/session client/report client/views
client: common client/session client/report client/views client/load
END

# Print a line for each dependency: the file that depends, the file it needs, and by what.
includes() {
    find pool common server client -name '*.[ch]' -exec "$AWK" '
        function file(name) { sub(/(-internal)?\.[ch]$/, "", name); return name }
        /^#include ".*\// {
            split($0, part, "\"")
            if (file(FILENAME) != file(part[2]))
                print file(FILENAME), file(part[2]), FILENAME " includes " part[2]
        }' {} + | sort
}

sources() {
    { find pool common server client -name '*.c'; cd "$TOP_BUILDDIR" && find pool common server client -name '*.c'; } |
        sed 's/\.c$//' | sort -u
}

# Print what nm says of each object, after the name of its source. Objects without a source are left from an older build.
objects() {
    # shellcheck disable=SC2086  # NM may have arguments
    (cd "$TOP_BUILDDIR" && find pool common server client -name '*.o' -exec $NM -A -P {} +) |
        sed -E 's,/\.libs/,/,; s,/(lib[a-z]+_la|echo_[a-z]+)-,/,; s,\.o: , ,' |
        "$AWK" 'NR == FNR { source[$1]; next } $1 in source' "$work/sources" -
}

# Client and server have names in common, so a symbol is looked for in the program that needs it first.
symbols() {
    "$AWK" '
        function top(name) { sub(/\/.*/, "", name); return name }
        $3 ~ /^[A-TV-Z]$/ { home[top($1), $2] = $1 }
        $3 ~ /^[Uvw]$/ { user[++uses] = $1; used[uses] = $2 }
        END {
            tops = split("pool common server client", at)
            for (u = 1; u <= uses; u++) {
                by = user[u]
                of = home[top(by), used[u]]
                for (t = 1; t <= tops && of == ""; t++) of = home[at[t], used[u]]
                if (of != "" && of != by) print by, of, by ".c uses " used[u] " of " of ".c"
            }
        }' "$work/objects" | sort -u
}

all_compiled() {
    cut -d ' ' -f 1 "$work/objects" | sort -u | comm -23 "$work/sources" - >"$work/missing"
    ! grep -vE '^(common/tls|client/line-|server/models/(io-uring|batch|member|ring$))' "$work/missing"
}

# no_circle DEPENDENCIES: print the shortest circle through each file that is on one.
no_circle() {
    "$AWK" '
        !(($1, $2) in why) {
            why[$1, $2] = substr($0, length($1 $2) + 3)
            needs[$1] = needs[$1] " " $2
            if (!($1 in known)) names[++count] = $1
            known[$1]
        }
        function search(start,    line, first, last, here, n, i, next_ones, before, circle, reasons) {
            line[last = 1] = start
            for (first = 1; first <= last; first++) {
                n = split(needs[line[first]], next_ones)
                for (i = 1; i <= n; i++)
                    if (!(next_ones[i] in before)) {
                        before[next_ones[i]] = line[first]
                        line[++last] = next_ones[i]
                    }
            }
            if (!(start in before)) return
            here = circle = start
            do {
                reasons = "    " why[before[here], here] "\n" reasons
                here = before[here]
                circle = here " -> " circle
                on_circle[here]
            } while (here != start)
            printf "%s\n%s", circle, reasons
            found = 1
        }
        END {
            for (i = 1; i <= count; i++) if (!(names[i] in on_circle)) search(names[i])
            exit found
        }' "$1"
}

# as_allowed DEPENDENCIES: print those between folders that are not in the list.
as_allowed() {
    "$AWK" '
        function folder(name) { sub(/\/[^\/]*$/, "", name); return name }
        NR == FNR { by = $1; sub(/:$/, "", by); for (i = 2; i <= NF; i++) allowed[by, $i]; next }
        folder($1) != folder($2) && !((folder($1), folder($2)) in allowed) {
            print folder($1) " must not need " folder($2) ": " substr($0, length($1 $2) + 3)
            found = 1
        }
        END { exit found }' "$work/allowed" "$1"
}

# A direction that nothing takes any longer leaves the list.
none_unused() {
    sed -E 's,/[^/ ]* , ,; s,^([^ ]* [^ ]*)/[^/ ]* .*,\1,' "$work/includes" "$work/symbols" | sort -u >"$work/used"
    "$AWK" '{ for (i = 2; i <= NF; i++) print substr($1, 1, length($1) - 1), $i }' "$work/allowed" |
        sort | comm -23 - "$work/used" >"$work/unused"
    sed 's/ / does not need /' "$work/unused"
    [ ! -s "$work/unused" ]
}

pool_stands_alone() {
    ! grep -rnE '#include <(event2|jansson|openssl)' pool
}

sources >"$work/sources"
includes >"$work/includes"
"$AWK" '{ for (i = 2; i <= NF; i++) print $1, $i ":" }' "$work/allowed" >"$work/rooms"
check 'no circle of folders in the list of directions' no_circle "$work/rooms"
check 'includes go as allowed' as_allowed "$work/includes"
check 'the pool knows no events, no JSON and no TLS' pool_stands_alone
kinds=includes
if $NM --version >/dev/null 2>&1; then
    objects >"$work/objects"
    symbols >"$work/symbols"
    kinds="$kinds symbols"
    check 'every source is compiled' all_compiled
    check 'symbols go as allowed' as_allowed "$work/symbols"
    check 'every allowed direction is needed' none_unused
else
    skip 'symbols go as allowed, without a circle' 'no nm'
fi
for kind in $kinds; do
    for top in pool common server client; do
        grep "^$top/" "$work/$kind" >"$work/$top-$kind"
        check "no circle of $kind in $top" no_circle "$work/$top-$kind"
    done
done
finish
