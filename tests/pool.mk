# libechopool.
POOL_TESTS = \
	tests/check_park \
	tests/check_queue \
	tests/check_process \
	tests/check_process_death \
	tests/check_process_transport
PROCESS_KIT = tests/process_kit.c tests/process_kit.h

# Whatever runs on either kind of executor.
KIND_TESTS = \
	tests/check_future \
	tests/check_callback \
	tests/check_executor \
	tests/check_policy \
	tests/check_shutdown \
	tests/check_life \
	tests/check_threads \
	tests/check_exit \
	tests/check_races \
	tests/check_wait \
	tests/check_map \
	tests/check_mailbox \
	tests/check_mp
KIND_SOURCES = tests/gate.c tests/gate.h tests/kinds.c tests/kinds.h

check_PROGRAMS += $(POOL_TESTS) $(KIND_TESTS)
TESTS += $(POOL_TESTS) $(KIND_TESTS)

tests_check_park_CFLAGS = $(TEST_CFLAGS)
tests_check_park_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_queue_CFLAGS = $(TEST_CFLAGS)
tests_check_queue_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_process_SOURCES = tests/check_process.c $(PROCESS_KIT)
tests_check_process_CFLAGS = $(TEST_CFLAGS)
tests_check_process_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_process_death_SOURCES = tests/check_process_death.c $(PROCESS_KIT)
tests_check_process_death_CFLAGS = $(TEST_CFLAGS)
tests_check_process_death_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_process_transport_SOURCES = tests/check_process_transport.c $(PROCESS_KIT)
tests_check_process_transport_CFLAGS = $(TEST_CFLAGS)
tests_check_process_transport_LDADD = pool/libpool.la $(TEST_LIBS)

tests_check_future_SOURCES = tests/check_future.c $(KIND_SOURCES)
tests_check_future_CFLAGS = $(TEST_CFLAGS)
tests_check_future_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_callback_SOURCES = tests/check_callback.c $(KIND_SOURCES)
tests_check_callback_CFLAGS = $(TEST_CFLAGS)
tests_check_callback_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_executor_SOURCES = tests/check_executor.c $(KIND_SOURCES)
tests_check_executor_CFLAGS = $(TEST_CFLAGS)
tests_check_executor_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_policy_SOURCES = tests/check_policy.c $(KIND_SOURCES)
tests_check_policy_CFLAGS = $(TEST_CFLAGS)
tests_check_policy_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_shutdown_SOURCES = tests/check_shutdown.c $(KIND_SOURCES)
tests_check_shutdown_CFLAGS = $(TEST_CFLAGS)
tests_check_shutdown_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_life_SOURCES = tests/check_life.c $(KIND_SOURCES)
tests_check_life_CFLAGS = $(TEST_CFLAGS)
tests_check_life_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_threads_SOURCES = tests/check_threads.c $(KIND_SOURCES)
tests_check_threads_CFLAGS = $(TEST_CFLAGS)
tests_check_threads_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_exit_SOURCES = tests/check_exit.c $(KIND_SOURCES)
tests_check_exit_CFLAGS = $(TEST_CFLAGS)
tests_check_exit_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_races_SOURCES = tests/check_races.c $(KIND_SOURCES)
tests_check_races_CFLAGS = $(TEST_CFLAGS)
tests_check_races_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_wait_SOURCES = tests/check_wait.c $(KIND_SOURCES)
tests_check_wait_CFLAGS = $(TEST_CFLAGS)
tests_check_wait_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_map_SOURCES = tests/check_map.c $(KIND_SOURCES)
tests_check_map_CFLAGS = $(TEST_CFLAGS)
tests_check_map_LDADD = pool/libpool.la $(TEST_LIBS)
tests_check_mailbox_SOURCES = tests/check_mailbox.c $(KIND_SOURCES)
tests_check_mailbox_CFLAGS = $(TEST_CFLAGS) $(LIBEVENT_CFLAGS)
tests_check_mailbox_LDADD = pool/libpool.la $(TEST_LIBS) $(LIBEVENT_LIBS)
tests_check_mp_SOURCES = tests/check_mp.c $(KIND_SOURCES)
tests_check_mp_CFLAGS = $(TEST_CFLAGS)
tests_check_mp_LDADD = pool/libpool.la $(TEST_LIBS)

# The examples, run and read.
TESTS += tests/examples.sh
EXTRA_DIST += tests/examples.sh

# All of it again where there is one CPU only; and the races for long: make check-soak.
TESTS += tests/one_cpu.sh
EXTRA_DIST += tests/one_cpu.sh
