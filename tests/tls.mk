# TLS: the streams, and the client with them. The programs need OpenSSL themselves, to make
# certificates and to play peers that are not ours.
TLS_KIT = tests/tls_kit.c tests/tls_kit.h
TLS_TEST_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS)
EXTRA_DIST += tests/tls_skipped.sh

if WITH_OPENSSL
TLS_TESTS = \
	tests/check_tls_handshake \
	tests/check_tls_trust \
	tests/check_tls \
	tests/check_client_tls \
	tests/check_server_tls
check_PROGRAMS += $(TLS_TESTS)
TESTS += $(TLS_TESTS)
else
check_PROGRAMS += tests/check_tls_none
TESTS += tests/check_tls_none tests/tls_skipped.sh
endif

tests_check_tls_SOURCES = tests/check_tls.c $(TLS_KIT)
tests_check_tls_CFLAGS = $(TLS_TEST_CFLAGS)
tests_check_tls_LDADD = $(TEST_LIBS) $(OPENSSL_LIBS)
tests_check_tls_handshake_SOURCES = tests/check_tls_handshake.c $(TLS_KIT)
tests_check_tls_handshake_CFLAGS = $(TLS_TEST_CFLAGS)
tests_check_tls_handshake_LDADD = $(TEST_LIBS) $(OPENSSL_LIBS)
tests_check_tls_trust_SOURCES = tests/check_tls_trust.c $(TLS_KIT)
tests_check_tls_trust_CFLAGS = $(TLS_TEST_CFLAGS)
tests_check_tls_trust_LDADD = $(TEST_LIBS) $(OPENSSL_LIBS)
tests_check_client_tls_SOURCES = tests/check_client_tls.c $(TLS_KIT)
tests_check_client_tls_CFLAGS = $(TLS_TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_check_client_tls_LDADD = tests/libpeer.la $(TEST_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS)
tests_check_tls_none_CFLAGS = $(TEST_CFLAGS)
tests_check_tls_none_LDADD = $(TEST_LIBS)
tests_check_server_tls_SOURCES = tests/check_server_tls.c $(TLS_KIT) $(SERVER_KIT)
tests_check_server_tls_CFLAGS = $(TLS_TEST_CFLAGS)
tests_check_server_tls_LDADD = $(TEST_LIBS) $(OPENSSL_LIBS)
