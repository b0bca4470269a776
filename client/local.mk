# echo-client. It comes out at the top of the build tree: ./echo-client
#
# All but main() is a convenience library, so that the tests link the same objects.
noinst_LTLIBRARIES += %D%/libclient.la
%C%_libclient_la_SOURCES = \
	%D%/dial.c %D%/dial.h \
	%D%/handshake.c %D%/handshake.h \
	%D%/barrier.c %D%/barrier.h \
	%D%/limits.c %D%/limits.h \
	%D%/line.h \
	%D%/load.c %D%/load.h \
	%D%/measure.c %D%/measure.h \
	%D%/message.c %D%/message.h \
	%D%/options.c %D%/options.h \
	%D%/prompt.c %D%/prompt.h \
	%D%/report.c %D%/report-json.c %D%/report.h \
	%D%/session.c %D%/session.h \
	%D%/summary.c %D%/summary.h \
	%D%/verify.c %D%/verify.h
if WITH_LIBEDIT
%C%_libclient_la_SOURCES += %D%/line-libedit.c
else
%C%_libclient_la_SOURCES += %D%/line-stdio.c
endif
%C%_libclient_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(LIBEDIT_CFLAGS)
%C%_libclient_la_LIBADD = $(JANSSON_LIBS) $(LIBEDIT_LIBS)

bin_PROGRAMS += echo-client
echo_client_SOURCES = %D%/main.c
echo_client_LDADD = %D%/libclient.la common/libcommon.la
