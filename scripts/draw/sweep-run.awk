# SPDX-License-Identifier: MIT
# Turn the samples of one run of a sweep into a line: the parameters of the run (`known`), the means of the
# server's samples, the results of the client (`client`), and the number of failed sessions.
#
# Only samples from the steady part of the run count: all sessions are connected and have begun to mix,
# and none has ended yet. That is from 10 % to 97 % of `lasts`, the seconds of the run.
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
