# libechopool. The convenience library lets the programs and the tests link the same objects
# without a libtool wrapper script standing in front of ./echo-server.
noinst_LTLIBRARIES += %D%/libpool.la
%C%_libpool_la_SOURCES = \
	%D%/echopool.h \
	%D%/echopool-mp.h \
	%D%/arrivals.c %D%/arrivals-internal.h \
	%D%/aside.c %D%/aside-internal.h \
	%D%/cancel-internal.h \
	%D%/clock.c %D%/clock-internal.h \
	%D%/cpus.c %D%/cpus-internal.h \
	%D%/deadlines.c %D%/deadlines-internal.h \
	%D%/error.c \
	%D%/executor.c %D%/executor-internal.h \
	%D%/future.c %D%/future-internal.h \
	%D%/future-contents.c \
	%D%/future-pool.c %D%/future-pool-internal.h \
	%D%/future-watch.c \
	%D%/group.c \
	%D%/here.c %D%/here-internal.h \
	%D%/mailbox.c \
	%D%/observer.c %D%/observer-internal.h \
	%D%/park.c %D%/park-internal.h \
	%D%/priority.c %D%/priority-internal.h \
	%D%/queue.c %D%/queue-internal.h \
	%D%/queue-drop.c %D%/queue-drop-internal.h \
	%D%/self.c %D%/self-internal.h \
	%D%/submit.c \
	%D%/task.c %D%/task-internal.h \
	%D%/version.c %D%/version-internal.h \
	%D%/wait.c \
	%D%/thread/elastic.c \
	%D%/thread/executor.c \
	%D%/thread/expiry.c \
	%D%/thread/grower.c \
	%D%/thread/nested.c \
	%D%/thread/resize.c \
	%D%/thread/worker.c %D%/thread/worker-internal.h \
	%D%/thread/worker-thread.c \
	%D%/process/calls-internal.h \
	%D%/process/death.c \
	%D%/process/elastic.c \
	%D%/process/executor.c \
	%D%/process/limit.c \
	%D%/process/manager.c \
	%D%/process/outcome.c \
	%D%/process/place.c %D%/process/place-internal.h \
	%D%/process/receive.c \
	%D%/process/send.c \
	%D%/process/wire.c %D%/process/wire-internal.h \
	%D%/process/worker.c %D%/process/worker-internal.h \
	%D%/process/zygote.c %D%/process/zygote-process.c %D%/process/zygote-internal.h \
	%D%/map/chunk.c %D%/map/chunk-internal.h \
	%D%/map/map.c %D%/map/map-internal.h \
	%D%/map/mp.c \
	%D%/map/rows.c %D%/map/rows-internal.h
%C%_libpool_la_CFLAGS = $(EP_CFLAGS) -fvisibility=hidden -pthread

include_HEADERS = %D%/echopool.h %D%/echopool-mp.h
lib_LTLIBRARIES += libechopool.la
libechopool_la_SOURCES =
libechopool_la_LIBADD = %D%/libpool.la
# CURRENT:REVISION:AGE, see "Updating version info" in the libtool manual.
libechopool_la_LDFLAGS = $(EP_LDFLAGS) -pthread -version-info 0:0:0 -Wl,--version-script=$(srcdir)/%D%/echopool.map
EXTRA_libechopool_la_DEPENDENCIES = %D%/echopool.map
EXTRA_DIST += %D%/echopool.map

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = %D%/echopool.pc

# Where the library is installed is only known to make.
cmakedir = $(libdir)/cmake/echopool
nodist_cmake_DATA = %D%/cmake/echopoolConfig.cmake %D%/cmake/echopoolConfigVersion.cmake
EXTRA_DIST += %D%/cmake/echopoolConfig.cmake.in
CLEANFILES += %D%/cmake/echopoolConfig.cmake
%D%/cmake/echopoolConfig.cmake: %D%/cmake/echopoolConfig.cmake.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D%/cmake && sed 's|@libdir[@]|$(libdir)|g; s|@includedir[@]|$(includedir)|g' \
	  $(srcdir)/%D%/cmake/echopoolConfig.cmake.in >$@.tmp && mv $@.tmp $@
