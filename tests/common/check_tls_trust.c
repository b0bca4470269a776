/* SPDX-License-Identifier: MIT */
/*
 * Trust: good and bad certificates of servers and of clients, and contexts that are made of files,
 * shared and replaced.
 */
#include "common/tls.h"
#include "tests/kit/suite.h"
#include "tests/kit/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tls_ends ends;

/* Both ends talk, and both end in order. */
static void expect_echo(void)
{
    char bytes[10];

    ck_assert_int_eq(stream_write(&ends.client, "hello", 5, NULL), 0);
    ck_assert_int_eq(stream_read(&ends.server, bytes, sizeof bytes), 5);
    ck_assert_int_eq(stream_write(&ends.server, bytes, 5, NULL), 0);
    ck_assert_int_eq(stream_read(&ends.client, bytes, sizeof bytes), 5);
    ck_assert_mem_eq(bytes, "hello", 5);
    ck_assert_int_eq(stream_finish_writing(&ends.client), 0);
    ck_assert_int_eq(stream_read(&ends.server, bytes, 1), 0);
    ck_assert_int_eq(stream_finish_writing(&ends.server), 0);
    ck_assert_int_eq(stream_read(&ends.client, bytes, 1), 0);
}

CASE_WITH_KEYS("Servers")

/* A server, and how a client that trusts the CA of the kit judges it. */
static const struct {
    size_t files; /* offset in the kit */
    const char *name;
    const char *client_words; /* NULL: trusted */
    const char *server_words;
} servers[] = {
#define FILES(member) offsetof(struct tls_kit, member)
    {FILES(server), "localhost", NULL, NULL},
    {FILES(server), "127.0.0.1", NULL, NULL},
    {FILES(server), "::1", NULL, NULL},
    {FILES(wrong_host), "elsewhere.example", NULL, NULL},
    {FILES(wrong_host), "localhost", "certificate verify failed: hostname mismatch",
     "alert from the peer: bad certificate"},
    {FILES(wrong_host), "127.0.0.1", "certificate verify failed: IP address mismatch",
     "alert from the peer: bad certificate"},
    {FILES(server), "127.0.0.2", "certificate verify failed: IP address mismatch",
     "alert from the peer: bad certificate"},
    {FILES(expired), "localhost", "certificate verify failed: certificate has expired",
     "alert from the peer: certificate expired"},
    {FILES(self_signed), "localhost", "certificate verify failed: self-signed certificate",
     "alert from the peer: unknown CA"},
    {FILES(stranger), "localhost",
     "certificate verify failed: unable to get local issuer certificate",
     "alert from the peer: unknown CA"},
};

static struct tls_files *files_at(size_t offset)
{
    return (struct tls_files *)(void *)((char *)keys + offset);
}

LOOP_TEST(servers_are_verified, COUNT_OF(servers))
{
    tls_ends_shake_hands(&ends, tls_kit_server(files_at(servers[_i].files), NULL),
                         tls_kit_client(keys->ca.certificate, NULL), servers[_i].name);
    if (servers[_i].client_words == NULL) {
        ck_assert_int_eq(ends.client_code, 0);
        ck_assert_int_eq(ends.server_code, 0);
        expect_echo();
    } else {
        tls_expect_error(&ends.client, ends.client_code, servers[_i].client_words);
        tls_expect_error(&ends.server, ends.server_code, servers[_i].server_words);
    }
    tls_ends_clear(&ends);
}

LOOP_TEST(insecure_accepts_them_all, COUNT_OF(servers))
{
    tls_ends_shake_hands(&ends, tls_kit_server(files_at(servers[_i].files), NULL),
                         tls_kit_client(NULL, NULL), servers[_i].name);
    ck_assert_int_eq(ends.client_code, 0);
    ck_assert_int_eq(ends.server_code, 0);
    expect_echo();
    tls_ends_clear(&ends);
}

TEST(the_system_does_not_trust_our_ca)
{
    struct tls_client_settings settings = {.ca_file = NULL};
    struct tls_context *client;
    char why[TLS_WHY_MAX];

    ck_assert_int_eq(tls_client_context_new(&settings, &client, why), 0);
    tls_ends_shake_hands(&ends, tls_kit_server(&keys->server, NULL), client, "localhost");
    tls_expect_error(&ends.client, ends.client_code,
                     "certificate verify failed: unable to get local issuer certificate");
    tls_ends_clear(&ends);
}

/* --- clients ------------------------------------------------------------------------------- */

