# What deploy/ has for the programs of others, run with them: make check-deploy. Not part of make check, as those
# programs are large. A test whose programs are not installed is skipped.
DEPLOY_TESTS = tests/deploy/container.sh tests/deploy/kubernetes.sh tests/deploy/launch.sh tests/deploy/prometheus.sh \
	tests/deploy/units.sh
EXTRA_DIST += $(DEPLOY_TESTS) tests/deploy/kubernetes.js tests/deploy/server.sh

check-deploy: all
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(DEPLOY_TESTS)' check_PROGRAMS= check_LTLIBRARIES=

# The schemas of Kubernetes, which kubernetes.sh has installed.
mostlyclean-local:
	rm -rf tests/deploy/npm
