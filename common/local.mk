# What both programs share. Knows nothing of the server or of the client.
noinst_LTLIBRARIES += %D%/libcommon.la
%C%_libcommon_la_SOURCES = \
	%D%/address.c %D%/address.h \
	%D%/clock.h \
	%D%/histogram.c %D%/histogram.h \
	%D%/log.c %D%/log.h \
	%D%/must.h \
	%D%/parse.c %D%/parse.h \
	%D%/stream.c %D%/stream.h \
	%D%/transform.c %D%/transform.h
