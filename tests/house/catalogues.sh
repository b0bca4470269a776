#!/bin/sh
# The catalogues of po/: correct, and in step with the messages of the programs.
#
# What has no translation yet is listed and fails nothing, since gettext says it in English: a change can add a
# message without knowing Chinese. What is wrong fails.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
needs xgettext msgfmt msgmerge msgattrib

# Two directives that differ would make a message print what is not there.
is_correct() {
    msgfmt --check --output-file=/dev/null "$1"
}

# msgmerge can guess at translations, and gettext does not use what is guessed.
has_no_guesses() {
    msgattrib --only-fuzzy "$1" >"$work/fuzzy" && ! grep . "$work/fuzzy" ||
        { echo "make each of them right, and take its line '#, fuzzy' away"; return 1; }
}

extract() {
    "$TOP_SRCDIR/po/extract" "$TOP_BUILDDIR" >"$work/pot"
}

# has_message TEXT: the texts are in one line each.
has_message() {
    msgcat --no-wrap "$work/pot" | grep -qxF "msgid \"$1\"" || { echo "not found by po/extract: $1"; return 1; }
}

has_messages_of_all_kinds() {
    has_message 'cannot make the event loop: %m' && has_message 'session %u: %s' &&      # log_fatal(), log_verbose()
        has_message 'session %<PRIu64> from %s ended: %s%s%s' &&                         # log_event()
        has_message 'session %<PRIu64> from %s failed: %s' && has_message 'yes or no' && # N_()
        has_message 'standard output' &&                                                 # _()
        has_message 'sessions that may wait for a worker' && has_message 'The load:' &&  # tables
        has_message 'a number from 0.001 to 1000000000, or exp:R for random times' &&
        has_message 'the file of --cert' && has_message 'a schedule does not wait for replies'
}

# An event's facts are braces, whose commas xgettext counts: its format is in N_().
events_are_marked() {
    find "$TOP_SRCDIR/client" "$TOP_SRCDIR/server" -name '*.c' -exec awk '
        /log_event\(/ { call = ""; inside = 1 }
        inside { call = call $0 }
        inside && /;$/ {
            if (call ~ /\{/ && call !~ /N_\(/) { print FILENAME ": " call; print "put its format into N_()"; bad = 1 }
            inside = 0
        }
        END { exit bad }' {} +
}

# Print the messages that the catalogue does not have, each in one line.
missing() {
    msgmerge --quiet --no-fuzzy-matching --output-file="$work/merged" "$1" "$work/pot" 2>/dev/null &&
        msgattrib --untranslated --no-obsolete --no-wrap "$work/merged" |
        sed -n '/^msgid ""$/d; s/^msgid "\(.*\)"$/\1/p'
}

check 'po/extract finds the messages' extract
check 'they are of all kinds' has_messages_of_all_kinds
check 'the format of each event is found' events_are_marked
for po in "$TOP_SRCDIR"/po/*.po; do
    name=${po##*/}
    check "$name is correct, and its directives are those of the messages" is_correct "$po"
    check "$name has no guesses" has_no_guesses "$po"
    missing "$po" >"$work/missing"
    if [ -s "$work/missing" ]; then
        echo "# $name has no translation of these messages, which are English until then:"
        sed 's/^/#     /' "$work/missing"
        echo "# To translate them: make update-po, fill in each empty msgstr of po/$name, run this test again (HACKING.md)."
    fi
done
finish
