#!/bin/sh
# make html: Doxygen has nothing to complain about, every public function is there with its results, and all links of
# the site lead somewhere.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
if [ -z "$(configured DOXYGEN)" ]; then
    echo '1..0 # SKIP doxygen is not installed'
    exit 0
fi
# A -j of the make that runs this test must not reach into this one.
unset MAKEFLAGS MAKELEVEL

# A warning of Doxygen fails it.
builds() {
    rm -rf "$TOP_BUILDDIR/html"
    ${MAKE:-make} -s -C "$TOP_BUILDDIR" html/reference/index.html
}

# A copy of the header with a @param that no function has.
notices() {
    sed 's/@param size  set/@param length  set/' "$TOP_SRCDIR/pool/echopool.h" >"$work/echopool.h"
    ! cmp -s "$work/echopool.h" "$TOP_SRCDIR/pool/echopool.h" &&
        { cat "$TOP_SRCDIR/docs/Doxyfile" && echo "INPUT = \"$work/echopool.h\"" && echo "OUTPUT_DIRECTORY = \"$work/html\""; } |
        doxygen - >"$work/said" 2>&1
    [ $? -ne 0 ] && grep -q "argument 'length'" "$work/said"
}

is_whole() {
    for header in echopool echopool-mp; do
        sed -n 's/^EP_API.*[ *]\(ep_[a-z_]*\)(.*/\1/p' "$TOP_SRCDIR/pool/$header.h" >"$work/functions"
        [ -s "$work/functions" ] || return 1
        while read -r function; do
            grep -q ">$function()</h2>" "$TOP_BUILDDIR/html/reference/$(echo "$header" | sed 's/_/__/g')_8h.html" || {
                echo "missing: $function"
                return 1
            }
        done <"$work/functions"
    done
}

# Each code that ep_submit() returns has a row of its own.
has_results() {
    sed -n '/>ep_submit()<\/h2>/,/>ep_try_submit()<\/h2>/p' "$TOP_BUILDDIR/html/reference/echopool_8h.html" >"$work/page"
    for code in 0 -EAGAIN -EDEADLK EP_ESHUTDOWN EP_EBROKEN -EINVAL -ENOMEM; do
        grep -q "class=\"paramname\">.*$code<" "$work/page" || {
            echo "missing: $code"
            return 1
        }
    done
}

# Doxygen names the page of a document by its path.
names_no_path() {
    ls "$TOP_BUILDDIR/html/reference" | grep '^md_' >"$work/pages" && ! grep -v '^md_docs_' "$work/pages"
}

# --- the site ------------------------------------------------------------------------------------

makes_the_site() {
    ${MAKE:-make} -s -C "$TOP_BUILDDIR" html
}

# links FOLDER: print each link within these pages that leads nowhere, and each that would work only where the site
# is now. What a page needs to be shown is on the site.
links() {
    (cd "$1" && find . -type f | sed 's|^\./||' | sort >"$work/all" && grep '\.html$' "$work/all" | xargs awk -v all="$work/all" '
        BEGIN { while ((getline line <all) > 0) there[line] = 1 }
        function add(target) {
            gsub(/&amp;/, "\\&", target)
            if (target !~ /^(https?|mailto|data|javascript):/ || kind != "href") link[FILENAME "\t" target] = kind
        }
        {
            rest = $0
            while (match(rest, /[ \t](id|name|href|src)="[^"]*"/)) {
                text = substr(rest, RSTART + 1, RLENGTH - 2)
                rest = substr(rest, RSTART + RLENGTH)
                kind = substr(text, 1, index(text, "=") - 1)
                text = substr(text, index(text, "\"") + 1)
                if (kind == "id" || kind == "name") there[FILENAME "#" text] = 1
                else add(text)
            }
        }
        END {
            for (pair in link) {
                split(pair, part, "\t")
                path = part[1]
                sub(/[^\/]*$/, "", path)
                path = part[2] ~ /^#/ || part[2] == "" ? part[1] part[2] : path part[2]
                while (sub(/[^\/]+\/\.\.\//, "", path)) { }
                if (part[2] ~ /^[a-z]+:|^\// || !(path in there)) { print part[1] ": " part[2]; bad = 1 }
            }
            exit bad
        }')
}

# A page is there in each language, and each leads to the other.
has_every_page() {
    (cd "$TOP_SRCDIR" && ls README*.md docs/*.md lessons/*.md lessons/*/*.md labs/*.md labs/*/*.md examples/*.md) |
        sed 's/README\(.*\)\.md$/index\1.md/; s/\.md$/.html/' >"$work/wanted"
    while read -r page; do
        [ -f "$TOP_BUILDDIR/html/$page" ] || { echo "missing: $page"; return 1; }
        case $page in
        *.zh.html) other=${page%.zh.html}.html ;;
        *) other=${page%.html}.zh.html ;;
        esac
        ! grep -qx "$other" "$work/wanted" || grep -q "<a class=\"language\" href=\"${other##*/}\"" "$TOP_BUILDDIR/html/$page" || {
            echo "$page does not lead to $other"
            return 1
        }
    done <"$work/wanted"
}

# Each kind of wrong link is found.
finds_wrong_links() {
    mkdir -p "$work/site/a"
    echo '<p id="p"><a href="a/b.html#q">x</a>' >"$work/site/index.html"
    echo '<p id="q"><a href="../index.html#p">x</a><a href="https://example.org/">x</a>' >"$work/site/a/b.html"
    links "$work/site" || return 1
    for wrong in 'href="c.html"' 'href="../index.html#none"' 'href="/index.html"' 'href="file:///index.html"' \
        'src="https://example.org/a.js"' 'href="#none"'; do
        echo "<p id=\"q\"><a $wrong>x</a>" >"$work/site/a/b.html"
        ! links "$work/site" >"$work/said" || { echo "not found: $wrong"; return 1; }
    done
}

check 'the reference in HTML is made without a warning' builds
check 'a parameter that does not exist fails it' notices
check 'every public function is in it' is_whole
check 'the results of a function are a list' has_results
check 'the names of pages do not depend on where they are made' names_no_path
check 'a link that leads nowhere is found' finds_wrong_links
if command -v pandoc >/dev/null 2>&1 && command -v mandoc >/dev/null 2>&1; then
    check 'the site is made' makes_the_site
    check 'it has every page, and they lead to their translations' has_every_page
    check 'each link of it leads somewhere' links "$TOP_BUILDDIR/html"
else
    skip 'the site' 'pandoc or mandoc is not installed'
fi
finish