TEST(a_client_with_a_certificate)
{
    tls_ends_shake_hands(&ends, tls_kit_server(&keys->server, keys->ca.certificate),
                         tls_kit_client(keys->ca.certificate, &keys->client), "localhost");
    ck_assert_int_eq(ends.server_code, 0);
    ck_assert_int_eq(ends.client_code, 0);
    expect_echo();
    tls_ends_clear(&ends);
}

TEST(a_client_certificate_that_is_not_asked_for)
{
    tls_ends_shake_hands(&ends, tls_kit_server(&keys->server, NULL),
                         tls_kit_client(keys->ca.certificate, &keys->other_client), "localhost");
    ck_assert_int_eq(ends.server_code, 0);
    expect_echo();
    tls_ends_clear(&ends);
}

TEST(a_client_without_a_certificate_is_refused)
{
    char byte;

    tls_ends_shake_hands(&ends, tls_kit_server(&keys->server, keys->ca.certificate),
                         tls_kit_client(keys->ca.certificate, NULL), "localhost");
    tls_expect_error(&ends.server, ends.server_code, "the client sent no certificate");
    ck_assert_int_eq(ends.client_code, 0); /* in TLS 1.3 it learns this later */
    ck_assert_int_eq(stream_read(&ends.client, &byte, 1), -EPROTO);
    tls_expect_no_errors_left();
    tls_ends_clear(&ends);
}

TEST(a_client_of_another_ca_is_refused)
{
    char byte;

    tls_ends_shake_hands(&ends, tls_kit_server(&keys->server, keys->ca.certificate),
                         tls_kit_client(keys->ca.certificate, &keys->other_client), "localhost");
    tls_expect_error(&ends.server, ends.server_code,
                     "certificate verify failed: unable to get local issuer certificate");
    tls_expect_error(&ends.client, stream_read(&ends.client, &byte, 1),
                     "alert from the peer: unknown CA");
    tls_ends_clear(&ends);
}

CASE_WITH_KEYS("Contexts")

/* Assert that these files make no server context. @param words  the begin of the cause */
static void expect_refused(const char *certificate, const char *key, const char *ca,
                           const char *words)
{
    struct tls_server_settings settings = {
        .certificate_file = certificate, .key_file = key, .ca_file = ca};
    struct tls_context *context = NULL;
    char why[TLS_WHY_MAX] = "";

    ck_assert_int_eq(tls_server_context_new(&settings, &context, why), -EINVAL);
    ck_assert_ptr_null(context);
    ck_assert_msg(strncmp(why, words, strlen(words)) == 0, "\"%s\", not \"%s\"", why, words);
    tls_expect_no_errors_left();
}

/* Write a sentence with the names of files. */
static const char *sentence(const char *format, const char *first, const char *second)
{
    static char text[TLS_WHY_MAX];
    size_t at = 0;

    for (; *format != '\0'; format++)
        if (format[0] == '%') {
            at += (size_t)snprintf(text + at, sizeof text - at, "%s", first);
            first = second;
        } else {
            text[at++] = *format;
            text[at] = '\0';
        }
    return text;
}

TEST(files_that_cannot_be_used_are_named)
{
    const char *certificate = keys->server.certificate, *key = keys->server.key;

    expect_refused("/nowhere/cert.pem", key, NULL,
                   "cannot read the certificate file /nowhere/cert.pem: No such file or directory");
    expect_refused(certificate, "/nowhere/key.pem", NULL,
                   "cannot read the key file /nowhere/key.pem: No such file or directory");
    expect_refused(certificate, "/etc", NULL, "cannot read the key file /etc: Is a directory");
    expect_refused(certificate, key, "/nowhere/ca.pem",
                   "cannot read the CA file /nowhere/ca.pem: No such file or directory");
    expect_refused(keys->broken, key, NULL,
                   sentence("% holds no usable certificate in PEM form: ", keys->broken, NULL));
    expect_refused(certificate, keys->broken, NULL,
                   sentence("% holds no usable private key in PEM form: ", keys->broken, NULL));
    expect_refused(certificate, key, "/dev/null",
                   "/dev/null holds no usable CA certificate in PEM form: ");
}

TEST(a_key_of_another_certificate_is_refused)
{
    expect_refused(keys->server.certificate, keys->renewed.key, NULL,
                   sentence("the key in % does not belong to the certificate in %",
                            keys->renewed.key, keys->server.certificate));
}

