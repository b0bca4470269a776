#!/bin/sh
# Rules of style that a machine can keep. Only in a git checkout: a tarball has passed them.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1
if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1 || [ ! -e .git ]; then
    echo '1..0 # SKIP not a git checkout'
    exit 0
fi

sources() {
    git ls-files -- '*.c' '*.h'
}

# none PATTERN [PATHSPEC...]: no tracked file has a line like this.
none() {
    pattern=$1
    shift
    ! git grep -nIE "$pattern" -- "$@" ':!tests/house/style.sh'
}

formatted() {
    # shellcheck disable=SC2046  # no name has a blank
    clang-format --dry-run --Werror $(sources)
}

licence_lines() {
    ! sources | while read -r file; do
        head -n 1 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file"
    done | grep .
}

exported_by_prefix() {
    ! sed -n 's/^EP_API.*[ *]\([a-z_]*\)(.*/\1/p' pool/echopool.h pool/echopool-mp.h | grep -v '^ep_'
}

# But not what the package manager makes executable itself.
scripts_are_executable() {
    ! git ls-files -- ':!debian/*.prerm' | while read -r file; do
        if [ "$(head -c 2 "$file")" = '#!' ] && [ ! -x "$file" ]; then echo "$file"; fi
    done | grep .
}

# The line above a section ends in column 97, whatever its words are.
sections_of_one_width() {
    ! git grep -h -E '^/[*]+ --- ' -- '*.c' '*.h' | LC_ALL=C awk '!/^\/[*] --- .* -+ [*]\/$/ || length != 97' | grep .
}

if clang-format --version >/dev/null 2>&1; then
    check 'formatted as .clang-format says' formatted
else
    skip 'formatted as .clang-format says' 'clang-format is not installed'
fi
check 'every source names its licence' licence_lines
check 'sections have lines of one width' sections_of_one_width
check 'public functions begin with ep_' exported_by_prefix
check 'no unbounded or unchecked string functions' \
    none '\b(strcpy|sprintf|vsprintf|gets|atoi|atol|strtok|alloca)\(' pool common server client
check 'scripts are executable' scripts_are_executable
check 'comments have lines of 120 columns at most' none '^ *(/\*|\*|//).{119}' '*.c' '*.h'
check 'so has the text of pages' none '^ {0,3}[^ |!<[].{119}' '*.md' ':!*.zh.md'
check 'nothing left undone' none '\b(TODO|FIXME|XXX)\b' '*.c' '*.h' scripts
check 'tests do not sleep' none '\b(sleep|usleep)\(' tests
check 'tests make files in the folder of the suite' \
    none '"(unix:)?/tmp/[^"]*(XXXXXX|%d)"' 'tests/*.c' ':!tests/kit/suite.c' ':!tests/torture'
check 'the library waits by the monotonic clock, and never for a while' \
    none '\b(CLOCK_REALTIME|FUTEX_CLOCK_REALTIME|(gettimeofday|sem_timedwait|pthread_cond_timedwait|pthread_mutex_timedlock|nanosleep|clock_nanosleep|usleep|sleep)\()' 'pool/*.c' 'pool/*-internal.h'
check 'no blanks at the end of a line' none '[[:blank:]]+$' '*.c' '*.h' '*.md' '*.sh' '*.mk' scripts
finish
