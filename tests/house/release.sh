#!/bin/sh
# scripts/release, in a repository whose autogen.sh makes a configure that only writes a Makefile.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
if ! git --version >/dev/null 2>&1; then
    echo '1..0 # SKIP git is not installed'
    exit 0
fi
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
tree=$work/tree
out=$work/out

# A repository with this version in configure.ac, and this heading in NEWS.md.
repository() {
    rm -rf "$tree" "$out"
    mkdir -p "$tree/scripts"
    cp "$TOP_SRCDIR/scripts/release" "$tree/scripts/"
    printf '#!/bin/sh\n' >"$tree/scripts/packages"
    printf 'AC_INIT([echopool], [%s])\n' "$1" >"$tree/configure.ac"
    printf '# News\n\n## %s\n\n- new\n\n## 0.9\n\n- old\n' "$2" >"$tree/NEWS.md"
    cat >"$tree/autogen.sh" <<END
#!/bin/sh
cat >configure <<'CONFIGURE'
#!/bin/sh
printf 'dist:\n\techo tarball >echopool-$1.tar.xz\n' >Makefile
CONFIGURE
chmod +x configure
END
    chmod +x "$tree/autogen.sh" "$tree/scripts/packages"
    git init -q "$tree" && git -C "$tree" add -A && git -C "$tree" commit -q -m all
}

release() {
    unset MAKEFLAGS MAKELEVEL
    "$tree/scripts/release" "$@" >"$work/said" 2>&1
}

# refused WORDS ARGUMENT...: it makes nothing, and says this.
refused() {
    words=$1
    shift
    ! release "$@" "$out" && cat "$work/said" && [ "$(wc -l <"$work/said")" -eq 1 ] &&
        grep -qF "release: $words" "$work/said" && [ -z "$(ls "$out")" ]
}

makes_three_files() {
    repository 1.0 '1.0, 2026-12-01' && release "$out" && (cd "$out" && sha256sum -c SHA256SUMS) &&
        [ "$(ls "$out" | tr '\n' ' ')" = 'NEWS SHA256SUMS echopool-1.0.tar.xz ' ] && [ "$(wc -l <"$out/SHA256SUMS")" -eq 2 ] &&
        printf '## 1.0, 2026-12-01\n\n- new\n\n' | diff - "$out/NEWS" && [ -z "$(git -C "$tree" status --porcelain)" ]
}

changes() {
    repository 1.0 1.0 && echo changed >>"$tree/NEWS.md" &&
        refused 'NEWS.md has changed, or is new, and is not committed: commit it' &&
        repository 1.0 1.0 && : >"$tree/new" && refused 'new has changed, or is new, and is not committed'
}

another_version() {
    repository 1.1 1.0 && refused "the version in configure.ac is 1.1, and NEWS.md begins with '1.0': make them agree" &&
        repository 1.0 1.0.1 && refused "the version in configure.ac is 1.0, and NEWS.md begins with '1.0.1'"
}

a_tag() {
    repository 1.0 1.0 && git -C "$tree" tag v1.0 && refused 'the tag v1.0 exists, so 1.0 is released: raise the version'
}

not_yet() {
    repository 1.0 '1.0, not released yet' && refused "NEWS.md says '1.0, not released yet': write the day" && release --trial "$out"
}

no_tarball() {
    repository 1.0 1.0 && printf '#!/bin/sh\necho broken >&2\nexit 1\n' >"$tree/autogen.sh" && git -C "$tree" commit -q -a -m broken &&
        ! release "$out" && grep -qx broken "$work/said" && grep -q 'release: the tarball could not be made' "$work/said" && [ -z "$(ls "$out")" ]
}

# git reads no checkout of another user without safe.directory: neither to clone it, nor to look for changes.
of_another_user() {
    repository 1.0 1.0 && chown -R 65534:65534 "$tree" && release "$out" && touch "$tree/new" && rm -r "$out" &&
        refused 'new has changed, or is new, and is not committed' && rm "$tree/new" && git -C "$tree" -c safe.directory='*' tag v1.0 &&
        refused 'the tag v1.0 exists' && [ -z "$(find "$tree/.git" -maxdepth 1 -name index -user 0)" ]
}

check 'a release is a tarball, what is new in it, and their sums' makes_three_files
check 'changes that are not committed are refused' changes
check 'a version that NEWS.md does not begin with is refused' another_version
check 'a version that has a tag is refused' a_tag
check 'a version that is not released yet is only tried' not_yet
check 'without a tarball there are no sums' no_tarball
if : >"$work/file" && chown 65534:65534 "$work/file" 2>/dev/null; then
    check 'root releases the checkout of another user' of_another_user
else
    skip 'root releases the checkout of another user' 'only root can give it files'
fi
finish
