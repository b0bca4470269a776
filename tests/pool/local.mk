# libechopool. Most programs run on both kinds of executor: see kinds.h.
POOL_TESTS = \
	tests/pool/check_cpus \
	tests/pool/check_park \
	tests/pool/check_queue \
	tests/pool/check_zygote \
	tests/pool/check_process \
	tests/pool/check_process_death \
	tests/pool/check_process_resize \
	tests/pool/check_process_scarcity \
	tests/pool/check_process_transport \
	tests/pool/check_future \
	tests/pool/check_callback \
	tests/pool/check_cancel \
	tests/pool/check_executor \
	tests/pool/check_policy \
	tests/pool/check_user \
	tests/pool/check_deadlines \
	tests/pool/check_expiry \
	tests/pool/check_limit \
	tests/pool/check_priority \
	tests/pool/check_shutdown \
	tests/pool/check_life \
	tests/pool/check_thread_end \
	tests/pool/check_threads \
	tests/pool/check_within \
	tests/pool/check_exit \
	tests/pool/check_fork \
	tests/pool/check_races \
	tests/pool/check_wait \
	tests/pool/check_group \
	tests/pool/check_nested \
	tests/pool/check_elastic \
	tests/pool/check_observe \
	tests/pool/check_map \
	tests/pool/check_mailbox \
	tests/pool/check_mp
if PROGRAMS
POOL_TESTS += tests/pool/check_mailbox_libevent
endif
$(POOL_TESTS): pool/libpool.la
$(POOL_TESTS): ROOM_LIBS = pool/libpool.la
check_PROGRAMS += $(POOL_TESTS)

# The examples, run and read; and the core again with one CPU only.
POOL_SHELL_TESTS = tests/pool/examples.sh tests/pool/one_cpu.sh
TESTS += $(POOL_TESTS) $(POOL_SHELL_TESTS)
EXTRA_DIST += $(POOL_SHELL_TESTS)
