# Read a public header, for the scripts beside this one. What stands between a comment /** ... */ and the
# next blank line is the declaration it is about; a banner "/* --- Words ---" begins a section.
#
# The script has item(), called with a comment in comment[1..lines], its declaration in
# declaration[1..declared] and the functions of that in names[1..count]; file(), with the header's own
# comment; heading(words); and end().

function escape(text) {
    gsub(/\\/, "\\e", text)
    return text ~ /^[.']/ ? "\\&" text : text
}

function finish_item() {
    if (declared > 0 && lines > 0)
        item()
    lines = declared = count = 0
}

/^\/\* --- / {
    finish_item()
    sub(/^\/\* --- /, "")
    sub(/ -*( \*\/)?$/, "")
    heading($0)
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
        if (comment[1] ~ /^@file/) { # about no declaration
            file()
            lines = 0
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
    if (/EP_API/ && match($0, /ep_[a-z_]+\(/))
        names[++count] = substr($0, RSTART, RLENGTH - 1)
    text = $0
    gsub(/EP_API |EP_MUSTCHECK /, "", text)
    declaration[++declared] = text
}

END {
    finish_item()
    end()
}
