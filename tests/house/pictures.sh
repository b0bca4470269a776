#!/bin/sh
# Pictures of real runs: the formulas that they have curves from, and that each says what was measured.
# Nothing here depends on how fast anything is.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
draw=$TOP_SRCDIR/scripts/draw
export TOP_BUILDDIR

# theory PROGRAM: run it on the formulas; is(name, got, expected) complains.
theory() {
    printf '%s\n' '
        function is(name, got, expected) {
            if (magnitude(got - expected) > 1e-6 * max(1, magnitude(expected))) {
                print name ": " got ", not " expected
                wrong = 1
            }
        }
        END { exit wrong }
        BEGIN {' "$1" '}' >"$work/theory.awk"
    LC_ALL=C awk -f "$draw/queueing.awk" -f "$work/theory.awk" </dev/null
}

# One worker: W = 1 / (mu - lambda), and the time there is exponential itself.
one_worker() {
    theory '
        workers_alone(1, 0.01)
        solve_open(50, 1)
        is("W", q_W, 0.02); is("L", q_L, 1); is("busy", q_busy, 0.5); is("X", q_X, 50)
        is("p99", percentile(0.99, 0, 1, 0.01, 0, 50), 0.02 * log(100))
        is("overload", solve_open(100, 1), 0)'
}

# By hand: two workers at rho = 1/2 wait with probability 1/3. From tables of Erlang C: 10 workers and
# 8 erlangs, 0.409180; 4 and 3.2, 0.596433.
erlang_c() {
    theory '
        workers_alone(2, 1); solve_open(1, 2)
        is("C(2, 1)", q_wait, 1 / 3); is("W", q_W, 4 / 3); is("busy", q_busy, 1)
        workers_alone(10, 1); solve_open(8, 10)
        is("C(10, 8)", int(q_wait * 1e6 + 0.5), 409180); is("W", q_W, 1 + q_wait / 2)
        workers_alone(4, 0.01); solve_open(320, 4)
        is("C(4, 3.2)", int(q_wait * 1e6 + 0.5), 596432)
        # where the rate at which the queue shrinks is that of a worker
        is("p50", longer_open(300, 4, 0.01, percentile(0.5, 0, 4, 0.01, 0, 300)), 0.5)'
}

# By hand: three machines that run for 2, and one who mends them in 1: p = 4, 6, 6, 3 in 19ths.
repairman() {
    theory '
        workers_alone(1, 1); solve_closed(3, 1, 2)
        is("p[0]", p[0], 4 / 19); is("p[3]", p[3], 3 / 19)
        is("X", q_X, 15 / 19); is("L", q_L, 27 / 19); is("W", q_W, 27 / 15)
        # as many repairers as machines: no machine ever waits
        workers_alone(5, 2); solve_closed(5, 5, 6)
        is("X", q_X, 5 / 8); is("W", q_W, 2)
        # no client thinks: all workers are always busy, and the law of Little says the rest
        workers_alone(4, 0.01); solve_closed(16, 4, 0)
        is("X", q_X, 400); is("W", q_W, 0.04); is("L", q_L, 16)
        # more than the sums could hold
        workers_alone(4, 0.01); solve_closed(2000, 4, 1)
        is("X", q_X, 400); is("W", q_W, 4)'
}

# The mean of a time is the area under the probability that it takes longer: another way to W.
percentiles_agree() {
    theory '
        workers_alone(3, 1)
        percentile(0.5, 9, 3, 1, 2, 0)
        for (t = 0; t < 60; t += 0.01)
            area += 0.01 * (longer_closed(9, 3, 1, t) + longer_closed(9, 3, 1, t + 0.01)) / 2
        workers_alone(3, 1); solve_closed(9, 3, 2)
        is("closed", int(area * 1e4 + 0.5), int(q_W * 1e4 + 0.5))
        area = 0
        workers_alone(3, 1); solve_open(2, 3)
        for (t = 0; t < 60; t += 0.01)
            area += 0.01 * (longer_open(2, 3, 1, t) + longer_open(2, 3, 1, t + 0.01)) / 2
        is("open", int(area * 1e4 + 0.5), int(q_W * 1e4 + 0.5))
        # two at one worker who never think: each waits for the other, Erlang(2)
        t = percentile(0.99, 2, 1, 1, 0, 0)
        is("Erlang", (1 + t) * exp(-t), 0.01)'
}

