# Make a manual page of a public header: its comments are the reference, and there is only one.
#
#     awk -v name=echopool -v title='...' -f header.awk -f header-to-man.awk pool/echopool.h >echopool.3
#
# In a comment, plain paragraphs are filled; what is indented, and everything from the first @tag
# on, keeps its lines.

# Print the comment's lines, collected in comment[1..lines].
function print_comment(    i, text, literal, tagged, parted) {
    literal = tagged = parted = 0
    for (i = 1; i <= lines; i++) {
        text = comment[i]
        if (text ~ /^@file/)
            continue
        if (text ~ /^@/)
            tagged = 1
        if (!literal && (tagged || text ~ /^    /)) {
            print ".Bd -literal -compact"
            literal = 1
        } else if (literal && !tagged && text != "" && text !~ /^ /) {
            print ".Ed"
            literal = 0
        }
        if (literal) {
            print escape(text)
            continue
        }
        gsub(/\*\*/, "", text)
        if (text ~ /^ - / && !parted)
            print ".Pp"
        parted = text == ""
        sub(/^ +/, "", text)
        print text == "" ? ".Pp" : escape(text)
    }
    if (literal)
        print ".Ed"
}

function print_declaration(    i) {
    print ".Bd -literal"
    for (i = 1; i <= declared; i++) {
        gsub(/\/\*\*<?/, "/*", declaration[i])
        print escape(declaration[i])
    }
    print ".Ed"
}

function item() {
    print_declaration()
    print_comment()
}

function file() {
    print_comment()
}

function heading(words) {
    print ".Sh " toupper(words)
}

function end() {
    print ".Sh SEE ALSO"
    print ".Xr echo-server 1 ,"
    print ".Xr futex 2 ,"
    print ".Xr pthreads 7"
}

BEGIN {
    print ".\\\" Made of the header by header-to-man.awk."
    print ".Dd $Mdocdate$"
    print ".Dt " toupper(name) " 3"
    print ".Os"
    print ".Sh NAME"
    print ".Nm " name
    print ".Nd " title
    print ".Sh SYNOPSIS"
    print ".In " name ".h"
    print ".Pp"
    print "Link with what"
    print ".Ql pkg-config --cflags --libs echopool"
    print "says."
    print ".Sh DESCRIPTION"
}
