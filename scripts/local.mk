# Scripts for people and for CI.
EXTRA_DIST += %D%/build %D%/check-model %D%/check-sanitizers %D%/demo %D%/packages %D%/test

check-sanitizers:
	$(top_srcdir)/scripts/check-sanitizers
