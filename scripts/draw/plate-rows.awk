# SPDX-License-Identifier: MIT
# Turn the samples of one server into rows of the plate. Time 0 is the last sample before the first
# client connected.
BEGIN { FS = OFS = "\t" }
NR == 1 {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    next
}
$at["accepted"] == 0 {
    before = $0
    next
}
!begun {
    begun = 1
    now = $0
    if (before != "")
        $0 = before
    start = $at["seconds"]
    if (before != "")
        row()
    $0 = now
}
{ row() }

function row() {
    print side, sprintf("%.3f", $at["seconds"] - start), $at["threads"], $at["served"], $at["turned_away"], \
        $at["queued"], sprintf("%.1f", $at["virtual_bytes"] / 1048576)
}
