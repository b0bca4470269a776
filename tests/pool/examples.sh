#!/bin/sh
# Every example runs on threads and on processes, and prints what its article says.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
out=$work/out

# run EXAMPLE [OPTION...]: its output is in $out.
run() {
    example=$1
    shift
    timeout 600 "$TOP_BUILDDIR/examples/$example" "$@" >"$out" 2>"$work/err" && [ ! -s "$work/err" ] || {
        echo "$example $* failed with $?"
        cat "$work/err"
        return 1
    }
}

# is: what is read is what the output is.
is() {
    cat >"$work/expected"
    diff "$work/expected" "$out"
}

# lines COMMAND...: the output of the command is as many lines as the first argument says.
lines() {
    [ "$(grep -cE "$2" "$out")" -eq "$1" ] || {
        echo "not $1 lines of the form $2:"
        cat "$out"
        return 1
    }
}

# workers N: no more than N names begin lines of workers, and they are names of that kind.
workers() {
    sed -nE 's/^((worker-|process )[0-9]+) .*/\1/p' "$out" | sort -u >"$work/names"
    case $kind in
    thread) ! grep -v '^worker-' "$work/names" ;;
    process) ! grep -v '^process ' "$work/names" ;;
    esac && [ -s "$work/names" ] && [ "$(wc -l <"$work/names")" -le "$1" ]
}

# at_most N: between "start" and "end" are never more than N.
at_most() {
    awk -v most="$1" '/ start/ { if (++running > most) bad = 1 } / (---->)?end/ { running-- }
        END { exit bad || running != 0 }' "$out"
}

# products: "i i*(i+1)" for i below 20, as printf format $1 has it.
products() {
    awk -v format="$1\n" 'BEGIN { for (i = 0; i < 20; i++) printf(format, i, i * (i + 1)) }'
}

squares() {
    awk -v format="$1\n" 'BEGIN { for (i = 0; i < 20; i++) printf(format, i * i) }'
}

submit() {
    run 01-submit --pool "$kind" && lines 100 ' start$' && lines 100 ' ----> end$' && workers 4 && at_most 4
}

arguments() {
    tasks=100
    [ "$kind" = thread ] || tasks=20
    run 02-arguments --pool "$kind" && workers 4 && at_most 4 && lines $tasks ' ----> end$' || return 1
    sed -nE 's/.* start //p' "$out" | sort -n >"$work/started"
    awk -v n=$tasks 'BEGIN { for (i = 0; i < n; i++) print i, i + 1 }' | diff - "$work/started"
}

results() {
    run 03-results --pool "$kind" && workers 4 && at_most 4 || return 1
    grep -E '^[0-9]+ [0-9]+$' "$out" >"$work/results"
    products '%d %d' | diff - "$work/results"
}

map() {
    run 04-map --pool "$kind" && workers 4 && at_most 4 || return 1
    grep -E '^[0-9]+$' "$out" >"$work/results"
    awk 'BEGIN { for (i = 0; i < 20; i++) print i * (i + 1) }' | diff - "$work/results"
}

callback() {
    run 05-callback --pool "$kind" && workers 4 && lines 20 '^\([0-9]+, [0-9]+\)$' || return 1
    grep '^(' "$out" | sort >"$work/results"
    products '(%d, %d)' | sort | diff - "$work/results" || return 1
    # Each result comes behind the end of its task. In a process the end is printed elsewhere.
    [ "$kind" = process ] || awk '/ end / { ended[$3] = 1 } /^\(/ { if (!(substr($1, 2) + 0 in ended)) bad = 1 }
        END { exit bad }' "$out"
}

mp_apply() {
    run 06-mp-apply --pool "$kind" && lines 40 . && workers 3 || return 1
    grep '^(' "$out" | sed 's/,.*//' >"$work/results"
    squares '(%d' | diff - "$work/results" || return 1
    # One after another: a result before the next begins.
    [ "$kind" = process ] || awk 'NR % 2 == 1 && !/ runs task / { bad = 1 } NR % 2 == 0 && !/^\(/ { bad = 1 }
        END { exit bad }' "$out"
}

mp_apply_async() {
    run 07-mp-apply-async --pool "$kind" && lines 21 '^\(' || return 1
    sed -n '/close inside/,/close behind/p' "$out" | grep -c '^(' | grep -qx 1 || return 1
    grep -qx 'call 1: the executor is shut down and accepts no more tasks' "$out" || return 1
    sed '1,/close behind/d' "$out" | grep '^(' | sed 's/,.*//' | sort >"$work/results"
    squares '(%d' | sort | diff - "$work/results"
}

mp_async_result() {
    run 08-mp-async-result --pool "$kind" || return 1
    lines 3 '^worker [0-2]: hello from the initializer$' || return 1
    grep -v '^worker ' "$out" >"$work/rest"
    mv "$work/rest" "$out"
    is <<'END'
ready: False
successful: the call is not done yet
get with a timeout: Connection timed out
after wait, ready: True, successful: True
get of one that fails: the task failed
it says: time does not run backwards
after terminate, ready: True
END
}

three_ways() {
    run 09-three-ways --pool "$kind" && workers 9 && lines 60 '^\(' && lines 60 ' runs task ' &&
        lines 3 'seconds of the article$' || return 1
    for way in 'collect, then read' 'read at once'; do
        sed -n "/^--- $way/,/^--- [^$(echo "$way" | cut -c1)]/p" "$out" | grep '^(' | sed 's/,.*//' >"$work/results"
        squares '(%d' | diff - "$work/results" || return 1
    done
}

