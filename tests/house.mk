# The house itself: headers, manual pages, installation, style. Shell scripts that print TAP.
HOUSE_TESTS = tests/house_behaviours.sh tests/house_headers.sh tests/house_install.sh \
	tests/house_languages.sh tests/house_looks.sh tests/house_manual.sh tests/house_packages.sh \
	tests/house_pictures.sh tests/house_style.sh tests/house_words.sh
TESTS += $(HOUSE_TESTS)
EXTRA_DIST += $(HOUSE_TESTS) tests/looks.bash tests/kit/tap.sh tests/README.md

# Automake exports nothing by itself; the scripts need the tools that configure has found.
AM_TESTS_ENVIRONMENT += CC='$(CC)'; CXX='$(CXX)'; MAKE='$(MAKE)'; export CC CXX MAKE;
