# The house itself: headers, manual pages, installation, style. Shell scripts that print TAP.
# The library alone has those of the first list.
HOUSE_TESTS = tests/house/headers.sh tests/house/install.sh tests/house/manual.sh \
	tests/house/reference.sh tests/house/style.sh
if PROGRAMS
HOUSE_TESTS += tests/house/architecture.sh tests/house/behaviours.sh tests/house/catalogues.sh tests/house/circles.sh tests/house/commands.sh \
	tests/house/completion.sh tests/house/debian.sh tests/house/languages.sh tests/house/lessons.sh tests/house/looks.sh \
	tests/house/models.sh tests/house/names.sh tests/house/packages.sh tests/house/pictures.sh tests/house/release.sh \
	tests/house/words.sh
endif
# A sanitizer sees nothing of texts, and of the installed library no more than it sees in the other rooms.
if !SANITIZED
TESTS += $(HOUSE_TESTS)
endif
EXTRA_DIST += $(HOUSE_TESTS) tests/house/commands.bash tests/kit/tap.sh tests/README.md

# Automake exports nothing by itself; the scripts need the tools that configure has found.
AM_TESTS_ENVIRONMENT += CC='$(CC)'; CXX='$(CXX)'; MAKE='$(MAKE)'; NM='$(NM)'; export CC CXX MAKE NM;