/* A certificate that can be read, and that no client can use, is found out without a client. */
TEST(a_context_is_tried)
{
    const char *const cas[] = {NULL, keys->ca.certificate};
    struct tls_context *context;
    char why[TLS_WHY_MAX] = "";

    for (size_t i = 0; i < COUNT_OF(cas); i++) {
        context = tls_kit_server(&keys->expired, cas[i]);
        ck_assert_int_eq(tls_server_context_try(context, why), 0);
        tls_context_unref(context);
    }
    context = tls_kit_server(&keys->unusable, NULL);
    ck_assert_int_eq(tls_server_context_try(context, why), -EINVAL);
    ck_assert_str_eq(why, "no common cipher");
    tls_context_unref(context);
    tls_expect_no_errors_left();
}

TEST(an_encrypted_key_is_refused_without_a_prompt)
{
    expect_refused(keys->server.certificate, keys->encrypted, NULL,
                   sentence("the key in % is encrypted; store it without a passphrase, readable "
                            "by its user alone",
                            keys->encrypted, NULL));
}

/* Append a file to another. */
static void append(FILE *to, const char *path)
{
    FILE *from = fopen(path, "re");
    int c;

    ck_assert_ptr_nonnull(from);
    while ((c = fgetc(from)) != EOF)
        ck_assert_int_eq(fputc(c, to), c);
    fclose(from);
}

TEST(one_file_may_hold_both)
{
    struct tls_files both;
    FILE *file;

    snprintf(both.certificate, sizeof both.certificate, "%s/both.pem", keys->folder);
    snprintf(both.key, sizeof both.key, "%s/both.pem", keys->folder);
    file = fopen(both.key, "wxe");
    ck_assert_ptr_nonnull(file);
    append(file, keys->server.key);
    append(file, keys->server.certificate);
    ck_assert_int_eq(fclose(file), 0);
    tls_context_unref(tls_kit_server(&both, NULL));
    unlink(both.key);
}

TEST(a_context_is_replaced_under_living_streams)
{
    struct tls_context *old = tls_kit_server(&keys->server, NULL);
    struct tls_context *client = tls_kit_client(keys->ca.certificate, NULL);
    struct tls_ends first;

    tls_context_ref(client);
    tls_ends_shake_hands(&first, old, client, "localhost"); /* holds the last reference */
    ck_assert_int_eq(first.server_code, 0);
    tls_ends_shake_hands(&ends, tls_kit_server(&keys->renewed, NULL), client, "localhost");
    ck_assert_int_eq(ends.server_code, 0);
    expect_echo();
    tls_ends_clear(&ends);
    ends = first;
    expect_echo();
    tls_ends_clear(&ends);
}

struct many {
    struct tls_context *server;
    struct tls_context *client;
};

static void *talk_often(void *argument)
{
    struct many *many = argument;

    for (int i = 0; i < 5; i++) {
        struct tls_ends own;
        char byte;

        tls_context_ref(many->server);
        tls_context_ref(many->client);
        tls_ends_shake_hands(&own, many->server, many->client, "127.0.0.1");
        ck_assert_int_eq(own.server_code, 0);
        ck_assert_int_eq(stream_write(&own.client, "x", 1, NULL), 0);
        ck_assert_int_eq(stream_read(&own.server, &byte, 1), 1);
        tls_ends_clear(&own);
    }
    return NULL;
}

TEST(many_threads_share_a_context)
{
    struct many many = {tls_kit_server(&keys->server, NULL),
                        tls_kit_client(keys->ca.certificate, NULL)};
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, talk_often, &many), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    tls_context_unref(many.server);
    tls_context_unref(many.client);
    tls_context_unref(NULL);
}

/* A worker process makes streams with a context that its parent made. */
TEST(a_forked_process_uses_the_context)
{
    struct tls_context *server = tls_kit_server(&keys->server, NULL);
    struct tls_context *client = tls_kit_client(keys->ca.certificate, NULL);
    int server_fd, client_fd, status;
    char byte;
    pid_t child;

    tls_kit_sockets(&server_fd, &client_fd);
    child = fork();
    if (child == 0) {
        struct stream stream;

        if (stream_init_tls(&stream, server_fd, server, NULL) != 0 ||
            stream_handshake(&stream) != 0 || stream_read(&stream, &byte, 1) != 1 ||
            stream_write(&stream, &byte, 1, NULL) != 0)
            _exit(1);
        _exit(0);
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(stream_init_tls(&ends.client, client_fd, client, "localhost"), 0);
    ck_assert_int_eq(stream_handshake(&ends.client), 0);
    ck_assert_int_eq(stream_write(&ends.client, "x", 1, NULL), 0);
    ck_assert_int_eq(stream_read(&ends.client, &byte, 1), 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    stream_close(&ends.client);
    close(server_fd);
    tls_context_unref(server);
    tls_context_unref(client);
}
