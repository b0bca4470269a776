# echo-client. Its parts first, then the program against servers that the tests play.
check_LTLIBRARIES += %D%/libpeer.la
%C%_libpeer_la_SOURCES = %D%/peer.c %D%/peer.h %D%/client-json.c %D%/client-json.h
%C%_libpeer_la_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_libpeer_la_LIBADD = $(JANSSON_LIBS)

CLIENT_TESTS = \
	%D%/check_message \
	%D%/check_verify \
	%D%/check_barrier \
	%D%/check_dial \
	%D%/check_summary \
	%D%/check_client_options \
	%D%/check_client \
	%D%/check_client_hostile \
	%D%/check_client_limits \
	%D%/check_client_prompt
check_PROGRAMS += $(CLIENT_TESTS)
TESTS += $(CLIENT_TESTS)

%C%_check_message_CFLAGS = $(TEST_CFLAGS)
%C%_check_message_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_verify_CFLAGS = $(TEST_CFLAGS)
%C%_check_verify_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_barrier_CFLAGS = $(TEST_CFLAGS)
%C%_check_barrier_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_dial_CFLAGS = $(TEST_CFLAGS)
%C%_check_dial_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_summary_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_summary_LDADD = client/libclient.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_options_CFLAGS = $(TEST_CFLAGS)
%C%_check_client_options_LDADD = $(TEST_LIBS)
%C%_check_client_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_hostile_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_hostile_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_limits_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_limits_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_prompt_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_prompt_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS) -lutil
