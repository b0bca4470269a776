# echo-server. It comes out at the top of the build tree: ./echo-server
# Everything but main() is a convenience library, so that the unit tests link the same objects.
noinst_LTLIBRARIES += %D%/libserver.la
%C%_libserver_la_SOURCES = %D%/parts.h \
	%D%/adjust.c %D%/adjust.h %D%/announce.c %D%/announce.h \
	%D%/descriptors.c %D%/descriptors.h %D%/drain.c %D%/drain.h \
	%D%/limits.c %D%/limits.h %D%/snapshot.c %D%/snapshot.h \
	%D%/options.c %D%/options.h %D%/server.c %D%/server.h \
	%D%/reap.c %D%/reap.h %D%/signals.c %D%/signals.h %D%/tend.c %D%/tend.h \
	%D%/listen/activation.c %D%/listen/activation.h %D%/listen/listener.c %D%/listen/listener.h \
	%D%/listen/listening-socket.c %D%/listen/listening-socket.h %D%/listen/open.c %D%/listen/open.h \
	%D%/listen/retry.h %D%/listen/wanted.c %D%/listen/wanted.h \
	%D%/output/child.c %D%/output/child.h %D%/output/escape.c %D%/output/escape.h \
	%D%/output/line.c %D%/output/line.h %D%/output/printer.c %D%/output/printer.h \
	%D%/output/writer.c %D%/output/writer.h \
	%D%/session/accounting.c %D%/session/accounting.h %D%/session/admission.c %D%/session/admission.h \
	%D%/session/boundary.c %D%/session/boundary.h \
	%D%/session/credentials.c %D%/session/credentials.h \
	%D%/session/per-source.c %D%/session/per-source.h %D%/session/proxy.c %D%/session/proxy.h \
	%D%/session/echo.c %D%/session/echo.h %D%/session/ending.c %D%/session/ending.h \
	%D%/session/opening.c %D%/session/opening.h \
	%D%/session/linger.c %D%/session/linger.h %D%/session/service-time.c %D%/session/service-time.h \
	%D%/session/serve.c %D%/session/serve.h \
	%D%/session/session.c %D%/session/session.h %D%/session/shared.c %D%/session/shared.h \
	%D%/session/store.c %D%/session/store.h %D%/session/trace.c %D%/session/trace.h \
	%D%/session/timeouts.c %D%/session/timeouts.h \
	%D%/systemd/notify.c %D%/systemd/notify.h
nodist_%C%_libserver_la_SOURCES =
%C%_libserver_la_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_CFLAGS) $(JANSSON_CFLAGS) $(LIBURING_CFLAGS)
%C%_libserver_la_LIBADD = $(LIBURING_LIBS)

bin_PROGRAMS += echo-server
echo_server_SOURCES = %D%/main.c
echo_server_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_CFLAGS)
echo_server_LDADD = %D%/libserver.la pool/libpool.la common/libcommon.la $(LIBEVENT_LIBS) $(JANSSON_LIBS)

include server/admin/local.mk
include server/models/local.mk
include server/systemd/local.mk
