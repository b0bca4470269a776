# echo-server: its modules, and (check_server_*, check_page*) the real program from outside.
SERVER_TESTS = \
	tests/server/check_accounting \
	tests/server/check_activation \
	tests/server/check_admin \
	tests/server/check_admin_control \
	tests/server/check_admin_json \
	tests/server/check_admin_metrics \
	tests/server/check_agent \
	tests/server/check_direct \
	tests/server/check_escape \
	tests/server/check_extra_model \
	tests/server/check_limits \
	tests/server/check_notify \
	tests/server/check_page \
	tests/server/check_proxy \
	tests/server/check_reap \
	tests/server/check_server_accept \
	tests/server/check_server_accepting \
	tests/server/check_server_address \
	tests/server/check_server_admin \
	tests/server/check_server_agent \
	tests/server/check_server_control \
	tests/server/check_server_crash \
	tests/server/check_server_echo \
	tests/server/check_server_faults \
	tests/server/check_server_full \
	tests/server/check_server_hold \
	tests/server/check_server_limits \
	tests/server/check_server_queue \
	tests/server/check_server_refused \
	tests/server/check_server_reuse_port \
	tests/server/check_server_start \
	tests/server/check_server_stop \
	tests/server/check_server_trace \
	tests/server/check_service_time \
	tests/server/check_socket \
	tests/server/check_per_source \
	tests/server/check_state \
	tests/server/check_trace \
	tests/server/check_timeouts \
	tests/server/check_visitor
if WITH_LIBURING
SERVER_TESTS += tests/server/check_server_io_uring
endif
if WITH_OPENSSL
SERVER_TESTS += tests/server/check_server_tls
endif
# How the page looks, speaks and leads is the browser's work, of which a sanitizer sees nothing.
if !SANITIZED
SERVER_TESTS += tests/server/check_page_languages tests/server/check_page_looks tests/server/check_page_tour
endif
$(SERVER_TESTS): server/libserver.la pool/libpool.la
$(SERVER_TESTS): ROOM_LIBS = server/libserver.la pool/libpool.la
check_PROGRAMS += $(SERVER_TESTS)
TESTS += $(SERVER_TESTS)

# The pictures that check_page* take, for a person to look at.
CLEANFILES += tests/page-*.png
EXTRA_tests_server_check_server_accept_DEPENDENCIES = tests/kit/shim.la
EXTRA_tests_server_check_server_accepting_DEPENDENCIES = tests/kit/shim.la
EXTRA_tests_server_check_server_agent_DEPENDENCIES = tests/kit/shim.la
EXTRA_tests_server_check_server_io_uring_DEPENDENCIES = tests/kit/shim.la
EXTRA_tests_server_check_server_refused_DEPENDENCIES = tests/kit/shim.la

# These two put a made-up server under the admin port; so it is no part of the kit.
FAKE_SERVER = tests/server/fake_server.c tests/server/fake_server.h
tests_server_check_admin_SOURCES = tests/server/check_admin.c tests/kit/names.c $(FAKE_SERVER)
tests_server_check_admin_CFLAGS = $(AM_CFLAGS) # for an object of its own, see check_address
tests_server_check_admin_control_SOURCES = tests/server/check_admin_control.c $(FAKE_SERVER)


# A server with one more model, for check_extra_model: a file, and a line in the list.
check_PROGRAMS += tests/server/extra/echo-server
tests_server_extra_echo_server_SOURCES = server/main.c tests/server/extra/one-loop.c
nodist_tests_server_extra_echo_server_SOURCES = tests/server/extra/table.c
tests_server_extra_echo_server_LDADD = server/libserver.la pool/libpool.la common/libcommon.la \
	$(LIBEVENT_LIBS) $(JANSSON_LIBS)
CLEANFILES += tests/server/extra/table.c
tests/server/extra/table.c: server/models/make-table server/models/local.mk tests/server/local.mk
	$(AM_V_GEN)$(MKDIR_P) tests/server/extra && AWK='$(AWK)' $(SHELL) $(srcdir)/server/models/make-table \
	  $(MODELS) tests/server/extra/one-loop.c >$@-t && mv $@-t $@