# Workers that wait for CPUs: bounds that are exact at both ends, and Goetz for the knee.
shared_cpus() {
    theory '
        workers_on_cpus(40, 0.008, 0.002, 2)
        is("alone", mu[1], 100); is("as many as CPUs", mu[2], 200)
        is("all CPUs busy", int(mu[40] + 0.5), 1000)
        is("knee", knee("workers", 1, 32, 0.008, 0.002, 0, 0, 2), 10)
        workers_on_cpus(3, 0.01, 0, 2); is("no burning", mu[3], 300)'
}

knees() {
    theory '
        is("workers", knee("workers", 1, 24, 0.01, 0, 0.02, 0, 2), 8)
        is("workers, open", knee("workers", 1, 24, 0.01, 0, 0, 300, 2), 3)
        is("sessions", knee("sessions", 4, 1, 0.01, 0, 0.02, 0, 2), 12)
        is("service, ms", knee("service", 4, 16, 0.01, 0, 0.03, 0, 2), 10)
        is("service, open", knee("service", 4, 16, 0.01, 0, 0, 200, 2), 20)
        is("never idle", knee("service", 4, 16, 0.01, 0, 0, 0, 2) == "", 1)'
}

# --- from samples to what is drawn ---------------------------------------------------------------

# samples TEXT: the words of each of its lines as a sample has them, under the names that samples have.
samples() {
    printf '%s\n' 'seconds threads virtual_bytes accepted served turned_away queued with_worker parked echoes' "$1" |
        tr ' ' '\t' >"$work/samples"
}

# same EXPECTED COMMAND...: it prints just that, with blanks for tabs.
same() {
    expected=$1
    shift
    printf '%s\n' "$expected" | tr ' ' '\t' >"$work/expected"
    LC_ALL=C "$@" "$work/samples" | diff "$work/expected" -
}

# Two sessions for a second: from 1.1 on, when they have mixed, to 1.97; the samples before and after
# must not count, and would be seen in each of the means.
means_of_a_run() {
    samples "$(
        echo 0.5 5 0 0 0 0 0 0 0 0
        echo 1.0 5 0 2 0 0 9 9 0 7
        for i in 1 2 3 4 5 6 7 8; do
            echo "1.${i}5 5 0 2 0 0 1 2 0 ${i}0"
            echo "1.${i}6 5 0 2 0 0 0 1 0 ${i}0"
        done
        echo 1.98 5 0 2 0 0 9 9 0 999
        echo 2.0 5 0 2 2 0 9 9 0 999
    )"
    same 'asked 0.71 70 98.5915 told 2 0.5 1.5 0' \
        awk -f "$draw/sweep-run.awk" -v all=2 -v lasts=1 -v known=asked -v client=told -v failed=0
}

too_short_a_run() {
    samples '1.2 5 0 2 0 0 1 2 0 10'
    ! awk -f "$draw/sweep-run.awk" -v all=2 -v lasts=1 "$work/samples"
}

# Time begins with the last sample without a session, or with the first if there is none.
rows_of_the_plate() {
    samples "$(printf '%s\n' '7.1 1 1048576 0 0 0 0 0 0 0' '7.2 1 1048576 0 0 0 0 0 0 0' '7.25 5 2621440 6 1 2 3 4 5 8')"
    same "$(printf '%s\n' 'left 0.000 1 0 0 0 1.0' 'left 0.050 5 1 2 3 2.5')" \
        awk -f "$draw/plate-rows.awk" -v side=left || return 1
    samples '7.25 5 2621440 6 1 2 3 4 5 8'
    same 'left 0.000 5 1 2 3 2.5' awk -f "$draw/plate-rows.awk" -v side=left
}

# By hand: 4 workers have served 100 a second, each within 30 ms, and 2.5 were there; 1.5 of them waited.
what_follows() {
    printf '4 16 10 0 20 0 10 1000 100 30 25 90 30 2.5 1.5 1 0\n' | tr ' ' '\t' >"$work/samples"
    same "$(echo 'lambda_w little_error_percent utilisation queue_wait_ms'; echo 3 20 0.25 15)" \
        columns 'lambda_w little_error_percent utilisation queue_wait_ms'
}

