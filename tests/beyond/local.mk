# What needs several machines, which are network namespaces: make check-beyond. Not part of make check, as
# it takes minutes and the right to make namespaces.
BEYOND_TESTS = 'behind.sh haproxy' 'behind.sh nginx' together.sh delay.sh agent.sh vanish.sh
EXTRA_DIST += tests/beyond/agent.sh tests/beyond/behind.sh tests/beyond/delay.sh tests/beyond/fleet.sh tests/beyond/machines.sh tests/beyond/together.sh tests/beyond/vanish.sh

check-beyond: all tests/kit/clock.la
	@for test in $(BEYOND_TESTS); do \
	    TOP_SRCDIR='$(abs_top_srcdir)' TOP_BUILDDIR='$(abs_top_builddir)' sh $(srcdir)/tests/beyond/$$test 2>&1 | \
	        $(AWK) '{ print } /^(not ok|Bail out)/ { bad = 1 } /^1\.\./ { whole = 1 } END { exit bad || !whole }' || exit 1; \
	done
