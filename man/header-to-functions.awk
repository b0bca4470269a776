# Make a manual page for each public function of a header: see header-to-man.awk, which makes one of all.
#
#     awk -v name=echopool -v folder=man -f header.awk -f header-to-functions.awk pool/echopool.h
#
# Functions under one comment share a page; the others of them are .so links to it.

# Print the comment's lines from one to another: prose is filled, what is indented keeps its lines.
function print_lines(page, from, to, literal,    i, text, indented, width) {
    for (i = from; i <= to; i++) {
        text = comment[i]
        if (match(text, /^@(param|return) +/)) {
            width = text ~ /^@param/ ? 7 : RLENGTH
            text = substr(text, width + 1)
        } else if (substr(text, 1, width) ~ /^ *$/) {
            text = substr(text, width + 1)
        }
        indented = literal || text ~ /^    /
        if (indented != open) {
            print (indented ? ".Bd -literal -compact" : ".Ed") >page
            open = indented
        }
        if (!open && text == "") {
            if (i > from && i < to)
                print ".Pp" >page
            continue
        }
        if (!open) {
            if (text ~ /^ - /)
                print ".Pp" >page
            sub(/^ +/, "", text)
            gsub(/\*\*/, "", text)
            while (match(text, /[^ .][.] +[A-Z]/)) { # a sentence begins a line
                print escape(substr(text, 1, RSTART + 1)) >page
                text = substr(text, RSTART + 2)
                sub(/^ +/, "", text)
            }
        }
        print escape(text) >page
    }
    if (open)
        print ".Ed" >page
    open = 0
}

function section(page, title, from, to, literal) {
    while (to >= from && comment[to] == "")
        to--
    if (from > to)
        return
    print ".Sh " title >page
    print_lines(page, from, to, literal)
}

# Where the first line from `from` on begins as the pattern says, or one behind the last.
function find(from, pattern) {
    while (from <= lines && comment[from] !~ pattern)
        from++
    return from
}

function item(    i, n, page, params, returns, threads, sentence) {
    if (count == 0)
        return
    page = folder "/" names[1] ".3"
    params = find(1, "^@param")
    returns = find(1, "^@return")
    threads = find(1, "^Threads:")
    if (params > returns) params = returns
    sentence = ""
    for (i = 1; i <= lines && comment[i] != "" && comment[i] !~ /^(@param|Threads)/; i++)
        sentence = sentence (i > 1 ? " " : "") comment[i]
    sub(/^@return +/, "return ", sentence)
    sub(/ @return.*/, "", sentence)
    sub(/[.:;] .*/, "", sentence)
    sub(/\.$/, "", sentence)
    printf ".\\\" Made of the header by header-to-functions.awk.\n.Dd $Mdocdate$\n.Dt %s 3\n.Os\n.Sh NAME\n", toupper(names[1]) >page
    for (n = 1; n <= count; n++)
        print ".Nm " names[n] (n < count ? " ," : "") >page
    print ".Nd " escape(tolower(substr(sentence, 1, 1)) substr(sentence, 2)) >page
    print ".Sh SYNOPSIS\n.In " name ".h\n.Bd -literal" >page
    for (i = 1; i <= declared; i++) print escape(declaration[i]) >page
    print ".Ed" >page
    print ".Sh DESCRIPTION" >page
    n = params < threads ? params : threads
    if (n == 1) print "See the return value." >page
    print_lines(page, 1, n - 1, 0)
    if (params < returns) { print ".Pp" >page; print_lines(page, params, returns - 1, 1) }
    section(page, "RETURN VALUES", returns, (threads > returns ? threads : lines + 1) - 1, 1)
    print ".Sh THREADS" >page
    if (threads <= lines) { sub(/^Threads: */, "", comment[threads]); print_lines(page, threads, (returns > threads ? returns : lines + 1) - 1, 0) }
    else print "Any thread may call this." >page
    print ".Sh SEE ALSO\n.Xr " name " 3" >page
    close(page)
    for (n = 2; n <= count; n++) {
        page = folder "/" names[n] ".3"
        print ".so man3/" names[1] ".3" >page
        close(page)
    }
}

# The overview is the page of the header.
function file() {}
function heading(words) {}
function end() {}
