# What needs several machines, which are network namespaces: make check-beyond. Not part of make check, as
# it takes minutes and the right to make namespaces.
EXTRA_DIST += tests/beyond/behind.sh tests/beyond/machines.sh

check-beyond: all
	@for proxy in haproxy nginx; do \
	    TOP_SRCDIR='$(abs_top_srcdir)' TOP_BUILDDIR='$(abs_top_builddir)' sh $(srcdir)/tests/beyond/behind.sh $$proxy 2>&1 | \
	        $(AWK) '{ print } /^(not ok|Bail out)/ { bad = 1 } /^1\.\./ { whole = 1 } END { exit bad || !whole }' || exit 1; \
	done
