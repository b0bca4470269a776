#!/bin/sh
# What is said in English and in Chinese is in step: each page has the same headings, commands,
# lists and links in both, and each lesson its seven headings and all the lines that its script shows.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1

# outline FILE: what both languages must have in common, a line each, in order: the level of each
# heading, each line of a block of code, the number of each point, the width of each table row,
# where each link and image leads.
outline() {
    awk '
        # Links to a page in one language stand for links to the same page in the other.
        function links(text) {
            while (match(text, /!?\[[^]]*\]\([^)]*\)/)) {
                link = substr(text, RSTART, RLENGTH)
                text = substr(text, RSTART + RLENGTH)
                kind = (link ~ /^!/) ? "image" : "link"
                sub(/^.*\]\(/, "", link)
                sub(/\)$/, "", link)
                sub(/#.*/, "#", link)
                sub(/\.zh\.md/, ".md", link)
                print kind, link
            }
        }
        /^```/ { fenced = !fenced; sample = /console/; print "code", $0; next }
        fenced { if (!sample) print "code", $0; next }
        /^    / && (blank || code) { code = 1; print "code", $0; next }
        { code = 0; blank = ($0 == "") }
        /^#+ / { print "heading", $1 }
        /^[0-9]+\. / { print "point", $1 }
        /^[-*] / { print "bullet" }
        /^\|/ { print "row", gsub(/\|/, "|") }
        { links($0) }' "$1"
}

in_step() {
    [ -f "$1.md" ] && [ -f "$1.zh.md" ] || return 1
    outline "$1.md" >"$work/en"
    outline "$1.zh.md" >"$work/zh"
    [ -s "$work/en" ] && diff "$work/en" "$work/zh"
}

# table LANGUAGE: the keys and texts of the live page in this language, a line each.
table() {
    awk -v language="$1:" '/^  [a-z]+: [{]$/ { on = $1 == language } on' server/admin/page/texts.js |
        grep -oE '("[^"]+"|[A-Za-z_]+): "[^"]*"' | sed -E 's/^"?([^":]*)"?: "(.*)"$/\1\t\2/'
}
table en >"$work/texts.en"
table zh >"$work/texts.zh"

# The words between `...` are names of things and the same in every language, except for those of places on
# the live page, which has both. Per section they are the same set, however the sentences go.
same_names() {
    for language in .md .zh.md; do
        awk '/^```/ { fenced = !fenced } /^## / && !fenced { section++ } !/^    / && !fenced { print section "\t" $0 }' "$1$language" |
            awk -F '\t' -v english="$work/texts.en" -v chinese="$work/texts.zh" '
            BEGIN {
                while ((getline <chinese) > 0)
                    text[$1] = $2
                while ((getline <english) > 0)
                    if (!($2 in place))
                        place[$2] = text[$1]
            }
            {
                while (match($2, /`[^`]+`/)) {
                    name = substr($2, RSTART + 1, RLENGTH - 2)
                    print $1, (name in place) ? place[name] : name
                    $2 = substr($2, RSTART + RLENGTH)
                }
            }' | sort -u >"$work/names$language"
    done
    diff "$work/names.md" "$work/names.zh.md"
}

# Both tables have something, and the same keys; tests/server/check_page_languages compares the texts.
same_keys() {
    for language in en zh; do
        cut -f 1 "$work/texts.$language" | sort >"$work/keys.$language"
    done
    [ "$(wc -l <"$work/keys.en")" -gt 100 ] && diff "$work/keys.en" "$work/keys.zh"
}

# What each model says about itself has a text in each language.
models_are_translated() {
    sed -nE 's/^ *\.(title|unit|words) = (.*),$/\2/p' server/models/*.c | tr -d '"' | sort -u >"$work/said"
    [ -s "$work/said" ] || return 1
    while IFS= read -r words; do
        grep -qF "$words	" "$work/texts.zh" || {
            echo "no text in server/admin/page/texts.js for: $words"
            return 1
        }
    done <"$work/said"
}

# A line break in a paragraph is a space on the page, so a paragraph is one line: none may end between two Chinese
# characters. Nor may a space stand between two of them, or beside their full-width punctuation, which is wide enough;
# an address before it is in <>. All of them are three bytes each. Code keeps its lines.
has_no_spaces_in_chinese() {
    ! LC_ALL=C awk -v chinese='([\343-\351][\200-\277][\200-\277]|\357[\274\275][\200-\277]|\342\200[\224\230-\235\246])' \
        -v mark='(\343\200[\201\202]|\357\274[\201\210\211\214\232\233\237]|\342\200[\230-\235])' '
        function stray() { print FILENAME ":" FNR ": " $0; found = 1 }
        /^```/ { fenced = !fenced }
        fenced || /^    / { open = 0; next }
        { text = $0; if (sub(/^ *([0-9]+\.|[-*]|#+) +/, "", text)) open = 0; sub(/^ +/, "", text) }
        open && text ~ "^" chinese { stray() }
        {
            open = (text ~ chinese "$")
            gsub(/ *\| */, "|", text)
        }
        text ~ chinese " +" chinese || text ~ " " mark || text ~ mark " " { stray() }
        END { exit !found }' "$1.zh.md"
}

headings() {
    sed -n 's/^## //p' "$1"
}

has_headings() {
    printf '%s\n' Claim 'What happens' 'Run it' 'What to see' Why Question Output >"$work/wanted"
    headings "$1/README.md" | diff "$work/wanted" - || return 1
    printf '%s\n' 论点 发生了什么 动手运行 看什么 为什么 问题 输出 >"$work/wanted"
    headings "$1/README.zh.md" | diff "$work/wanted" -
}

# points FILE HEADING: the numbers of its points, sorted.
points() {
    awk -v heading="## $2" '/^## / { inside = ($0 == heading) } inside && /^[0-9]+\. / { print $1 + 0 }' "$1" | sort -n
}

# Whatever is promised is done: each step is shown, and each thing to see is checked.
all_is_run() {
    [ -x "$1/run" ] || return 1
    sed -n 's/^[[:blank:]]*show \([0-9]*\)$/\1/p' "$1/run" | sort -nu >"$work/shown"
    points "$1/README.md" 'What happens' | diff - "$work/shown" || return 1
    sed -n 's/^[[:blank:]]*expect \([0-9]*\) .*/\1/p' "$1/run" | sort -nu >"$work/expected"
    [ -s "$work/expected" ] && points "$1/README.md" 'What to see' | diff - "$work/expected"
}

# paragraphs FILE WORDS: those that have these words, each on a line.
paragraphs() {
    awk -v RS= -v words="$2" '{ gsub(/\n/, " ") } index($0, words)' "$1"
}

# What is said to stand on the live page stands there: each of the names between `...`, except for options
# and commands.
is_on_the_page() { # LANGUAGE
    grep -oE '`[^`]+`' | tr -d '`' | grep -vE '^(--|\./|jq)' | sort -u >"$work/places"
    [ -s "$work/places" ] || return 1
    while IFS= read -r place; do
        cut -f 2 "$work/texts.$1" | grep -qxF -e "$place" || {
            echo "not on the page: $place"
            return 1
        }
    done <"$work/places"
}

says_where_to_look() {
    paragraphs "$1/README.md" 'open http://127.0.0.1:8091/' | is_on_the_page en || return 1
    paragraphs "$1/README.zh.md" '打开 <http://127.0.0.1:8091/>' | is_on_the_page zh
}

# In this document it is sentences.
names_places_on_the_page() {
    paragraphs docs/what-to-look-at.md 'On the page' | grep -oE 'On the page[^.]*' | is_on_the_page en || return 1
    paragraphs docs/what-to-look-at.zh.md '页面上' | grep -oE '页面上[^。]*' | is_on_the_page zh
}

# The question, and then where its answer can be seen, which the output follows.
ends_with_a_way_to_the_answer() {
    awk '/^## / { last = ($0 == "## Question") } last' "$1/README.md" >"$work/question"
    [ "$(awk -v RS= 'END { print NR }' "$work/question")" -ge 3 ] && tail -n 3 "$work/question" | grep -qE '`|page|[Ll]esson'
}

# The index names each folder, and so does the list of what is in the tarball.
all_are_named() {
    for lesson in lessons/[0-9]*/; do
        name=$(basename "$lesson")
        grep -q "]($name/README.md)" lessons/README.md && grep -q "^[[:blank:]]$name\( \\\\\)*$" lessons/local.mk || {
            echo "missing: $name"
            return 1
        }
    done
}

check 'the live page has the same texts in both languages' same_keys
check 'the live page has each model in both languages' models_are_translated

# Either language is enough for a page to be one.
for page in README.md docs/*.zh.md lessons/*.md lessons/*/*.md; do
    page=${page%.md}
    echo "${page%.zh}"
done | sort -u >"$work/pages"
while read -r page; do
    check "$page is in step in both languages" in_step "$page"
    check "$page has the same names in both languages" same_names "$page"
    check "$page has no spaces between Chinese characters" has_no_spaces_in_chinese "$page"
done <"$work/pages"
for lesson in lessons/[0-9]*/; do
    lesson=${lesson%/}
    check "$lesson has its headings" has_headings "$lesson"
    check "$lesson shows each step and checks each thing to see" all_is_run "$lesson"
    check "$lesson says where on the live page to look" says_where_to_look "$lesson"
    check "$lesson says where the answer to its question can be seen" ends_with_a_way_to_the_answer "$lesson"
done
check 'the places on the live page that docs/what-to-look-at.md names are there' names_places_on_the_page
check 'all lessons are in the index and in the tarball' all_are_named
finish
