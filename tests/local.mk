# The tests. One Check program per module, and programs that start the real binaries; see README.
# Each reports through automake's TAP driver. The lists below are filled by one fragment per area.
TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)

if HAVE_CHECK
AM_TESTS_ENVIRONMENT = \
	CK_TAP_LOG_FILE_NAME=-; CK_VERBOSITY=silent; CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT:-120}; \
	TOP_SRCDIR='$(abs_top_srcdir)'; TOP_BUILDDIR='$(abs_top_builddir)'; \
	export CK_TAP_LOG_FILE_NAME CK_VERBOSITY CK_DEFAULT_TIMEOUT TOP_SRCDIR TOP_BUILDDIR;

# For every program that names nothing else; a room sets ROOM_LIBS for its own.
AM_CPPFLAGS += $(CHECK_CFLAGS) $(JANSSON_CFLAGS) $(LIBEVENT_CFLAGS) $(OPENSSL_CFLAGS)
ROOM_LIBS =
LDADD = tests/kit/libkit.la $(ROOM_LIBS) $(LIBCOMMON) \
	$(CHECK_LIBS) $(JANSSON_LIBS) $(LIBEVENT_LIBS) $(OPENSSL_LIBS) -lutil -lm

# The races for as long as it takes to believe in them: some twenty minutes. EP_ROUNDS=100 for longer.
check-soak: tests/pool/check_races
	EP_ROUNDS=$${EP_ROUNDS:-25} $(MAKE) $(AM_MAKEFLAGS) check TESTS='tests/pool/check_races'

include tests/kit/local.mk
include tests/pool/local.mk
include tests/fuzz/local.mk
if PROGRAMS
include tests/common/local.mk
include tests/server/local.mk
include tests/client/local.mk
include tests/beyond/local.mk
include tests/deploy/local.mk
include tests/torture/local.mk
include tests/labs/local.mk
endif
include tests/house/local.mk

# Those that read the source tree. In a tarball they show what it lacks: .ci/run has no other tests in its distcheck.
TARBALL_TESTS = $(HOUSE_TESTS) tests/fuzz/replay.sh tests/pool/check_fork tests/pool/examples.sh

# What debian/rules runs: the modules, and some sessions from end to end; no shell scripts and their tools.
PACKAGE_TESTS = $(POOL_TESTS) $(COMMON_TESTS) tests/server/check_server_echo tests/client/check_client_load
else
check-local:
	@echo "make check needs Check, which configure did not find: install check (Debian, Ubuntu) or check-devel (Fedora)" >&2; exit 1
endif
