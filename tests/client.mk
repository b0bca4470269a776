# echo-client: its modules, and (check_client*) the real program against servers that the tests play.
CLIENT_TESTS = \
	tests/check_message \
	tests/check_verify \
	tests/check_barrier \
	tests/check_dial \
	tests/check_measure \
	tests/check_summary \
	tests/check_pace \
	tests/check_client_sources \
	tests/check_session \
	tests/check_expect \
	tests/check_report \
	tests/check_report_merge \
	tests/check_view_hist \
	tests/check_start_at \
	tests/check_options \
	tests/check_view_files \
	tests/check_view_timeline \
	tests/check_view_screen \
	tests/check_client_options \
	tests/check_client \
	tests/check_client_hostile \
	tests/check_client_limits \
	tests/check_client_load \
	tests/check_client_rate \
	tests/check_client_stop \
	tests/check_client_peers \
	tests/check_client_views \
	tests/check_client_prompt
if WITH_OPENSSL
CLIENT_TESTS += tests/check_client_tls
endif
$(CLIENT_TESTS): client/libclient.la
$(CLIENT_TESTS): ROOM_LIBS = client/libclient.la
check_PROGRAMS += $(CLIENT_TESTS)
TESTS += $(CLIENT_TESTS)
