# common/ and the harness, one program per module.
check_PROGRAMS += \
	tests/check_address \
	tests/check_harness \
	tests/check_histogram \
	tests/check_log \
	tests/check_option \
	tests/check_parse \
	tests/check_stream \
	tests/check_transform
TESTS += \
	tests/check_address \
	tests/check_harness \
	tests/check_histogram \
	tests/check_log \
	tests/check_option \
	tests/check_parse \
	tests/check_stream \
	tests/check_transform

tests_check_address_CFLAGS = $(TEST_CFLAGS)
tests_check_address_LDADD = $(TEST_LIBS)
tests_check_harness_CFLAGS = $(TEST_CFLAGS)
tests_check_harness_LDADD = $(TEST_LIBS)
tests_check_histogram_CFLAGS = $(TEST_CFLAGS)
tests_check_histogram_LDADD = $(TEST_LIBS)
tests_check_log_CFLAGS = $(TEST_CFLAGS)
tests_check_log_LDADD = $(TEST_LIBS)
tests_check_option_CFLAGS = $(TEST_CFLAGS)
tests_check_option_LDADD = $(TEST_LIBS)
tests_check_parse_CFLAGS = $(TEST_CFLAGS)
tests_check_parse_LDADD = $(TEST_LIBS)
tests_check_stream_CFLAGS = $(TEST_CFLAGS)
tests_check_stream_LDADD = $(TEST_LIBS)
tests_check_transform_CFLAGS = $(TEST_CFLAGS)
tests_check_transform_LDADD = $(TEST_LIBS)
