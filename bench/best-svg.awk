# SPDX-License-Identifier: MIT
# Draw what bench_best has measured, with scripts/draw/svg.awk: for each placement CPU an echo on the left and
# the rate on the right, a column for each server, a colour for each load.
BEGIN { FS = "\t" }
NR == 1 {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    next
}
$at["left_out"] == "" {
    n++
    place[n] = $at["placement"]
    load[n] = $at["threads"] " " $at["sessions"]
    server[n] = $at["server"]
    cpu[n] = $at["cpu_us"]
    rate[n] = $at["rate"] / 1000
    if (!(place[n] in places))
        places[place[n]] = ++place_count
    if (!(load[n] in loads)) {
        loads[load[n]] = ++load_count
        load_words[load_count] = ($at["threads"] == 0 ? "a load thread each" : $at["threads"] " load thread") \
            ", " $at["sessions"] " sessions"
    }
    if (!(server[n] in servers)) {
        servers[server[n]] = ++server_count
        server_of[server_count] = server[n]
    }
    if (cpu[n] > most["cpu"])
        most["cpu"] = cpu[n]
    if (rate[n] > most["rate"])
        most["rate"] = rate[n]
    bytes = $at["bytes"]
    rounds = $at["rounds"]
}

function draw_panel(x, y, which, word, title,    i, s, class, value) {
    panel(x, y, 390, 200, 0, server_count, most[which], title, "")
    for (s = 1; s <= server_count; s++)
        svg_text(sx(s - 0.5), y + 218 + s % 2 * 16, "muted s", "middle", server_of[s])
    for (i = 1; i <= n; i++) {
        if (place[i] != word)
            continue
        class = substr("abcd", loads[load[i]], 1)
        value = which == "cpu" ? cpu[i] : rate[i]
        point(servers[server[i]] - 0.5 + (loads[load[i]] - (load_count + 1) / 2) * 0.14, value, class " dot", which, \
            server[i] ", " load_words[loads[load[i]]] ", " word ": " three_digits(value), 4)
    }
}

END {
    if (n == 0)
        exit 1
    P_bare = 1
    svg_begin(960, 130 + 290 * place_count, "An event loop against the best of today", \
        "CPU an echo and echoes a second of servers with one event loop, of libraries and of other languages, under " \
        load_count " loads, measured by bench_best.")
    for (l = 1; l <= load_count; l++)
        svg_text(24 + (l - 1) * 232, 58, substr("abcd", l, 1) " s", "start", "\342\227\217 " load_words[l])
    for (word in places) {
        y = 104 + 290 * (places[word] - 1)
        where = word == "apart" ? ", server and load on a CPU each" : ", unpinned"
        draw_panel(64, y, "cpu", word, "\302\265s of CPU an echo" where)
        draw_panel(540, y, "rate", word, "thousand echoes a second" where)
    }
    svg_text(24, 116 + 290 * place_count, "muted s", "start", "Messages of " bytes " bytes, one under way per session; medians of " \
        rounds " rounds in turns. Made by bench/best-into-readme.")
    svg_end()
}
