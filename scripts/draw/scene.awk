# SPDX-License-Identifier: MIT
# Draw where the sessions of a server are, as the live page shows it: backlog, queue, workers, and how sessions
# have ended. Reads its /stats.json, a value a line: path, tab, value. Needs svg.awk.
BEGIN {
    FS = "\t"
    word["receiving"] = "recv"
    word["sending"] = "send"
    word["handshake"] = "hello"
    GAP = 26  # between the middles of two dots, in pixels
    TOP = 112 # where dots and boxes begin
}
{ value[$1] = $2 }

# The age of a session fits into a dot.
function age(ms) { return int(ms / 1000) "s" }

function stage(x, title, depth, of) {
    svg_text(x, 72, "ink p", "start", title)
    svg_text(x, 96, "ink h", "start", depth)
    svg_text(x + 12 + 10 * length(depth), 96, "muted s", "start", of)
}

# Draw up to 20 dots, five in a row; `ages` is the path of a list with their ages, or nothing.
function dots(x, number, class, ages,    i, cx, cy) {
    for (i = 0; i < number && i < 20; i++) {
        cx = x + 11 + i % 5 * GAP
        cy = TOP + 12 + int(i / 5) * GAP
        printf "<circle class=\"%s\" fill-opacity=\".2\" cx=\"%d\" cy=\"%d\" r=\"11\"/>\n", class, cx, cy
        if (ages != "")
            svg_text(cx, cy + 4, "ink s", "middle", age(value[ages "." i ".waiting_ms"]))
    }
    more(x, TOP + 12 + 4 * GAP, number - 20)
}

function more(x, y, number) {
    if (number > 0)
        svg_text(x, y + 4, "muted s", "start", "and " number " more")
}

# Draw box number i: what a worker does, or nothing, and what it has.
function box(x, i, state, has,    bx, by) {
    bx = x + i % 2 * 112
    by = TOP + int(i / 2) * 46
    printf "<rect class=\"%s\" fill-opacity=\"%s\" x=\"%d\" y=\"%d\" width=\"104\" height=\"38\" rx=\"5\"/>\n", \
        has == "" ? "note" : "a", has == "" ? "0" : ".2", bx, by
    svg_text(bx + 8, by + 16, "ink s", "start", has == "" ? "idle" : state in word ? word[state] : state)
    svg_text(bx + 8, by + 31, "muted s", "start", has)
}

# Draw up to eight boxes, two in a row: the workers or, with one for each session, the sessions.
function boxes(x,    i, at, has) {
    for (i = 0; i < 8 && i < value["workers.count"]; i++) {
        at = "workers.list." i
        if (!((at ".worker") in value)) {
            at = "sessions.list." i
            box(x, i, value[at ".phase"], "session " value[at ".session"] ", " age(value[at ".held_ms"]))
            continue
        }
        has = value[at ".sessions"] == 1 ? "session " value[at ".session"] ", " age(value[at ".held_ms"]) : \
            value[at ".sessions"] > 0 ? value[at ".sessions"] " sessions" : ""
        box(x, i, value[at ".state"], has)
    }
    more(x, TOP + 4 * 46 + 6, value["workers.count"] - 8)
}

function ended(kind) { return value["connections.ended." kind] + 0 }

function outcome(y, class, name, number) {
    svg_text(760, y, "ink h", "end", number)
    svg_text(772, y, class, "start", name)
}

END {
    parked = value["sessions.phases.parked"] + 0
    title = value["model"] (value["draining"] == "true" ? ", draining: no new clients" : \
        value["accept.paused"] == "true" ? ", accepting is paused" : "")
    svg_begin(860, value["workers.count"] > 8 ? 320 : value["workers.count"] > 4 ? 300 : 220, title, \
        "Backlog " value["backlog.depth"] + 0 ", queue " value["queue.depth"] + 0 ", workers busy " \
        value["workers.busy"] " of " value["workers.count"] ", parked " parked)
    stage(24, "Kernel backlog", value["backlog.depth"] + 0, "")
    dots(24, value["backlog.depth"], "b")
    if (parked > 0) {
        stage(196, "Parked", parked, "without a worker")
        dots(196, parked, "d")
    } else if (value["serving.queues"] == "true") {
        stage(196, "Queue", value["queue.depth"], "of " value["queue.capacity"])
        dots(196, value["queue.depth"], "b", "queue.list")
    }
    stage(368, value["serving.title"], value["workers.busy"], value["capped"] == "true" ? "of " value["workers.count"] : "")
    boxes(368)
    outcome(96, "c", "served", ended("served") + ended("stopped"))
    outcome(130, "b", "rejected", ended("rejected"))
    outcome(164, "b", "timed out", ended("queue timeout") + ended("handshake timeout") + ended("idle timeout") + \
        ended("write timeout") + ended("session timeout") + ended("cut"))
    outcome(198, "d", "failed", ended("failed") + ended("handshake failed"))
    svg_end()
}
