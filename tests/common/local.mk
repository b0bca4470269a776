# common/ and the kit, one program per module.
COMMON_TESTS = \
	tests/common/check_address \
	tests/common/check_harness \
	tests/common/check_histogram \
	tests/common/check_json_line \
	tests/common/check_log \
	tests/common/check_option \
	tests/common/check_parse \
	tests/common/check_printable \
	tests/common/check_stream \
	tests/common/check_transform \
	tests/common/check_translate
if WITH_OPENSSL
COMMON_TESTS += tests/common/check_tls_handshake tests/common/check_tls_trust tests/common/check_tls
else
COMMON_TESTS += tests/common/check_tls_none
TESTS += tests/common/tls_skipped.sh
endif
check_PROGRAMS += $(COMMON_TESTS)
TESTS += $(COMMON_TESTS)
tests_common_check_address_SOURCES = tests/common/check_address.c tests/kit/names.c
# Flags of its own give the object of names.c a name of its own: names.la compiles it with libtool.
tests_common_check_address_CFLAGS = $(AM_CFLAGS)
TESTS += tests/common/translate.sh
EXTRA_DIST += tests/common/tls_skipped.sh tests/common/translate.sh
