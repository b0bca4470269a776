# Make a manual page of a public header: its comments are the reference, and there is only one.
#
#     awk -v name=echopool -v title='...' -f header-to-man.awk pool/echopool.h >echopool.3
#
# What stands between a comment /** ... */ and the next blank line is the declaration it is about.
# In a comment, plain paragraphs are filled; what is indented, and everything from the first @tag
# on, keeps its lines. A banner "/* --- Words ---" begins a section.

function escape(text) {
    gsub(/\\/, "\\e", text)
    if (text ~ /^[.']/)
        text = "\\&" text
    return text
}

# Print the comment's lines, collected in comment[1..lines].
function print_comment(    i, text, literal, tagged) {
    literal = tagged = 0
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
        if (text ~ /^ - /)
            print ".Pp"
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

function finish_item() {
    if (declared > 0 && lines > 0) {
        print_declaration()
        print_comment()
    }
    lines = declared = 0
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

/^\/\* --- / {
    finish_item()
    sub(/^\/\* --- /, "")
    sub(/ -*( \*\/)?$/, "")
    print ".Sh " toupper($0)
    next
}

# A comment of one line, or the beginning of a longer one.
/^\/\*\*/ {
    finish_item()
    in_comment = 1
    text = $0
    sub(/^\/\*\* ?/, "", text)
    if (text ~ /\*\/$/) {
        sub(/ ?\*\/$/, "", text)
        in_comment = 0
    }
    if (text != "")
        comment[++lines] = text
    next
}
in_comment {
    text = $0
    if (text ~ /\*\//) {
        in_comment = 0
        if (!opened) { # the header's own comment is about no declaration
            print_comment()
            lines = 0
            opened = 1
        }
        next
    }
    sub(/^ \* ?/, "", text)
    comment[++lines] = text
    next
}

# Preprocessor lines other than macros for users, and what is not documented, are left out.
/^$/ { finish_item(); next }
/^#(if|ifdef|ifndef|else|endif|include)/ || /^extern "C"/ || /^}$/ { lines = 0; next }
lines > 0 || declared > 0 {
    text = $0
    gsub(/EP_API |EP_MUSTCHECK /, "", text)
    declaration[++declared] = text
}

END {
    finish_item()
    print ".Sh SEE ALSO"
    print ".Xr echo-server 1 ,"
    print ".Xr pthreads 7 ,"
    print ".Xr futex 2"
}
