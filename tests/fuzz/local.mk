# The wire of the process executor, in both directions: targets for libFuzzer (scripts/fuzz), and the
# same targets with their seeds and findings, which are text.
FUZZ_REPLAYS = %D%/replay_executor %D%/replay_worker
check_PROGRAMS += $(FUZZ_REPLAYS)
$(FUZZ_REPLAYS): pool/libpool.la
%C%_replay_executor_SOURCES = %D%/replay.c %D%/messages.c %D%/messages.h %D%/executor.c
%C%_replay_executor_LDADD = pool/libpool.la
%C%_replay_worker_SOURCES = %D%/replay.c %D%/messages.c %D%/messages.h %D%/worker.c
%C%_replay_worker_LDADD = pool/libpool.la
TESTS += %D%/replay.sh
EXTRA_DIST += %D%/replay.sh
EXTRA_DIST += %D%/seeds

# make fuzz: look for more, FUZZ_SECONDS in each direction. It needs a clang with libFuzzer.
FUZZ_SECONDS = 60
fuzz: $(FUZZ_REPLAYS)
	FUZZ_CC='$(FUZZ_CC)' $(top_srcdir)/scripts/fuzz $(FUZZ_SECONDS)
