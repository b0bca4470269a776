# echo-client: its modules, and (check_client*) the real program against servers that the tests play.
CLIENT_TESTS = \
	tests/client/check_message \
	tests/client/check_verify \
	tests/client/check_barrier \
	tests/client/check_dial \
	tests/client/check_measure \
	tests/client/check_summary \
	tests/client/check_pace \
	tests/client/check_client_sources \
	tests/client/check_connect \
	tests/client/check_resume \
	tests/client/check_session \
	tests/client/check_expect \
	tests/client/check_search \
	tests/client/check_report \
	tests/client/check_report_merge \
	tests/client/check_view_hist \
	tests/client/check_start_at \
	tests/client/check_options \
	tests/client/check_view_files \
	tests/client/check_view_timeline \
	tests/client/check_view_screen \
	tests/client/check_client_options \
	tests/client/check_client \
	tests/client/check_client_faults \
	tests/client/check_client_hostile \
	tests/client/check_client_limits \
	tests/client/check_client_load \
	tests/client/check_client_clock \
	tests/client/check_client_rate \
	tests/client/check_client_search \
	tests/client/check_client_stop \
	tests/client/check_client_targets \
	tests/client/check_client_warm_up \
	tests/client/check_client_peers \
	tests/client/check_client_views \
	tests/client/check_client_prompt \
	tests/client/check_sample
if WITH_OPENSSL
CLIENT_TESTS += tests/client/check_client_tls
EXTRA_tests_client_check_client_tls_DEPENDENCIES = tests/kit/names.la
endif
$(CLIENT_TESTS): client/libclient.la pool/libpool.la
$(CLIENT_TESTS): ROOM_LIBS = client/libclient.la pool/libpool.la
check_PROGRAMS += $(CLIENT_TESTS)
TESTS += $(CLIENT_TESTS)

EXTRA_tests_client_check_client_faults_DEPENDENCIES = tests/kit/clock.la tests/kit/shim.la tests/kit/names.la

# A session that the test leads by hand.
SESSION_RIG = tests/client/session_rig.c tests/client/session_rig.h
tests_client_check_connect_SOURCES = tests/client/check_connect.c $(SESSION_RIG)
tests_client_check_resume_SOURCES = tests/client/check_resume.c $(SESSION_RIG)
tests_client_check_session_SOURCES = tests/client/check_session.c $(SESSION_RIG)