asking() {
    run 10-done --pool "$kind" && printf 'False\nTrue\nhello\nworld\n' | is
}

without_ports() {
    sed -i -E 's/127.0.0.1:[0-9]+/127.0.0.1:N/' "$out"
}

fetch() {
    run 11-fetch --pool "$kind" && without_ports && sort -o "$out" "$out" && is <<'END'
'echo://127.0.0.1:N/1270' page is 1270 bytes
'echo://127.0.0.1:N/13011' page is 13011 bytes
'echo://127.0.0.1:N/2039' generated an exception: Connection refused
END
}

add() {
    run 12-add --pool "$kind" && printf '1 + 5 = 6\n2 + 6 = 8\n3 + 7 = 10\n' | is
}

fetch_map() {
    run 13-fetch-map --pool "$kind" && without_ports && is <<'END'
'echo://127.0.0.1:N/13011' page is 13011 bytes
'echo://127.0.0.1:N/1270' page is 1270 bytes
'echo://127.0.0.1:N/2039' page is 2039 bytes
END
}

names() {
    run 14-names --pool "$kind" && workers 4 && lines 20 ' runs task ' || return 1
    sed 's/.* //' "$out" | sort -n >"$work/results"
    seq 0 19 | diff - "$work/results"
}

map_unread() {
    run 15-map-unread --pool "$kind" && workers 3 && lines 20 ' is running$' && lines 20 .
}

global() {
    run 16-global --pool "$kind" && workers 4 && lines 20 '^[0-9]+$' || return 1
    case $kind in
    thread) tail -n 1 "$out" | grep -qx 'n is 191' ;;
    process) tail -n 1 "$out" | grep -qx 'n is 1' ;;
    esac
}

callback_thread() {
    run 17-callback-thread --pool "$kind" || return 1
    sed -n 's/.* has ended the task: //p' "$out" | sort -n >"$work/results"
    squares '%d' | diff - "$work/results" || return 1
    # The callback runs in the program: in the worker where that is a thread of it.
    ! grep '^process .* has ended' "$out" && ! grep '^main has ended' "$out"
}

twenty_workers() {
    run 18-twenty-workers --pool "$kind" && lines 20 '^callback: ' || return 1
    grep '^list: ' "$out" >"$work/results"
    seq -f 'list: %g' 0 19 | diff - "$work/results" || return 1
    cpus=$(nproc)
    case $kind in
    thread) default=$((cpus + 4 < 32 ? cpus + 4 : 32)) ;;
    process) default=$cpus ;;
    esac
    tail -n 1 "$out" | grep -qx "workers by default: $default"
}

group() {
    run 19-group --pool "$kind" || return 1
    [ "$kind" = thread ] || sed -i '/^all/,$ { /^part 3$/d }' "$out"
    { seq -f 'part %g' 0 5 && echo 'all parts are there' &&
        seq -f 'part %g' 0 1 && echo 'part 2: the part is damaged'; } | is
}

user() {
    run 20-user --pool "$kind" && is <<'END'
coffee: the task was cancelled before it began
tea: here it is
cocoa: here it is
milk: the executor is shut down and accepts no more tasks
END
}

nested() {
    run 21-nested --pool "$kind" || return 1
    case $kind in
    thread) echo 2080 | is ;;
    process) grep -q ' cannot use the executor ' "$out" ;;
    esac
}

limits() {
    run 22-limits --pool "$kind" || return 1
    {
        echo 'hasty: the task had not begun when its time was over'
        echo 'patient: success'
        case $kind in
        thread) echo 'endless: the task failed' ;;
        process) echo 'endless: the task ran longer than its limit, and its worker was killed' ;;
        esac
        echo 'the next: success'
    } | is
}

priority() {
    run 23-priority --pool "$kind" && {
        echo '23 wait, 20 of them urgent'
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo urgent; done
        printf '%s\n' bill ordinary urgent urgent urgent urgent ordinary
    } | is
}

refuses() {
    "$TOP_BUILDDIR/examples/12-add" "$@" >"$out" 2>"$work/err"
    [ $? -eq 2 ] && [ ! -s "$out" ] && [ "$(wc -l <"$work/err")" -eq 1 ]
}

helps() {
    for program in "$TOP_SRCDIR"/examples/[0-9]*.c; do
        "$TOP_BUILDDIR/examples/$(basename "$program" .c)" --help >"$out" || return 1
        grep -q '^Usage: ' "$out" || return 1
    done
}

listed() {
    for program in "$TOP_SRCDIR"/examples/[0-9]*.c; do
        program=$(basename "$program" .c)
        grep -q "$program" "$TOP_SRCDIR/examples/README.md" || {
            echo "$program is not in examples/README.md"
            return 1
        }
    done
}

for kind in thread process; do
    for example in submit arguments results map callback mp_apply mp_apply_async mp_async_result \
        three_ways asking fetch add fetch_map names map_unread global callback_thread twenty_workers group user nested limits priority; do
        check "$(echo "$example" | tr _ ' ') in a $kind pool" "$example"
    done
done
check 'a kind that does not exist is refused in one line' refuses --pool fibre
check 'an argument that is no option is refused in one line' refuses 4
check 'each has --help' helps
check 'each is listed in examples/README.md' listed
finish
