# The tests. One Check program per module, and programs that start the real binaries; see README.
# Each reports through automake's TAP driver. The lists below are filled by one fragment per area.
TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)

if HAVE_CHECK
AM_TESTS_ENVIRONMENT = \
	CK_TAP_LOG_FILE_NAME=-; CK_VERBOSITY=silent; CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT:-60}; \
	TOP_SRCDIR='$(abs_top_srcdir)'; TOP_BUILDDIR='$(abs_top_builddir)'; \
	export CK_TAP_LOG_FILE_NAME CK_VERBOSITY CK_DEFAULT_TIMEOUT TOP_SRCDIR TOP_BUILDDIR;

check_LTLIBRARIES += %D%/libsuite.la
%C%_libsuite_la_SOURCES = %D%/suite.c %D%/suite.h %D%/harness.c %D%/harness.h
%C%_libsuite_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
TEST_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
TEST_LIBS = %D%/libsuite.la common/libcommon.la $(CHECK_LIBS)

# The races for as long as it takes to believe in them: some twenty minutes. EP_ROUNDS=100 for longer.
check-soak: tests/check_races
	EP_ROUNDS=$${EP_ROUNDS:-25} $(MAKE) $(AM_MAKEFLAGS) check TESTS='tests/check_races'

include tests/common.mk
include tests/pool.mk
include tests/server.mk
include tests/client.mk
include tests/tls.mk
include tests/house.mk
else
check-local:
	@echo "make check needs Check, which configure did not find: install check (Debian, Ubuntu) or check-devel (Fedora)" >&2; exit 1
endif
