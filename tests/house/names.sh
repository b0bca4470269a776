#!/bin/sh
# Comments of the sources name what there is: each function, constant and file that a comment names is somewhere in the
# code, or belongs to others and is in the list below. Only in a git checkout.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1
if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1 || [ ! -e .git ]; then
    echo '1..0 # SKIP not a git checkout'
    exit 0
fi

# Of the C library, the kernel, libevent, bash, oneTBB and HAProxy.
others='daemon setuid select strptime prlimit64 unix_bind io_uring_setup enqueue
    evhttp_associate_new_request_with_connection evhttp_connection_base_bufferevent_new
    CAP_IPC_LOCK COMP_CWORD COMP_WORDS COOP_TASKRUN DEFER_TASKRUN IORING_FEAT_NODROP LC_MESSAGES PF_EXITING
    PP2_TYPE_CRC32C stdio.h unistd.h tcp.h tcp_states.h'

# strangers FILE...: print what their comments name and none of them, nor the list of tracked files, has.
strangers() {
    git ls-files | awk -F / '{ print $NF }' >"$work/files"
    LC_ALL=C awk -v others="$others" -v files="$work/files" '
        # Split a line into what is code, with the words of its strings, and what is comment.
        function split_line(line,   at, length_) {
            code = comment = ""
            gsub(/\047"\047/, "", line)
            while (line != "") {
                at = inside ? match(line, /[*]\//) : match(line, /"([^"\\]|\\.)*"|\/[*]/)
                length_ = RLENGTH
                if (inside) {
                    comment = comment " " (at ? substr(line, 1, at - 1) : line)
                    inside = !at
                } else {
                    inside = at && substr(line, at, 2) == "/*"
                    code = code " " (!at ? line : inside ? substr(line, 1, at - 1) : substr(line, 1, at + length_ - 1))
                }
                line = at ? substr(line, at + length_) : ""
            }
        }
        function note_words(text,   i, count, list) {
            count = split(text, list, /[^A-Za-z0-9_]+/)
            for (i = 1; i <= count; i++)
                if (list[i] != "" && !(list[i] in known)) {
                    known[list[i]] = 1
                    # A constant that ends in "_", as in EVENT_*, stands for all that begin so.
                    while (sub(/[A-Z0-9]+_?$/, "", list[i]) && list[i] != "")
                        known[list[i]] = 1
                }
        }
        function ask_all(text, pattern, tail,   name, before, after) {
            while (match(text, pattern)) {
                name = substr(text, RSTART, RLENGTH - tail)
                before = substr(text, RSTART - 1, RSTART > 1)
                after = substr(text, RSTART + RLENGTH, 1)
                text = substr(text, RSTART + RLENGTH)
                if (before !~ /[A-Za-z0-9_.]/ && after !~ /[A-Za-z0-9_]/ && index(asked[name], FILENAME) == 0)
                    asked[name] = asked[name] " " FILENAME
            }
        }
        BEGIN {
            count = split(others, list, " ")
            for (i = 1; i <= count; i++)
                known[list[i]] = 1
            while ((getline name <files) > 0)
                known[name] = 1
        }
        FNR == 1 { inside = 0 }
        {
            split_line($0)
            note_words(code)
            ask_all(comment, "[a-z_][a-z0-9_]*[(][)]", 2)
            ask_all(comment, "[A-Z][A-Z0-9]+_[A-Z0-9_]+", 0)
            ask_all(comment, "[a-z][a-z0-9_-]*[.](c|h|sh|js|awk|pml)", 0)
        }
        END {
            for (name in asked)
                if (!(name in known)) {
                    print name ":" asked[name]
                    found = 1
                }
            exit !found
        }' "$@"
}

# shellcheck disable=SC2046  # no name has a blank
names_what_there_is() {
    ! strangers $(git ls-files -- '*.c' '*.h')
}

notices() {
    cat >"$work/wrong.c" <<'C'
/* It calls no_such_function() if NO_SUCH_LIMIT is reached: see no-such-file.c, and known() for KNOWN_LIMIT. */
static int known(void)
{
    return KNOWN_LIMIT;
}
C
    [ "$(strangers "$work/wrong.c" | sed 's/:.*//' | sort | xargs)" = 'NO_SUCH_LIMIT no-such-file.c no_such_function' ]
}

check 'a name in a comment that nothing has is noticed' notices
check 'comments name functions, constants and files that there are' names_what_there_is
finish
