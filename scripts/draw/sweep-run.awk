# SPDX-License-Identifier: MIT
# One run of a sweep, from what the sampler saw to a line: what the run was asked to be (`known`), what
# the server told of itself over time, what the client tells (`client`), and how many sessions failed.
#
# Counted is from when all sessions are there and have begun to mix, until the first may have ended:
# from a tenth of `lasts`, the seconds of the run, until shortly before they are over.
BEGIN { FS = OFS = "\t" }
NR == 1 {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    next
}
$at["accepted"] != all { next }
begun == "" { begun = $at["seconds"] }
$at["seconds"] < begun + 0.1 * lasts || $at["seconds"] > begun + 0.97 * lasts { next }
{
    if (++n == 1) {
        first = $at["seconds"]
        before = $at["echoes"]
    }
    last = $at["seconds"]
    after = $at["echoes"]
    queued += $at["queued"]
    busy += $at["with_worker"]
}
END {
    if (n < 3)
        exit 1
    print known, last - first, after - before, (after - before) / (last - first), client, \
        (queued + busy) / n, queued / n, busy / n, failed
}