# columns NAMES FILE: what sweep.awk makes of a run, these columns of it.
columns() {
    awk -f "$draw/queueing.awk" -f "$draw/sweep.awk" -v cpus=2 -v exponential=exp: "$2" |
        awk -F '\t' -v OFS='\t' -v names="$1" '
            NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; count = split(names, name, " ") }
            { for (i = 1; i <= count; i++) printf "%s%s", $at[name[i]], i < count ? OFS : ORS }'
}

# The knee that the table tells of, from a sweep that rises by 100 for each worker up to 400.
measured_knee() {
    {
        echo workers sessions service_ms burn_ms think_ms rate throughput p50_ms p99_ms mean_ms \
            queue_wait_ms at_server little_error_percent utilisation busy model_throughput model_mean_ms failed
        for i in 1 2 3 4 6 8; do
            echo $i 16 10 0 20 0 $((i < 4 ? i * 100 : 400)) 1 1 1 1 1 1 1 1 1 1 0
        done
    } | tr ' ' '\t' >"$work/samples"
    awk -f "$draw/svg.awk" -f "$draw/queueing.awk" -f "$draw/sweep-text.awk" -v what=workers -v cpus=2 \
        -v exponential=exp: "$work/samples" | grep -q 'measured: 4.00 workers$'
}

# --- pictures ---------------------------------------------------------------------------------

