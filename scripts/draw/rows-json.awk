# SPDX-License-Identifier: MIT
# Print the rows of a TSV as JSON objects with commas between them. The first line names the columns; an
# empty cell is null, and what is no number a string. With `side`, print only the rows of that side of the
# plate, without the first column, the side.
BEGIN {
    FS = "\t"
    from = side == "" ? 1 : 2
}
function json_of(cell) {
    if (cell == "")
        return "null"
    if (cell ~ /^[-+0-9.][-+0-9.e]*$/)
        return cell
    gsub(/[\\"]/, "\\\\&", cell)
    return "\"" cell "\""
}
NR == 1 {
    for (i = 1; i <= NF; i++)
        column[i] = $i
    next
}
side == "" || $1 == side {
    printf "%s\n   {", comma
    for (i = from; i <= NF; i++)
        printf "%s\"%s\":%s", (i > from ? "," : ""), column[i], json_of($i)
    printf "}"
    comma = ","
}
END { print "" }
