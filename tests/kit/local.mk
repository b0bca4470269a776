# What the programs share. Only what a program uses is linked into it.
check_LTLIBRARIES += %D%/libkit.la
%C%_libkit_la_SOURCES = \
	%D%/faults.c %D%/faults.h \
	%D%/gate.c %D%/gate.h \
	%D%/kinds.c %D%/kinds.h \
	%D%/main.c \
	%D%/process.c %D%/process.h \
	%D%/shaken.h \
	%D%/suite.c %D%/suite.h
if PROGRAMS
%C%_libkit_la_SOURCES += \
	%D%/browser.c %D%/browser.h \
	%D%/client-json.c %D%/client-json.h \
	%D%/controlled.c %D%/controlled.h \
	%D%/harness.c %D%/harness.h \
	%D%/http.c %D%/http.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/page.c %D%/page.h \
	%D%/peer.c %D%/peer.h \
	%D%/server.c %D%/server.h \
	%D%/state.c %D%/state.h \
	%D%/view.c %D%/view.h

# Preloaded into programs under test; -rpath makes libtool build a shared object that is not installed. A test
# program that wants names.c, which replaces getaddrinfo(), has the source among its own: from an archive the
# linker takes nothing that a sanitizer's library has, too.
PRELOADED = -module -avoid-version -shared -rpath /nowhere
check_LTLIBRARIES += %D%/names.la %D%/shim.la
%C%_names_la_SOURCES = %D%/names.c
%C%_names_la_LDFLAGS = $(PRELOADED)
%C%_names_la_LIBADD = -ldl
# It stands between the program and a sanitizer, whose memory is not there yet when it is called first.
%C%_shim_la_SOURCES = %D%/shim.c %D%/shim.h
%C%_shim_la_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
%C%_shim_la_LDFLAGS = $(PRELOADED)
%C%_shim_la_LIBADD = -ldl
check_LTLIBRARIES += %D%/clock.la
%C%_clock_la_SOURCES = %D%/clock.c
%C%_clock_la_LDFLAGS = $(PRELOADED)
endif
if WITH_OPENSSL
%C%_libkit_la_SOURCES += %D%/tls.c %D%/tls.h
endif
