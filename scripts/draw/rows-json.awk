# SPDX-License-Identifier: MIT
# Print the rows of a TSV as JSON objects with commas between them. The first line names the columns; an
# empty cell is null. With `side`, print only the rows of that side of the plate, without the first
# column, the side.
BEGIN {
    FS = "\t"
    from = side == "" ? 1 : 2
}
NR == 1 {
    for (i = 1; i <= NF; i++)
        column[i] = $i
    next
}
side == "" || $1 == side {
    printf "%s\n   {", comma
    for (i = from; i <= NF; i++)
        printf "%s\"%s\":%s", (i > from ? "," : ""), column[i], ($i == "" ? "null" : $i)
    printf "}"
    comma = ","
}
END { print "" }
