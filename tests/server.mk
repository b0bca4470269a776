# echo-server: its pure modules, and the real program from outside.
SERVER_TESTS = \
	tests/check_accounting \
	tests/check_admin \
	tests/check_admin_json \
	tests/check_admin_metrics \
	tests/check_escape \
	tests/check_limits \
	tests/check_server_admin \
	tests/check_server_crash \
	tests/check_server_echo \
	tests/check_server_full \
	tests/check_server_hold \
	tests/check_server_limits \
	tests/check_server_queue \
	tests/check_server_process \
	tests/check_server_start \
	tests/check_server_stop \
	tests/check_sources \
	tests/check_state
check_PROGRAMS += $(SERVER_TESTS)
TESTS += $(SERVER_TESTS)

SERVER_TEST_LIBS = server/libserver.la pool/libpool.la $(TEST_LIBS) $(LIBEVENT_LIBS) $(JANSSON_LIBS)
SERVER_KIT = tests/server_kit.c tests/server_kit.h

tests_check_accounting_CFLAGS = $(TEST_CFLAGS)
tests_check_accounting_LDADD = $(SERVER_TEST_LIBS)
tests_check_admin_SOURCES = tests/check_admin.c tests/admin_house.c tests/admin_house.h tests/http_kit.c tests/http_kit.h tests/state_kit.c tests/state_kit.h
tests_check_admin_CFLAGS = $(TEST_CFLAGS)
tests_check_admin_LDADD = $(SERVER_TEST_LIBS)
tests_check_admin_json_SOURCES = tests/check_admin_json.c tests/state_kit.c tests/state_kit.h
tests_check_admin_json_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_admin_json_LDADD = $(SERVER_TEST_LIBS)
tests_check_admin_metrics_SOURCES = tests/check_admin_metrics.c tests/metrics_kit.c tests/metrics_kit.h tests/state_kit.c tests/state_kit.h
tests_check_admin_metrics_CFLAGS = $(TEST_CFLAGS)
tests_check_admin_metrics_LDADD = $(SERVER_TEST_LIBS) -lm
tests_check_escape_CFLAGS = $(TEST_CFLAGS)
tests_check_escape_LDADD = $(SERVER_TEST_LIBS)
tests_check_limits_CFLAGS = $(TEST_CFLAGS)
tests_check_limits_LDADD = $(SERVER_TEST_LIBS)
tests_check_sources_CFLAGS = $(TEST_CFLAGS)
tests_check_sources_LDADD = $(SERVER_TEST_LIBS)
tests_check_state_CFLAGS = $(TEST_CFLAGS) $(LIBEVENT_CFLAGS)
tests_check_state_LDADD = $(SERVER_TEST_LIBS)

tests_check_server_admin_SOURCES = tests/check_server_admin.c tests/http_kit.c tests/http_kit.h tests/metrics_kit.c tests/metrics_kit.h $(SERVER_KIT)
tests_check_server_admin_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_server_admin_LDADD = $(TEST_LIBS) $(JANSSON_LIBS) -lm
tests_check_server_crash_SOURCES = tests/check_server_crash.c $(SERVER_KIT)
tests_check_server_crash_CFLAGS = $(TEST_CFLAGS)
tests_check_server_crash_LDADD = $(TEST_LIBS)
tests_check_server_echo_SOURCES = tests/check_server_echo.c $(SERVER_KIT)
tests_check_server_echo_CFLAGS = $(TEST_CFLAGS)
tests_check_server_echo_LDADD = $(TEST_LIBS)
tests_check_server_full_SOURCES = tests/check_server_full.c $(SERVER_KIT)
tests_check_server_full_CFLAGS = $(TEST_CFLAGS)
tests_check_server_full_LDADD = $(TEST_LIBS)
tests_check_server_limits_SOURCES = tests/check_server_limits.c $(SERVER_KIT)
tests_check_server_limits_CFLAGS = $(TEST_CFLAGS)
tests_check_server_limits_LDADD = $(TEST_LIBS)
tests_check_server_queue_SOURCES = tests/check_server_queue.c $(SERVER_KIT)
tests_check_server_queue_CFLAGS = $(TEST_CFLAGS)
tests_check_server_queue_LDADD = $(TEST_LIBS)
tests_check_server_hold_SOURCES = tests/check_server_hold.c $(SERVER_KIT)
tests_check_server_hold_CFLAGS = $(TEST_CFLAGS)
tests_check_server_hold_LDADD = $(TEST_LIBS)
tests_check_server_process_SOURCES = tests/check_server_process.c $(SERVER_KIT)
tests_check_server_process_CFLAGS = $(TEST_CFLAGS)
tests_check_server_process_LDADD = $(TEST_LIBS)
tests_check_server_start_SOURCES = tests/check_server_start.c $(SERVER_KIT)
tests_check_server_start_CFLAGS = $(TEST_CFLAGS)
tests_check_server_start_LDADD = $(TEST_LIBS)
tests_check_server_stop_SOURCES = tests/check_server_stop.c $(SERVER_KIT)
tests_check_server_stop_CFLAGS = $(TEST_CFLAGS)
tests_check_server_stop_LDADD = $(TEST_LIBS)
