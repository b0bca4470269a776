# SPDX-License-Identifier: MIT
# For Doxygen, which does not find a page by a link if there is a blank in its path: give it the page's name.
{
    while (match($0, /\]\([a-z-]+\.md\)/)) {
        name = substr($0, RSTART + 2, RLENGTH - 6)
        page = name == "library" ? "index" : "md_docs_" name
        gsub(/-/, "_", page)
        $0 = substr($0, 1, RSTART + 1) page ".html)" substr($0, RSTART + RLENGTH)
    }
    print
}
