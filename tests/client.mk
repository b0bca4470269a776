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
	%D%/check_measure \
	%D%/check_summary \
	%D%/check_pace \
	%D%/check_client_sources \
	%D%/check_session \
	%D%/check_expect \
	%D%/check_report \
	%D%/check_report_merge \
	%D%/check_view_hist \
	%D%/check_start_at \
	%D%/check_options \
	%D%/check_view_files \
	%D%/check_view_timeline \
	%D%/check_view_screen \
	%D%/check_client_options \
	%D%/check_client \
	%D%/check_client_hostile \
	%D%/check_client_limits \
	%D%/check_client_load \
	%D%/check_client_rate \
	%D%/check_client_stop \
	%D%/check_client_peers \
	%D%/check_client_views \
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
%C%_check_measure_CFLAGS = $(TEST_CFLAGS)
%C%_check_measure_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_summary_CFLAGS = $(TEST_CFLAGS)
%C%_check_summary_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_pace_CFLAGS = $(TEST_CFLAGS)
%C%_check_pace_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_client_sources_CFLAGS = $(TEST_CFLAGS)
%C%_check_client_sources_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_session_CFLAGS = $(TEST_CFLAGS)
%C%_check_session_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_expect_CFLAGS = $(TEST_CFLAGS)
%C%_check_expect_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_report_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_report_LDADD = client/libclient.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_report_merge_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_report_merge_LDADD = client/libclient.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_view_hist_CFLAGS = $(TEST_CFLAGS)
%C%_check_view_hist_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_start_at_CFLAGS = $(TEST_CFLAGS)
%C%_check_start_at_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_options_CFLAGS = $(TEST_CFLAGS)
%C%_check_options_LDADD = client/libclient.la $(TEST_LIBS)
%C%_check_view_files_SOURCES = %D%/check_view_files.c %D%/view_kit.c %D%/view_kit.h
%C%_check_view_files_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_view_files_LDADD = client/libclient.la $(TEST_LIBS) $(JANSSON_LIBS) -lutil
%C%_check_view_timeline_SOURCES = %D%/check_view_timeline.c %D%/view_kit.c %D%/view_kit.h
%C%_check_view_timeline_CFLAGS = $(TEST_CFLAGS)
%C%_check_view_timeline_LDADD = client/libclient.la $(TEST_LIBS) -lutil
%C%_check_view_screen_SOURCES = %D%/check_view_screen.c %D%/view_kit.c %D%/view_kit.h
%C%_check_view_screen_CFLAGS = $(TEST_CFLAGS)
%C%_check_view_screen_LDADD = client/libclient.la $(TEST_LIBS) -lutil
%C%_check_client_options_CFLAGS = $(TEST_CFLAGS)
%C%_check_client_options_LDADD = $(TEST_LIBS)
%C%_check_client_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_hostile_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_hostile_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_limits_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_limits_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_load_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_load_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_rate_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_rate_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_stop_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_stop_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_peers_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_peers_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_views_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_views_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS)
%C%_check_client_prompt_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
%C%_check_client_prompt_LDADD = %D%/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS) -lutil
