# echo-server: its pure modules, and the real program from outside.
SERVER_TESTS = \
	tests/check_accounting \
	tests/check_activation \
	tests/check_admin \
	tests/check_admin_control \
	tests/check_admin_json \
	tests/check_admin_metrics \
	tests/check_escape \
	tests/check_limits \
	tests/check_notify \
	tests/check_page \
	tests/check_page_looks \
	tests/check_proxy \
	tests/check_server_accept \
	tests/check_server_address \
	tests/check_server_admin \
	tests/check_server_control \
	tests/check_server_crash \
	tests/check_server_echo \
	tests/check_server_faults \
	tests/check_server_full \
	tests/check_server_hold \
	tests/check_server_limits \
	tests/check_server_process \
	tests/check_server_queue \
	tests/check_server_start \
	tests/check_server_stop \
	tests/check_server_trace \
	tests/check_service_time \
	tests/check_socket \
	tests/check_sources \
	tests/check_state \
	tests/check_trace \
	tests/check_watch
check_PROGRAMS += $(SERVER_TESTS)
TESTS += $(SERVER_TESTS)

SERVER_TEST_LIBS = server/libserver.la pool/libpool.la $(TEST_LIBS) $(LIBEVENT_LIBS) $(JANSSON_LIBS)
SERVER_KIT = tests/server_kit.c tests/server_kit.h

tests_check_accounting_CFLAGS = $(TEST_CFLAGS)
tests_check_accounting_LDADD = $(SERVER_TEST_LIBS)
tests_check_activation_CFLAGS = $(TEST_CFLAGS)
tests_check_activation_LDADD = $(SERVER_TEST_LIBS)
tests_check_admin_SOURCES = tests/check_admin.c tests/admin_house.c tests/admin_house.h tests/http_kit.c tests/http_kit.h tests/state_kit.c tests/state_kit.h
tests_check_admin_CFLAGS = $(TEST_CFLAGS)
tests_check_admin_LDADD = $(SERVER_TEST_LIBS)
tests_check_admin_control_SOURCES = tests/check_admin_control.c tests/admin_house.c tests/admin_house.h tests/http_kit.c tests/http_kit.h tests/state_kit.c tests/state_kit.h
tests_check_admin_control_CFLAGS = $(TEST_CFLAGS)
tests_check_admin_control_LDADD = $(SERVER_TEST_LIBS)
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
tests_check_notify_CFLAGS = $(TEST_CFLAGS)
tests_check_notify_LDADD = $(SERVER_TEST_LIBS)
tests_check_proxy_CFLAGS = $(TEST_CFLAGS)
tests_check_proxy_LDADD = $(SERVER_TEST_LIBS)
tests_check_service_time_CFLAGS = $(TEST_CFLAGS)
tests_check_service_time_LDADD = $(SERVER_TEST_LIBS) -lm
tests_check_socket_CFLAGS = $(TEST_CFLAGS)
tests_check_socket_LDADD = $(SERVER_TEST_LIBS)
tests_check_sources_CFLAGS = $(TEST_CFLAGS)
tests_check_sources_LDADD = $(SERVER_TEST_LIBS)
tests_check_state_CFLAGS = $(TEST_CFLAGS) $(LIBEVENT_CFLAGS)
tests_check_state_LDADD = $(SERVER_TEST_LIBS)
tests_check_trace_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_trace_LDADD = $(SERVER_TEST_LIBS) $(JANSSON_LIBS)
tests_check_watch_CFLAGS = $(TEST_CFLAGS) $(LIBEVENT_CFLAGS)
tests_check_watch_LDADD = $(SERVER_TEST_LIBS)

PAGE_KIT = tests/page_kit.c tests/page_kit.h tests/browser_kit.c tests/browser_kit.h tests/http_kit.c tests/http_kit.h $(SERVER_KIT)
tests_check_page_SOURCES = tests/check_page.c $(PAGE_KIT)
tests_check_page_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_page_LDADD = $(TEST_LIBS) $(JANSSON_LIBS)
tests_check_page_looks_SOURCES = tests/check_page_looks.c $(PAGE_KIT)
tests_check_page_looks_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_page_looks_LDADD = $(TEST_LIBS) $(JANSSON_LIBS)
# The pictures that they take, to be looked at.
CLEANFILES += tests/page-*.png
tests_check_server_address_SOURCES = tests/check_server_address.c $(SERVER_KIT)
tests_check_server_address_CFLAGS = $(TEST_CFLAGS)
tests_check_server_address_LDADD = $(TEST_LIBS)
tests_check_server_admin_SOURCES = tests/check_server_admin.c tests/http_kit.c tests/http_kit.h tests/metrics_kit.c tests/metrics_kit.h $(SERVER_KIT)
tests_check_server_admin_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_server_admin_LDADD = $(TEST_LIBS) $(JANSSON_LIBS) -lm
tests_check_server_control_SOURCES = tests/check_server_control.c tests/http_kit.c tests/http_kit.h tests/metrics_kit.c tests/metrics_kit.h $(SERVER_KIT)
tests_check_server_control_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_server_control_LDADD = $(TEST_LIBS) $(JANSSON_LIBS) -lm
tests_check_server_crash_SOURCES = tests/check_server_crash.c $(SERVER_KIT)
tests_check_server_crash_CFLAGS = $(TEST_CFLAGS)
tests_check_server_crash_LDADD = $(TEST_LIBS)
tests_check_server_echo_SOURCES = tests/check_server_echo.c $(SERVER_KIT)
tests_check_server_echo_CFLAGS = $(TEST_CFLAGS)
tests_check_server_echo_LDADD = $(TEST_LIBS)
tests_check_server_faults_SOURCES = tests/check_server_faults.c $(SERVER_KIT)
tests_check_server_faults_CFLAGS = $(TEST_CFLAGS)
tests_check_server_faults_LDADD = $(TEST_LIBS)
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
tests_check_server_trace_SOURCES = tests/check_server_trace.c $(SERVER_KIT)
tests_check_server_trace_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_server_trace_LDADD = $(TEST_LIBS) $(JANSSON_LIBS)
tests_check_server_accept_SOURCES = tests/check_server_accept.c $(SERVER_KIT)
tests_check_server_accept_CFLAGS = $(TEST_CFLAGS)
tests_check_server_accept_LDADD = $(TEST_LIBS)
EXTRA_tests_check_server_accept_DEPENDENCIES = tests/fail_accept.la

# Preloaded into the server; -rpath makes libtool build a shared object that is not installed.
check_LTLIBRARIES += tests/fail_accept.la
tests_fail_accept_la_SOURCES = tests/fail_accept.c
tests_fail_accept_la_CFLAGS = $(AM_CFLAGS)
tests_fail_accept_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
tests_fail_accept_la_LIBADD = -ldl
