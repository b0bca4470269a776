#!/bin/sh
# scripts/packages, with an apt that only writes down what it was asked for: what must be there is
# installed or the script fails, and a browser is there if it can be had.
# shellcheck disable=SC2086  # the lists are words
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"

bin=$work/bin
asked=$work/asked
mkdir "$bin"

# A program of our own in the PATH, which has no other directory.
program() {
    { echo '#!/bin/sh' && cat; } >"$bin/$1"
    chmod +x "$bin/$1"
}

for tool in cat env find grep head mktemp rm tail; do
    echo "exec $(command -v $tool) \"\$@\"" | program $tool
done
echo 'echo 0' | program id
# What is installed, what is offered, and what cannot be installed stand in files, a word a line.
program dpkg-query <<END
for package; do :; done
grep -qx "\$package" "$work/installed" && echo 'install ok installed'
END
program apt-cache <<END
grep -qx "\$2" "$work/offered" && echo '  Candidate: 1.0'
END
program apt-get <<END
echo "\$@" >>"$asked"
for package; do
    ! grep -qx "\$package" "$work/broken" || exit 100
done
END

# The packages named are in that file, and nothing else is.
are() {
    file=$work/$1
    shift
    : >"$file"
    for package; do echo "$package" >>"$file"; done
}

# Run it for the test set, where everything is installed but check and a browser.
packages() {
    : >"$asked"
    PATH=$bin "$shell" "$TOP_SRCDIR/scripts/packages" test >"$work/said" 2>&1
}

shell=$(command -v sh)
browser=$(sed -n "s/^browser='\(.*\)'$/\1/p" "$TOP_SRCDIR/scripts/packages")
build_set=$(sed -n "s/^build='\(.*\)'$/\1/p" "$TOP_SRCDIR/scripts/packages")
autotools_set=$(sed -n "s/^autotools='\(.*\)'$/\1/p" "$TOP_SRCDIR/scripts/packages")
test_set=$(sed -n "s/^test='\(.*\)'$/\1/p" "$TOP_SRCDIR/scripts/packages")

all_but() {
    but=$1
    are installed
    for package in $test_set $2; do [ "$package" = "$but" ] || echo "$package" >>"$work/installed"; done
}

nothing_is_missing() {
    all_but none "$browser"
    packages && [ ! -s "$asked" ] && [ ! -s "$work/said" ]
}

both_are_installed() {
    all_but check
    are offered $browser
    are broken
    packages && grep -q 'install.* check$' "$asked" &&
        grep -q "install.* $browser$" "$asked" && ! grep -q skipped "$work/said"
}

none_is_offered() {
    all_but check
    are offered
    are broken
    packages && grep -q 'install.* check$' "$asked" && ! grep -q chromium "$asked" &&
        grep -q "apt has no $browser here, so the page's tests, check_page\*, will be skipped" "$work/said"
}

none_can_be_installed() {
    all_but check
    are offered $browser
    are broken chromium
    packages && grep -q 'install.* check$' "$asked" && grep -q chromium "$asked" &&
        grep -q "could not install $browser, so the page's tests, check_page\*, will be skipped" "$work/said"
}

one_is_there() {
    all_but none
    are offered $browser
    program google-chrome </dev/null
    program chromedriver </dev/null
    packages && [ ! -s "$asked" ]
    rc=$?
    rm "$bin/google-chrome" "$bin/chromedriver"
    return $rc
}

what_must_be_there() {
    all_but check "$browser"
    are broken check
    ! packages && grep -q 'could not install check' "$work/said"
}

# A tree of its own, with what stands there in this order, each a second older than the next.
tree() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/scripts"
    cp "$TOP_SRCDIR/scripts/packages" "$work/tree/scripts/"
    second=10
    for file; do
        touch -d "2026-01-01 00:00:$second" "$work/tree/$file"
        second=$((second + 1))
    done
    [ ! -f "$work/tree/configure" ] || chmod +x "$work/tree/configure"
    : >"$asked"
    PATH=$bin "$shell" "$work/tree/scripts/packages" build >"$work/said" 2>&1
}

a_built_tree() {
    are installed $build_set
    are broken
    tree configure.ac local.mk configure Makefile.in && [ ! -s "$asked" ] &&
        tree configure.ac configure local.mk Makefile.in && [ ! -s "$asked" ]
}

a_fresh_tree() {
    are installed $build_set
    are broken
    for files in 'configure.ac' 'configure Makefile.in configure.ac' 'configure.ac configure Makefile.in local.mk'; do
        tree $files && grep -q "install.* $autotools_set$" "$asked" || return 1
    done
}

check 'where nothing is missing nothing is asked for' nothing_is_missing
check 'what is missing is installed, and a browser' both_are_installed
check 'where apt has no browser the rest is installed, and it says so' none_is_offered
check 'where a browser cannot be installed the rest is there, and it says so' none_can_be_installed
check 'a browser of another name will do' one_is_there
check 'without what must be there it fails' what_must_be_there
check 'a tree that is built wants no autoconf' a_built_tree
check 'one without a configure, or with an old one, does' a_fresh_tree
finish
