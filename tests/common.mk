# common/ and the kit, one program per module.
COMMON_TESTS = \
	tests/check_address \
	tests/check_harness \
	tests/check_histogram \
	tests/check_log \
	tests/check_option \
	tests/check_parse \
	tests/check_stream \
	tests/check_transform
if WITH_OPENSSL
COMMON_TESTS += tests/check_tls_handshake tests/check_tls_trust tests/check_tls
else
COMMON_TESTS += tests/check_tls_none
TESTS += tests/tls_skipped.sh
endif
check_PROGRAMS += $(COMMON_TESTS)
TESTS += $(COMMON_TESTS)
EXTRA_DIST += tests/tls_skipped.sh
