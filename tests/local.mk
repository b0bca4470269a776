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

# What the programs share. Only what a program uses is linked into it.
check_LTLIBRARIES += %D%/libkit.la
%C%_libkit_la_SOURCES = \
	%D%/kit/browser.c %D%/kit/browser.h \
	%D%/kit/client-json.c %D%/kit/client-json.h \
	%D%/kit/gate.c %D%/kit/gate.h \
	%D%/kit/harness.c %D%/kit/harness.h \
	%D%/kit/http.c %D%/kit/http.h \
	%D%/kit/kinds.c %D%/kit/kinds.h \
	%D%/kit/metrics.c %D%/kit/metrics.h \
	%D%/kit/page.c %D%/kit/page.h \
	%D%/kit/peer.c %D%/kit/peer.h \
	%D%/kit/process.c %D%/kit/process.h \
	%D%/kit/server.c %D%/kit/server.h \
	%D%/kit/state.c %D%/kit/state.h \
	%D%/kit/suite.c %D%/kit/suite.h \
	%D%/kit/view.c %D%/kit/view.h
if WITH_OPENSSL
%C%_libkit_la_SOURCES += %D%/kit/tls.c %D%/kit/tls.h
endif

# For every program that names nothing else; a room sets ROOM_LIBS for its own.
AM_CPPFLAGS += $(CHECK_CFLAGS) $(JANSSON_CFLAGS) $(LIBEVENT_CFLAGS) $(OPENSSL_CFLAGS)
ROOM_LIBS =
LDADD = %D%/libkit.la $(ROOM_LIBS) common/libcommon.la \
	$(CHECK_LIBS) $(JANSSON_LIBS) $(LIBEVENT_LIBS) $(OPENSSL_LIBS) -lutil -lm

# The races for as long as it takes to believe in them: some twenty minutes. EP_ROUNDS=100 for longer.
check-soak: tests/pool/check_races
	EP_ROUNDS=$${EP_ROUNDS:-25} $(MAKE) $(AM_MAKEFLAGS) check TESTS='tests/pool/check_races'

include tests/common/local.mk
include tests/pool/local.mk
include tests/server/local.mk
include tests/client/local.mk
include tests/house/local.mk
else
check-local:
	@echo "make check needs Check, which configure did not find: install check (Debian, Ubuntu) or check-devel (Fedora)" >&2; exit 1
endif
