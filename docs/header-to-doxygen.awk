# Prepare a public header for Doxygen, which runs this as its input filter (docs/Doxyfile).
#
#     awk -f header-to-doxygen.awk pool/echopool.h
#
# The comments have the form that the manual pages are made of. In what Doxygen would fill to one paragraph
# the lines mean something: each result of a function becomes a @retval, "Threads:" a heading, a banner
# between comments the heading of a group. A function that shares the comment of another one refers to it.

function close_group() {
    if (grouped)
        print "/** @} */"
    grouped = 0
}

# Turn a line behind @return into @retval if it begins with codes; their explanation is two blanks away.
function result(text,    codes) {
    sub(/^ */, "", text)
    if (!match(text, /^(-E[A-Z0-9]+|EP_E[A-Z]+|0|1|otherwise)(, (-E[A-Z0-9]+|EP_E[A-Z]+))*(  +|$)/))
        return text
    codes = substr(text, 1, RLENGTH)
    text = substr(text, RLENGTH + 1)
    sub(/ +$/, "", codes)
    gsub(/, /, ",", codes)
    if (codes == "otherwise")
        return "@par Otherwise\n" text
    return "@retval " codes " " text
}

/^\/\* --- / {
    close_group()
    title = $0
    gsub(/^\/\* --- | -* \*\/$/, "", title)
    print "/** @name " title " */\n/** @{ */"
    grouped = 1
    next
}
/^#ifdef __cplusplus/ { close_group() }

/^ *\/\*\*/ { returns = 0; commented = 1; documented = "" }
/^ \* @return/ {
    returns = 1
    text = $0
    sub(/^ \* @return */, "", text)
    text = result(text)
    print " * " (text ~ /^@/ ? text : "@return " text)
    next
}
/^ \* @param|^ \*$/ { returns = 0 }
/^ \* Threads: / { sub(/Threads: /, "@par Threads\n * ") }
returns && /^ \* / { print " * " result(substr($0, 4)); next }
/^ \*\// { returns = 0 }

/^$/ { commented = 0; documented = "" }
/^EP_API/ && match($0, /ep_[a-z_]+\(/) {
    if (documented != "")
        print "/** See " documented "(). */"
    else if (commented)
        documented = substr($0, RSTART, RLENGTH - 1)
}
{ print }
