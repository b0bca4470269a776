# libechopool. Most programs run on both kinds of executor: see kinds.h.
POOL_TESTS = \
	tests/check_park \
	tests/check_queue \
	tests/check_process \
	tests/check_process_death \
	tests/check_process_transport \
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
$(POOL_TESTS): pool/libpool.la
$(POOL_TESTS): ROOM_LIBS = pool/libpool.la
check_PROGRAMS += $(POOL_TESTS)

# The examples, run and read; and the core again with one CPU only.
POOL_SHELL_TESTS = tests/examples.sh tests/one_cpu.sh
TESTS += $(POOL_TESTS) $(POOL_SHELL_TESTS)
EXTRA_DIST += $(POOL_SHELL_TESTS)
