/* SPDX-License-Identifier: MIT */
/* A build without OpenSSL refuses TLS with a sentence. */
#include "common/tls.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <errno.h>

CASE("Core")

TEST(contexts_are_refused)
{
    struct tls_server_settings server = {.certificate_file = "/dev/null", .key_file = "/dev/null"};
    struct tls_client_settings client = {.insecure = true};
    struct tls_context *context;
    char why[TLS_WHY_MAX];

    ck_assert(!tls_is_built_in());
    ck_assert_int_eq(tls_server_context_new(&server, &context, why), -ENOTSUP);
    ck_assert_ptr_null(context);
    ck_assert_str_eq(why, "this program was built without TLS; build it where OpenSSL 3 is "
                          "installed (./configure --with-openssl=yes)");
    ck_assert_int_eq(tls_client_context_new(&client, &context, why), -ENOTSUP);
    tls_context_unref(context);
}

TEST(plain_streams_have_no_words)
{
    struct stream stream;
    char text[TLS_WHY_MAX];

    stream_init_plain(&stream, 0);
    ck_assert_str_eq(stream_error_text(&stream, text), "");
    ck_assert_int_eq(stream_init_tls(&stream, 0, NULL, NULL), -ENOTSUP);
}

TEST(the_client_refuses_the_option)
{
    struct outcome outcome = program_run((const char *const[]){"echo-client", "--tls", NULL}, NULL);

    outcome_expect(&outcome, 2, NULL,
                   "echo-client: --tls needs TLS, and this echo-client was built "
                   "without it; install libssl-dev and build again\n");
}
