# What both programs share. It depends neither on the server nor on the client.
noinst_LTLIBRARIES += %D%/libcommon.la
%C%_libcommon_la_SOURCES = \
	%D%/address.c %D%/address.h \
	%D%/calls.c %D%/calls.h \
	%D%/clock.h \
	%D%/histogram.c %D%/histogram.h \
	%D%/json-line.c %D%/json-line.h \
	%D%/log.c %D%/log.h \
	%D%/must.h \
	%D%/option.c %D%/option.h \
	%D%/option-row.c %D%/option-row.h \
	%D%/option-source.c %D%/option-source.h \
	%D%/parse.c %D%/parse.h \
	%D%/printable.c %D%/printable.h \
	%D%/random.c %D%/random.h \
	%D%/signal-mask.h \
	%D%/stream.c %D%/stream.h \
	%D%/tls.h \
	%D%/tostop.h \
	%D%/transform.c %D%/transform.h \
	%D%/translate.c %D%/translate.h
if WITH_OPENSSL
%C%_libcommon_la_SOURCES += \
	%D%/tls.c %D%/tls-internal.h \
	%D%/tls-context.c \
	%D%/tls-error.c \
	%D%/tls-socket.c \
	%D%/tls-try.c
else
%C%_libcommon_la_SOURCES += %D%/tls-none.c
endif
%C%_libcommon_la_CPPFLAGS = $(AM_CPPFLAGS) -DLOCALEDIR='"$(localedir)"'
%C%_libcommon_la_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
%C%_libcommon_la_LIBADD = $(OPENSSL_LIBS) -lm
LIBCOMMON = %D%/libcommon.la
