# What the programs share. Only what a program uses is linked into it.
check_LTLIBRARIES += %D%/libkit.la
%C%_libkit_la_SOURCES = \
	%D%/faults.c %D%/faults.h \
	%D%/gate.c %D%/gate.h \
	%D%/kinds.c %D%/kinds.h \
	%D%/main.c \
	%D%/process.c %D%/process.h \
	%D%/suite.c %D%/suite.h
if PROGRAMS
%C%_libkit_la_SOURCES += \
	%D%/browser.c %D%/browser.h \
	%D%/client-json.c %D%/client-json.h \
	%D%/harness.c %D%/harness.h \
	%D%/http.c %D%/http.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/page.c %D%/page.h \
	%D%/peer.c %D%/peer.h \
	%D%/server.c %D%/server.h \
	%D%/state.c %D%/state.h \
	%D%/view.c %D%/view.h

# Apart, because it replaces getaddrinfo(). A program or a shim that wants it has the source among its own: from an
# archive the linker takes nothing that a sanitizer's library has, too.
EXTRA_DIST += %D%/names.c
endif
if WITH_OPENSSL
%C%_libkit_la_SOURCES += %D%/tls.c %D%/tls.h
endif
