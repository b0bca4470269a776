# SPDX-License-Identifier: MIT
# Make Markdown of what bench_best has measured: a table for each placement, a column for each load, and in
# each cell the event model divided by the server of the row, CPU and rate.
BEGIN { FS = "\t" }
NR == 1 {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    next
}
{
    load = $at["threads"] " " $at["sessions"]
    place = $at["placement"]
    server = $at["server"]
    if (!(load in loads)) {
        loads[load] = ++load_count
        load_words[load_count] = words_of($at["threads"], $at["sessions"])
        load_of[load_count] = load
    }
    if (!(place in places)) {
        places[place] = ++place_count
        place_of[place_count] = place
    }
    if (!(server in servers)) {
        servers[server] = ++server_count
        server_of[server_count] = server
    }
    if ($at["left_out"] != "") {
        why[server] = $at["left_out"]
    } else {
        cell[place, load, server] = sprintf("%.2f, %.2f", $at["event_cpu"], $at["event_rate"])
        cpu[place, load, server] = sprintf("%.1f", $at["cpu_us"])
    }
    bytes = $at["bytes"]
    rounds = $at["rounds"]
}

function words_of(threads, sessions) {
    return (threads == 0 ? "a thread each" : threads == 1 ? "1 thread" : threads " threads") ", " sessions " sessions"
}

END {
    if (server_count == 0)
        exit 1
    print "![CPU an echo and rate of the event model beside bare loops, libraries and languages](best.svg)"
    for (p = 1; p <= place_count; p++) {
        printf "\n%s: `event` / the server of the row, CPU an echo and rate\n\n|",
            (place_of[p] == "apart" ? "Server on one CPU, load on another" : "Unpinned")
        for (l = 1; l <= load_count; l++)
            printf " | load: %s", load_words[l]
        printf " |\n|---"
        for (l = 1; l <= load_count; l++)
            printf "|---"
        print "|"
        for (s = 1; s <= server_count; s++) {
            if (server_of[s] in why || server_of[s] == "event")
                continue
            printf "| %s", server_of[s]
            for (l = 1; l <= load_count; l++)
                printf " | %s", cell[place_of[p], load_of[l], server_of[s]]
            print " |"
        }
        printf "| µs of CPU an echo, `event`"
        for (l = 1; l <= load_count; l++)
            printf " | %s", cpu[place_of[p], load_of[l], "event"]
        print " |"
    }
    for (s = 1; s <= server_count; s++)
        if (server_of[s] in why)
            printf "\nLeft out: %s, %s.\n", server_of[s], why[server_of[s]]
    printf "\nCPU below 1: `event` is cheaper; rate above 1: it is faster. Messages of %s bytes, one under way per\n", bytes
    printf "session, one loop for `event`; medians of %s rounds in turns; %s CPUs, %s, %s. The figures\n", \
        rounds, cpus, kernel, date
    print "themselves are in [best.tsv](best.tsv). Made by `bench/best-into-readme`."
    if (busy >= 0.5)
        print "\n**Other programs were running (load " busy "): these figures are not to be trusted.**"
}
