#!/bin/sh
# Plain words: phrases that leave the reader to guess who acts, how many or how long are in no tracked
# text. Only in a git checkout. To the left of each arrow is an extended regular expression, to the
# right what to write instead.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1
if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1 || [ ! -e .git ]; then
    echo '1..0 # SKIP not a git checkout'
    exit 0
fi

# absent PATTERN INSTEAD OPTION... -- FILE...: git grep finds no line.
absent() {
    pattern=$1
    instead=$2
    shift 2
    ! git grep -nIE -e "$pattern" "$@" || {
        echo "write instead: $instead"
        return 1
    }
}

# all_absent WHERE OPTION... -- FILE...: check each line of the list on standard input.
all_absent() {
    where=$1
    shift
    while IFS= read -r line; do
        check "no \"${line%% -> *}\"$where" absent "${line%% -> *}" "${line#* -> }" "$@"
    done
}

all_absent '' -iw -- . ':!tests/house/words.sh' <<'END'
whoever -> the client, the session, the worker, the caller
nobody|somebody -> no session, another thread
he|his|him -> the client, they
the one who -> the client that, the thread that
anew -> again
(is|are|was|were|be|been|being) told -> receives, is logged, is reported
which has been said -> leave it out
so many|so long -> N, this many, this long
(worker|thread|session|process)s? more -> one more worker
but for|all but -> except
of the [a-z]+'s( own|[.,;:)]) -> caller-owned, the caller's
(is|are|was|were) to be -> must, will
as (the )?[a-z]+ ha(s|ve) it -> as in
END

# The words of Chinese texts are in a table in HACKING.md; these are others for the same things. Chinese has no
# blanks between words.
all_absent ' in Chinese' -- po '*.zh.md' server/admin/page/texts.js <<'END'
accept ?循环|接受连接的循环 -> 接受循环
截断 -> 切断
正在停止：不再 -> 正在排空
内存不够.*使用 -> 没有足够的内存
应答 -> 回复
END
finish
