# SPDX-License-Identifier: MIT
# Read a table of tab-separated columns whose first line has their names: v[ROW, NAME] is a cell, n the number of rows.
BEGIN { FS = "\t" }
NR == 1 {
    for (i = 1; i <= NF; i++)
        column[i] = $i
    next
}
{
    n++
    for (i = 1; i <= NF; i++)
        v[n, column[i]] = $i
}
