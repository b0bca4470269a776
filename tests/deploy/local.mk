# What deploy/ has for the programs of others, run with them: make check-deploy. Not part of make check, as those
# programs are large. A test whose programs are not installed is skipped.
DEPLOY_TESTS = tests/deploy/prometheus.sh
EXTRA_DIST += $(DEPLOY_TESTS)

check-deploy: all
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(DEPLOY_TESTS)' check_PROGRAMS= check_LTLIBRARIES=
