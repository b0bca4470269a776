# SPDX-License-Identifier: MIT
# The table of models in Chinese, for README.zh.md, from what bench_table prints. Fails for words that it has not.

function needs(english) {
    if (!(english in chinese)) {
        print "table-zh.awk has no Chinese for: " english >"/dev/stderr"
        failed = 1
        exit 1
    }
    return chinese[english]
}

BEGIN {
    FS = " *[|] *"
    chinese["the accept loop, one session after another"] = "接受连接的循环，一个会话接一个会话"
    chinese["a thread made for each session"] = "为每个会话现造的线程"
    chinese["a process made for each session"] = "为每个会话现造的进程"
    chinese["one of `--workers` threads, until the session ends"] = "`--workers` 个线程之一，直到会话结束"
    chinese["one of `--workers` processes, until the session ends"] = "`--workers` 个进程之一，直到会话结束"
    chinese["one of `--workers` event loops, many sessions each"] = "`--workers` 个事件循环之一，每个有许多会话"
    chinese["one of `--workers` threads, each of which accepts"] = "`--workers` 个线程之一，每个自己接受连接"
    chinese["one of `--workers` processes, each of which accepts"] = "`--workers` 个进程之一，每个自己接受连接"
    chinese["one of `--workers` rings, many sessions each"] = "`--workers` 个环之一，每个有许多会话"
    chinese["one of `--workers` threads, while there are bytes to echo"] = "`--workers` 个线程之一，只在有字节要回显的时候"
    chinese["1"] = "1"
    chinese["no cap"] = "没有上限"
    chinese["`--workers`"] = "`--workers`"
    chinese["up to the descriptor limit"] = "直到描述符的上限"
    chinese["nothing"] = "没有"
    chinese["in the kernel's backlog"] = "在内核的 backlog 里"
    chinese["in its thread"] = "在自己的线程里"
    chinese["in its process"] = "在自己的进程里"
    chinese["in the queue"] = "在队列里"
    chinese["in the loop"] = "在循环里"
    chinese["in the ring's thread"] = "在环的线程里"
    chinese["not built in"] = "没有编译进来"
    print "| `--model` | 由谁服务 | 一次回显的 CPU，µs | 一次回显的系统调用 | 同时的会话数 | 一个等待中的会话 |"
    print "|---|---|---|---|---|---|"
}

/^\| `--model`|^\|---/ { next }

/^\|/ {
    waits = $7
    if (waits != "") {
        split($7, part, ", ")
        waits = (part[1] ~ /KB$/ ? part[1] : needs(part[1])) "，" needs(part[2])
    }
    printf "| %s | %s | %s | %s | %s | %s |\n", $2, needs($3), $4 ~ /^[0-9?]/ ? $4 : needs($4), $5, needs($6), waits
    next
}

{ text = text " " $0 }

END {
    if (failed)
        exit 1
    gsub(/ +/, " ", text)
    if (!match(text, /on [0-9]+ CPUs, [^:]*: messages of [0-9]+ bytes, [0-9]+ sessions/)) {
        print "table-zh.awk does not find how it was measured" >"/dev/stderr"
        exit 1
    }
    split(substr(text, RSTART, RLENGTH), word, " ")
    sub(/:$/, "", word[5])
    printf "\n以上是 `make bench BENCH=table` 在 %s 个 CPU、%s %s 上测得的：消息 %s 字节，%s 个会话（`iterative` 是一个），", word[2], word[4], word[5], word[8], word[10]
    printf "池给每个会话一个 worker，`event` 是一个循环，`--hold message` 是 4 个 worker。"
    printf "请在各行之间比较，不要与别的机器比较；怎样测的，见 [bench/README.md](bench/README.md)。\n"
}
