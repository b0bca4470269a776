# Targets for fuzzers, and the same with their seeds and findings, which are text. In `make check` replay.c
# is their main(); scripts/fuzz builds them once more, with libFuzzer's. The first two are the wire of the
# process executor, in both directions.
FUZZ_REPLAYS = %D%/replay_executor %D%/replay_worker
FUZZ_BASE = %D%/replay.c %D%/input.c %D%/input.h
%C%_replay_executor_SOURCES = $(FUZZ_BASE) %D%/messages.c %D%/messages.h %D%/executor.c
%C%_replay_executor_LDADD = pool/libpool.la
%C%_replay_worker_SOURCES = $(FUZZ_BASE) %D%/messages.c %D%/messages.h %D%/worker.c
%C%_replay_worker_LDADD = pool/libpool.la

if PROGRAMS
FUZZ_OF_SERVER = %D%/replay_proxy %D%/replay_server_options %D%/replay_shown %D%/replay_admin
FUZZ_OF_CLIENT = %D%/replay_client_options %D%/replay_expect %D%/replay_session %D%/replay_report
FUZZ_REPLAYS += $(FUZZ_OF_SERVER) $(FUZZ_OF_CLIENT)
$(FUZZ_OF_SERVER): server/libserver.la $(LIBCOMMON)
$(FUZZ_OF_CLIENT): client/libclient.la $(LIBCOMMON)
FUZZ_SERVER_LIBS = server/libserver.la pool/libpool.la $(LIBCOMMON) $(LIBEVENT_LIBS) $(JANSSON_LIBS)
FUZZ_CLIENT_LIBS = client/libclient.la pool/libpool.la $(LIBCOMMON) $(JANSSON_LIBS)
# printed.c has the functions that take the place of these three.
FUZZ_PRINTED = %D%/printed.c %D%/printed.h
FUZZ_FLAGS = $(AM_LDFLAGS) -Wl,--wrap=write,--wrap=exit,--wrap=clock_gettime

%C%_replay_proxy_SOURCES = $(FUZZ_BASE) $(FUZZ_PRINTED) %D%/proxy.c
%C%_replay_proxy_LDADD = $(FUZZ_SERVER_LIBS)
%C%_replay_proxy_LDFLAGS = $(FUZZ_FLAGS)
%C%_replay_server_options_SOURCES = $(FUZZ_BASE) $(FUZZ_PRINTED) %D%/options.c %D%/options.h %D%/server_options.c
%C%_replay_server_options_LDADD = $(FUZZ_SERVER_LIBS)
%C%_replay_server_options_LDFLAGS = $(FUZZ_FLAGS)
%C%_replay_admin_SOURCES = $(FUZZ_BASE) $(FUZZ_PRINTED) %D%/admin.c tests/kit/state.c
# Flags of its own give the object of state.c a name of its own: libkit.la compiles it with libtool.
%C%_replay_admin_CFLAGS = $(AM_CFLAGS)
%C%_replay_admin_LDADD = $(FUZZ_SERVER_LIBS)
%C%_replay_admin_LDFLAGS = $(FUZZ_FLAGS)
%C%_replay_client_options_SOURCES = $(FUZZ_BASE) $(FUZZ_PRINTED) %D%/options.c %D%/options.h %D%/client_options.c
%C%_replay_client_options_LDADD = $(FUZZ_CLIENT_LIBS)
%C%_replay_client_options_LDFLAGS = $(FUZZ_FLAGS)
%C%_replay_expect_SOURCES = $(FUZZ_BASE) %D%/expect.c
%C%_replay_expect_LDADD = $(FUZZ_CLIENT_LIBS)
%C%_replay_session_SOURCES = $(FUZZ_BASE) $(FUZZ_PRINTED) %D%/session.c
%C%_replay_session_LDADD = $(FUZZ_CLIENT_LIBS)
%C%_replay_session_LDFLAGS = $(FUZZ_FLAGS)
%C%_replay_report_SOURCES = $(FUZZ_BASE) %D%/report.c
%C%_replay_report_LDADD = $(FUZZ_CLIENT_LIBS)
# What is shown is the server's, the client's and of both.
%C%_replay_shown_SOURCES = $(FUZZ_BASE) $(FUZZ_PRINTED) %D%/shown.c
%C%_replay_shown_LDADD = server/libserver.la client/libclient.la $(FUZZ_SERVER_LIBS)
%C%_replay_shown_LDFLAGS = $(FUZZ_FLAGS)
endif

check_PROGRAMS += $(FUZZ_REPLAYS)
$(FUZZ_REPLAYS): pool/libpool.la
TESTS += %D%/replay.sh
EXTRA_DIST += %D%/replay.sh
EXTRA_DIST += %D%/seeds %D%/dictionaries

# make fuzz: look for more, FUZZ_SECONDS with each target. It needs a clang with libFuzzer.
FUZZ_SECONDS = 60
fuzz: $(FUZZ_REPLAYS)
	FUZZ_CC='$(FUZZ_CC)' MAKE='$(MAKE)' $(top_srcdir)/scripts/fuzz $(FUZZ_SECONDS)