# Every element is closed in its order, attributes are quoted, no bare & or <.
well_formed() {
    if command -v xmllint >/dev/null 2>&1; then
        xmllint --noout "$1" || return 1
    fi
    LC_ALL=C awk '
        function wrong(why) { print FILENAME ":" FNR ": " why ": " $0; failed = 1; exit }
        {
            rest = $0
            while (match(rest, /<[^>]*>/)) {
                between = substr(rest, 1, RSTART - 1)
                tag = substr(rest, RSTART + 1, RLENGTH - 2)
                rest = substr(rest, RSTART + RLENGTH)
                gsub(/&(amp|lt|gt|quot);/, "", between)
                if (between ~ /[<>&]/)
                    wrong("a bare character")
                if (tag ~ /^\//) {
                    if (depth == 0 || open[depth--] != substr(tag, 2))
                        wrong("closes what is not open")
                    continue
                }
                name = tag
                sub(/[ \/].*/, "", name)
                attributes = substr(tag, length(name) + 1)
                gsub(/ [a-zA-Z][a-zA-Z0-9:-]*="[^"<&]*(&(amp|lt|gt|quot);[^"<&]*)*"/, "", attributes)
                if (attributes !~ /^\/?$/)
                    wrong("attributes")
                if (attributes == "")
                    open[++depth] = name
                elements++
            }
            if (rest ~ /[<>&]/)
                wrong("a bare character")
        }
        END { exit failed || depth != 0 || elements < 20 }' "$1"
}

# pen STATEMENTS: what svg.awk draws of them.
pen() {
    LC_ALL=C awk -f "$draw/svg.awk" -f /dev/stdin <<EOF
BEGIN { $1 }
EOF
}

# What has a meaning in XML is written in another way.
escapes() {
    [ "$(pen 'print svg_escape("<a href=\"b\"> & c")')" = '&lt;a href=&quot;b&quot;&gt; &amp; c' ]
}

ticks() {
    [ "$(pen 'print nice_step(100, 5), nice_step(0.4, 4), nice_step(3000, 5), nice_step(7, 5)')" = '20 0.1 500 2' ]
}

# Who looks at a run in which nothing came to pass shall see that.
nothing_to_show() {
    pen 'svg_begin(400, 400, "t", "d"); panel(50, 50, 300, 300, 0, 1, 0, "y", "x"); svg_end()' >"$work/nothing.svg"
    well_formed "$work/nothing.svg" && grep -q 'text-anchor="end">1</text>' "$work/nothing.svg"
}

# Labels of lines that end at the same height stand 16 pixels apart, in their order, and none too low.
labels_apart() {
    [ "$(pen 'label_add(0, 90, "a", "low"); label_add(0, 88, "b", "high"); label_add(0, 20, "c", "far"); labels(95)' |
        sed -n 's/.* y="\([0-9.]*\)".*>\(.*\)<.*/\1 \2/p' | tr '\n' ' ')" = '24.0 far 83.0 high 99.0 low ' ]
}

small() {
    [ "$(wc -c <"$1")" -lt 61440 ]
}

# The TSV as the rows that the JSON has.
json_is_tsv() {
    sed -n 's/^ *{\("[a-z]*_\{0,1\}[a-z0-9_]*":.*\)}[],]*$/\1/p' "$1.json" | grep -v '"schema"' |
        sed 's/"[a-z0-9_]*"://g; s/null//g; s/,/\t/g' >"$work/from-json"
    sed 1d "$1.tsv" | sed "$2" | diff "$work/from-json" -
}

# Each circle of the picture, "series x y", is a cell of the TSV that is not empty, and the other way round.
points_are_tsv() {
    sed -n 's/^<circle .*data-series="\([a-z0-9_]*\)" data-x="\([^"]*\)" data-y="\([^"]*\)".*/\1 \2 \3/p' "$1.svg" |
        sort >"$work/from-svg"
    LC_ALL=C awk -F '\t' -v what="$2" -v series="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; count = split(series, name, " "); next }
        {
            for (i = 1; i <= count; i++)
                if ($at[name[i]] != "")
                    printf "%s %.7g %.7g\n", name[i], $at[what], $at[name[i]]
        }' "$1.tsv" |
        sort >"$work/from-tsv"
    [ -s "$work/from-svg" ] && diff "$work/from-svg" "$work/from-tsv"
}

# The curve has the values that the TSV has, wherever both have the same x.
curve_is_tsv() {
    sed -n 's/.*data-series="'"$3"'" data-points="\([^"]*\)".*/\1/p' "$1.svg" | tr ' ' '\n' >"$work/curve"
    [ -s "$work/curve" ] && LC_ALL=C awk -F '\t' -v what="$2" -v name="$3" '
        FILENAME != last { last = FILENAME; file++; FNR_ = 0 }
        file == 1 { split($0, pair, ","); curve[pair[1] + 0] = pair[2]; next }
        !header { for (i = 1; i <= NF; i++) at[$i] = i; header = 1; next }
        ($at[what] + 0) in curve {
            both++
            if ((curve[$at[what] + 0] - $at[name]) ^ 2 > (1e-5 * $at[name]) ^ 2) {
                print "at " $at[what] ": " curve[$at[what] + 0] ", not " $at[name]
                wrong = 1
            }
        }
        END { exit wrong || !both }' "$work/curve" "$1.tsv"
}

# Each line of the plate says of every instant what the TSV says of it, to what was drawn of that.
steps_are_tsv() {
    sed -n 's/.*data-series="\([^"]*\)" data-points="\([^"]*\)".*/\1,\2/p' "$1.svg" >"$work/steps"
    LC_ALL=C awk -F '\t' '
        FNR == NR {
            split($0, parts, ",")
            series = parts[1]
            lines++
            n = split(substr($0, length(series) + 2), pairs, " ")
            for (i = 1; i <= n; i++) {
                split(pairs[i], pair, ",")
                x[series, i] = pair[1]
                y[series, i] = pair[2]
            }
            next
        }
        FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        {
            check("threads", "threads"); check("served", "served"); check("turned away", "turned_away")
            check("waiting", "waiting"); check("address space", "virtual_mb")
        }
        function check(word, key,    series) {
            series = $1 " " word
            if (here[series] == 0)
                here[series] = 1
            while ((series, here[series] + 1) in x && x[series, here[series] + 1] <= $at["seconds"] + 0)
                here[series]++
            if (y[series, here[series]] != $at[key] + 0) {
                print series " at " $at["seconds"] ": " y[series, here[series]] ", not " $at[key]
                wrong = 1
            }
            checks++
        }
        END { exit wrong || lines != 10 || checks == 0 }' "$work/steps" "$1.tsv"
}

# Each session of the timeline, with its times, is a row of the CSV, and the other way round.
sessions_are_csv() {
    sed -n 's/^<g data-session="\([0-9]*\)" data-connection="0" data-state="\([a-z]*\)" data-arrived="\([0-9.]*\)" data-connected="\([0-9.]*\)" data-first-byte="\([0-9.]*\)" data-ended="\([0-9.]*\)".*/\1,\2,\3,\4,\5,\6/p' "$1.svg" |
        sort >"$work/from-svg"
    sed 1d "$1.csv" | cut -d , -f 2,5,6,7,8,10 | sort >"$work/from-csv"
    [ "$(wc -l <"$work/from-svg")" -eq 12 ] && diff "$work/from-svg" "$work/from-csv"
}

# same_columns CSV OTHER
same_columns() {
    [ "$(head -n 1 "$1")" = "$(head -n 1 "$2")" ] || { echo "$2: other columns than $1: draw it again by scripts/pictures"; return 1; }
}

# The client knows what became of each session, and so must the last sample.
plate_agrees_with_client() {
    for side in uncapped capped; do
        ok=$(sed -n 's/.*"'$side'":{"client":.*"ok":\([0-9]*\).*/\1/p' "$1.json")
        last=$(grep "^$side" "$1.tsv" | tail -n 1 | cut -f 4)
        [ -n "$ok" ] && [ "$ok" = "$last" ] || {
            echo "$side: the client says $ok, the last sample $last"
            return 1
        }
    done
    [ "$ok" = 40 ]
}

# Little's law and utilisation are computed as they should be, whatever was measured.
rows_are_computed() {
    LC_ALL=C awk -F '\t' '
        function near(a, b) { return (a - b) ^ 2 <= (1e-4 * b) ^ 2 + 1e-12 }
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        {
            rows++
            error = $at["at_server"] > 0 ? ($at["lambda_w"] / $at["at_server"] - 1) * 100 : 0
            if (!near($at["lambda_w"], $at["throughput"] * $at["sent_mean_ms"] / 1000) ||
                ($at["little_error_percent"] - error) ^ 2 > 0.01 ^ 2 ||
                !near($at["utilisation"], $at["throughput"] * $at["service_ms"] / 1000 / $at["workers"]) ||
                !near($at["at_server"], $at["waiting"] + $at["busy"]) ||
                !near($at["throughput"], $at["echoes"] / $at["seconds"]) || $at["failed"] != 0) {
                print
                exit wrong = 1
            }
        }
        END { exit wrong || rows != 3 }' "$1.tsv"
}

explains() {
    "$TOP_SRCDIR/scripts/$1" --help >"$work/said" && grep -q "scripts/$1" "$work/said" && ! grep -q '^#' "$work/said"
}

# refuses PART COMMAND...: with 2, and one line that has the part.
refuses() {
    part=$1
    shift
    status=0
    "$@" >"$work/said" 2>&1 || status=$?
    [ "$status" -eq 2 ] && [ "$(wc -l <"$work/said")" -eq 1 ] && grep -qF -e "$part" "$work/said"
}

check 'one worker, open: exponential waits' one_worker
check 'Erlang C' erlang_c
check 'the machine repairman' repairman
check 'percentiles have the mean that theory has' percentiles_agree
check 'workers that share CPUs' shared_cpus
check 'the knee' knees

check 'a run is counted while all sessions are there' means_of_a_run
check 'a run of which too little was seen is refused' too_short_a_run
check 'the plate begins when the first client comes' rows_of_the_plate
check "Little's law, utilisation and waits of a run" what_follows
check 'the measured knee' measured_knee

check 'text is escaped' escapes
check 'distances of ticks' ticks
check 'a chart of zeros' nothing_to_show
check 'labels stand apart' labels_apart

for script in plate sweep designs dashboard pictures; do
    check "$script --help" explains $script
done
plate=$TOP_SRCDIR/scripts/plate
sweep=$TOP_SRCDIR/scripts/sweep
designs=$TOP_SRCDIR/scripts/designs
pictures=$TOP_SRCDIR/scripts/pictures
check 'sweep wants to know what' refuses 'one of workers, sessions, service' "$sweep" threads
check 'sweep knows its options' refuses 'there is no option --fast' "$sweep" workers --fast
check 'sweep reads times' refuses '5 is not a time' "$sweep" workers --service exp:5
check 'sweep reads the times it is to vary' refuses '5 is not a time' "$sweep" service 10ms 5
check 'sweep reads numbers' refuses 'workers two is not a whole number' "$sweep" workers 1 two
check 'sweep reads --seconds' refuses '--seconds 0 is not a whole number' "$sweep" workers --seconds 0
check 'plate knows its options' refuses '--workers needs a value' "$plate" --workers
check 'plate reads numbers' refuses '-n many is not a whole number' "$plate" -n many
check 'plate wants a limit to meet' refuses '--limit stack=8M has no as=' "$plate" --limit stack=8M -o "$work/plate.svg"
check 'plate draws SVG' refuses 'does not end in .svg' "$plate" -o plate.png
check 'plate wants a folder' refuses "there is no folder $work/none" "$plate" -o "$work/none/plate.svg"
check 'designs knows its options' refuses 'there is no option --slow' "$designs" --slow
check 'designs reads numbers' refuses '--rounds 0 is not a whole number' "$designs" --rounds 0
check 'designs draws SVG' refuses 'does not end in .svg' "$designs" -o designs.tsv
check 'dashboard knows its options' refuses 'there is no option --slow' "$TOP_SRCDIR/scripts/dashboard" --slow
check 'pictures knows its pictures' refuses 'there is no picture moon' "$pictures" moon
check 'pictures wants a folder' refuses "there is no folder $work/none" "$pictures" -o "$work/none"

# The state of a server: three of twelve workers, 25 in the queue, and a phase that the script does not know.
scene_is_drawn() {
    {
        printf '%s\t%s\n' model 'a & b' accept.paused true serving.queues true serving.title Workers capped true \
            workers.count 12 workers.busy 3 queue.depth 25 queue.capacity 30 backlog.depth 2 connections.ended.cut 4
        for i in 0 1 2; do
            printf '%s\t%s\n' workers.list.$i.worker $i workers.list.$i.state '<new>' workers.list.$i.sessions $i
        done
    } >"$work/state"
    LC_ALL=C awk -f "$draw/svg.awk" -f "$draw/scene.awk" "$work/state" >"$work/scene.svg"
    [ "$(grep -c '<circle' "$work/scene.svg")" -eq 22 ] && [ "$(grep -c '<rect class="[an]' "$work/scene.svg")" -eq 8 ] &&
        [ "$(grep -c 'and [45] more' "$work/scene.svg")" -eq 2 ] && grep -q '>4</text>' "$work/scene.svg" &&
        well_formed "$work/scene.svg"
}
check 'the scene shows the state of a server' scene_is_drawn

# Those of the documents, and what they were drawn from.
documents=$TOP_SRCDIR/docs/pictures
points='p50_ms mean_ms p99_ms'
for picture in "$documents"/*.svg; do
    check "${picture##*/} is well-formed" well_formed "$picture"
    check "${picture##*/} is small" small "$picture"
done
check 'plate.svg shows what is in plate.tsv' steps_are_tsv "$documents/plate"
check 'timeline.svg shows what is in timeline.csv' sessions_are_csv "$documents/timeline"
check 'workers.svg shows what is in workers.tsv' points_are_tsv "$documents/workers" workers "throughput $points"
check 'sessions.svg shows what is in sessions.tsv' points_are_tsv "$documents/sessions" sessions "throughput $points"
check 'service.svg shows what is in service.tsv' points_are_tsv "$documents/service" service_ms "busy $points"
check 'designs.svg shows what is in designs.tsv' points_are_tsv "$documents/designs" sessions 'rate cpu_us p99_us memory_mb'
for sweep_of in workers sessions; do
    check "$sweep_of.svg has the curve of $sweep_of.tsv" curve_is_tsv "$documents/$sweep_of" $sweep_of model_throughput
done

if grep -q 'define EP_SANITIZED 1' "$TOP_BUILDDIR/config.h"; then
    skip 'plate' 'a sanitizer reserves more address space than the limit'
else
    check 'plate runs' "$plate" --quick -n 40 --service 5ms -o "$work/plate.svg"
    check 'the plate is well-formed' well_formed "$work/plate.svg"
    check 'the plate shows what was sampled' steps_are_tsv "$work/plate"
    check 'its JSON has what was sampled' json_is_tsv "$work/plate" 's/^[a-z]*\t//'
    check 'server and client agree on who was served' plate_agrees_with_client "$work/plate"
fi

check 'sweep workers runs' "$sweep" workers --quick --seconds 2 -o "$work/workers.svg"
check 'sweep service runs, open' "$sweep" service --quick --seconds 2 --rate 100 -o "$work/service.svg"
check 'the sweep of workers shows what was measured' points_are_tsv "$work/workers" workers "throughput $points"
check 'the sweep of service times shows what was measured' points_are_tsv "$work/service" service_ms "busy $points"
check 'the curve of workers is what was computed' curve_is_tsv "$work/workers" workers model_throughput
for sweep_of in workers service; do
    check "the sweep of $sweep_of is well-formed" well_formed "$work/$sweep_of.svg"
    check "the sweep of $sweep_of: its JSON has what was measured" json_is_tsv "$work/$sweep_of" ''
    check "the sweep of $sweep_of: what follows from it" rows_are_computed "$work/$sweep_of"
done

# Each word of --model is there with each number of sessions, with figures above zero or with a reason; and
# a model that serves one session at a time is left out from the second on.
designs_are_all_there() {
    "$TOP_BUILDDIR/echo-server" --help | tr '\n' ' ' |
        sed 's/.*--model WORD *the concurrency design: \([^[]*\)\[.*/\1/; s/,/ /g; s/ or / /' | tr -s ' ' '\n' |
        grep . | sort >"$work/models"
    LC_ALL=C awk -F '\t' '
        FNR == NR { wanted[$1]; next }
        FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        {
            rows[$1]++
            good = $at["left_out"] == "" ? $3 > 0 && $4 > 0 && $5 > 0 && $6 > 0 : $3 $4 $5 $6 == ""
            if (!good || $1 == "iterative" && ($2 > 1) != ($at["left_out"] != "")) {
                print
                wrong = 1
            }
        }
        END {
            for (model in wanted)
                if (rows[model] != 3) {
                    print model ": " rows[model] + 0 " rows"
                    wrong = 1
                }
            exit wrong || !("event" in wanted)
        }' "$work/models" "$1.tsv"
}

# Numbers in one form: JSON and table have 3.150, and jq prints that or, before 1.7, 3.15.
plain_numbers() {
    LC_ALL=C awk -F '\t' -v OFS='\t' -v CONVFMT=%.12g '{ for (i = 2; i < NF; i++) if ($i != "") $i += 0; print }'
}

designs_json_is_tsv() {
    jq -r '.runs[] | [.design, .sessions, .rate, .cpu_us, .p99_us, .memory_mb, .left_out] | @tsv' "$1.json" |
        plain_numbers >"$work/from-json" && tail -n +2 "$1.tsv" | plain_numbers | diff "$work/from-json" -
}

check 'designs runs' "$designs" --quick -o "$work/designs.svg"
check 'the chart of designs is well-formed' well_formed "$work/designs.svg"
check 'the chart of designs is small' small "$work/designs.svg"
check 'the chart of designs shows what was measured' points_are_tsv "$work/designs" sessions 'rate cpu_us p99_us memory_mb'
check 'each design is there, or left out with its reason' designs_are_all_there "$work/designs"
if command -v jq >/dev/null 2>&1; then
    check 'its JSON has what was measured in each design' designs_json_is_tsv "$work/designs"
else
    skip 'its JSON' 'jq is missing'
fi

mkdir "$work/folder"
check 'pictures makes the timeline' "$pictures" --quick -o "$work/folder" timeline
check 'the timeline is well-formed' well_formed "$work/folder/timeline.svg"
check 'the timeline shows what the client has written' sessions_are_csv "$work/folder/timeline"
check 'timeline.csv has the columns that the client writes' same_columns "$work/folder/timeline.csv" "$documents/timeline.csv"
finish
