# echo-server: its modules, and (check_server_*, check_page*) the real program from outside.
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
if WITH_OPENSSL
SERVER_TESTS += tests/check_server_tls
endif
$(SERVER_TESTS): server/libserver.la pool/libpool.la
$(SERVER_TESTS): ROOM_LIBS = server/libserver.la pool/libpool.la
check_PROGRAMS += $(SERVER_TESTS)
TESTS += $(SERVER_TESTS)

# The pictures that check_page* take, for a person to look at.
CLEANFILES += tests/page-*.png
EXTRA_tests_check_server_accept_DEPENDENCIES = tests/fail_accept.la

# Preloaded into the server; -rpath makes libtool build a shared object that is not installed.
check_LTLIBRARIES += tests/fail_accept.la
tests_fail_accept_la_SOURCES = tests/fail_accept.c
tests_fail_accept_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
tests_fail_accept_la_LIBADD = -ldl

# These two put a made-up server under the admin port; so it is no part of the kit.
ADMIN_HOUSE = tests/admin_house.c tests/admin_house.h
tests_check_admin_SOURCES = tests/check_admin.c $(ADMIN_HOUSE)
tests_check_admin_control_SOURCES = tests/check_admin_control.c $(ADMIN_HOUSE)
