/* SPDX-License-Identifier: MIT */
/* Certificates and TLS ends for tests: see tls.h. */
#include "tests/kit/tls.h"

#include "tests/kit/harness.h"

#include <check.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DAY = 24 * 3600 };

/* --- certificates -------------------------------------------------------------------------- */

/* The kind of a certificate. */
struct request {
    struct tls_files *files;
    const char *name;
    const char *hosts; /* subjectAltName; NULL: none */
    long days;         /* from now until it ends; it begins 2 days ago */
    bool is_ca;
    const char *curve; /* of its key; NULL: P-256 */
};

/* The issuer: a certificate and its key. */
struct signer {
    X509 *certificate;
    EVP_PKEY *key;
};

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "wxe");

    ck_assert_msg(file != NULL, "cannot create %s: %s", path, strerror(errno));
    return file;
}

static void write_pair(const struct tls_files *files, X509 *certificate, EVP_PKEY *key)
{
    FILE *file = create(files->certificate);

    ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
    ck_assert_int_eq(fclose(file), 0);
    file = create(files->key);
    ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    ck_assert_int_eq(fclose(file), 0);
}

static void add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A certificate that is not yet signed, for a key. */
static X509 *fill_in(const struct request *request, EVP_PKEY *key)
{
    static long serial;
    X509 *certificate = X509_new();
    X509_NAME *name;

    ck_assert_ptr_nonnull(certificate);
    ck_assert_int_eq(X509_set_version(certificate, X509_VERSION_3), 1);
    ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial), 1);
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(certificate), -2L * DAY));
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(certificate), request->days * DAY));
    name = X509_get_subject_name(certificate);
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)request->name, -1, -1, 0),
                     1);
    ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
    add_extension(certificate, NID_basic_constraints,
                  request->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (request->hosts != NULL)
        add_extension(certificate, NID_subject_alt_name, request->hosts);
    return certificate;
}

/* Make a pair and write it. @param by  NULL: itself. @return the pair */
static struct signer issue(const struct request *request, const struct signer *by)
{
    struct signer fresh = {.key = EVP_EC_gen(request->curve != NULL ? request->curve : "P-256")};

    ck_assert_ptr_nonnull(fresh.key);
    fresh.certificate = fill_in(request, fresh.key);
    if (by == NULL)
        by = &fresh;
    ck_assert_int_eq(
        X509_set_issuer_name(fresh.certificate, X509_get_subject_name(by->certificate)), 1);
    ck_assert_int_gt(X509_sign(fresh.certificate, by->key, EVP_sha256()), 0);
    write_pair(request->files, fresh.certificate, fresh.key);
    return fresh;
}

static void forget(struct signer signer)
{
    X509_free(signer.certificate);
    EVP_PKEY_free(signer.key);
}

static void issue_all(struct tls_kit *kit)
{
    static const char here[] = "DNS:localhost,IP:127.0.0.1,IP:::1";
    struct signer ca = issue(&(struct request){&kit->ca, "test CA", NULL, 2, true, NULL}, NULL);
    struct signer other =
        issue(&(struct request){&kit->other_ca, "other CA", NULL, 2, true, NULL}, NULL);
    struct signer server =
        issue(&(struct request){&kit->server, "server", here, 2, false, NULL}, &ca);
    FILE *file = create(kit->encrypted);

    ck_assert_int_eq(
        PEM_write_PrivateKey(file, server.key, EVP_aes_128_cbc(), NULL, 0, NULL, (char[]){"word"}),
        1);
    ck_assert_int_eq(fclose(file), 0);
    file = create(kit->broken);
    ck_assert_int_ge(fputs("nothing of use\n", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    forget(issue(&(struct request){&kit->renewed, "renewed server", here, 2, false, NULL}, &ca));
    forget(issue(&(struct request){&kit->expired, "expired server", here, -1, false, NULL}, &ca));
    forget(issue(
        &(struct request){&kit->wrong_host, "elsewhere", "DNS:elsewhere.example", 2, false, NULL},
        &ca));
    forget(issue(&(struct request){&kit->stranger, "stranger", here, 2, false, NULL}, &other));
    forget(issue(&(struct request){&kit->self_signed, "server alone", here, 2, false, NULL}, NULL));
    forget(issue(&(struct request){&kit->unusable, "old server", here, 2, false, "P-224"}, &ca));
    forget(issue(&(struct request){&kit->client, "client", NULL, 2, false, NULL}, &ca));
    forget(
        issue(&(struct request){&kit->other_client, "other client", NULL, 2, false, NULL}, &other));
    forget(server);
    forget(other);
    forget(ca);
}

/* The pairs of a kit with their names as files. */
static struct tls_files *pair_of(struct tls_kit *kit, size_t i, const char **name)
{
    const struct {
        struct tls_files *files;
        const char *name;
    } pairs[] = {
        {&kit->ca, "ca"},
        {&kit->other_ca, "other-ca"},
        {&kit->server, "server"},
        {&kit->renewed, "renewed"},
        {&kit->expired, "expired"},
        {&kit->wrong_host, "wrong-host"},
        {&kit->stranger, "stranger"},
        {&kit->self_signed, "self-signed"},
        {&kit->unusable, "unusable"},
        {&kit->client, "client"},
        {&kit->other_client, "other-client"},
    };

    if (i >= sizeof pairs / sizeof pairs[0])
        return NULL;
    *name = pairs[i].name;
    return pairs[i].files;
}

struct tls_kit *tls_kit_new(void)
{
    struct tls_kit *kit = calloc(1, sizeof *kit);
    struct tls_files *files;
    const char *name = NULL;

    ck_assert_ptr_nonnull(kit);
    snprintf(kit->folder, sizeof kit->folder, "%s", suite_template());
    ck_assert_ptr_nonnull(mkdtemp(kit->folder));
    for (size_t i = 0; (files = pair_of(kit, i, &name)) != NULL; i++) {
        snprintf(files->certificate, TLS_KIT_PATH, "%s/%s.crt", kit->folder, name);
        snprintf(files->key, TLS_KIT_PATH, "%s/%s.key", kit->folder, name);
    }
    snprintf(kit->broken, sizeof kit->broken, "%s/broken.pem", kit->folder);
    snprintf(kit->encrypted, sizeof kit->encrypted, "%s/encrypted.key", kit->folder);
    issue_all(kit);
    return kit;
}

void tls_kit_free(struct tls_kit *kit)
{
    struct tls_files *files;
    const char *name = NULL;

    if (kit == NULL)
        return;
    for (size_t i = 0; (files = pair_of(kit, i, &name)) != NULL; i++) {
        unlink(files->certificate);
        unlink(files->key);
    }
    unlink(kit->broken);
    unlink(kit->encrypted);
    rmdir(kit->folder);
    free(kit);
}

struct tls_kit *keys;

static void make_keys(void)
{
    keys = tls_kit_new();
}

static void free_keys(void)
{
    tls_kit_free(keys);
}

void case_with_keys(const char *name)
{
    case_begin(name);
    case_fixture_once(make_keys, free_keys);
}

/* --- contexts and ends --------------------------------------------------------------------- */

struct tls_context *tls_kit_server(const struct tls_files *files, const char *ca_file)
{
    struct tls_server_settings settings = {
        .certificate_file = files->certificate, .key_file = files->key, .ca_file = ca_file};
    struct tls_context *context = NULL;
    char why[TLS_WHY_MAX] = "";

    ck_assert_msg(tls_server_context_new(&settings, &context, why) == 0, "%s", why);
    return context;
}

struct tls_context *tls_kit_client(const char *ca_file, const struct tls_files *files)
{
    struct tls_client_settings settings = {.ca_file = ca_file, .insecure = ca_file == NULL};
    struct tls_context *context = NULL;
    char why[TLS_WHY_MAX] = "";

    if (files != NULL) {
        settings.certificate_file = files->certificate;
        settings.key_file = files->key;
    }
    ck_assert_msg(tls_client_context_new(&settings, &context, why) == 0, "%s", why);
    return context;
}

static void set_buffers(int fd)
{
    int bytes = 8192;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

void tls_kit_sockets(int *server, int *client)
{
    uint16_t port;
    int listener = tcp_listen(&port);

    set_buffers(listener); /* inherited by what is accepted */
    *client = tcp_connect(port);
    set_buffers(*client);
    *server = accept(listener, NULL, NULL);
    ck_assert_int_ge(*server, 0);
    close(listener);
}

void tls_ends_init(struct tls_ends *ends, struct tls_context *server, struct tls_context *client,
                   const char *server_name)
{
    int server_fd, client_fd;

    tls_kit_sockets(&server_fd, &client_fd);
    ck_assert_int_eq(stream_init_tls(&ends->server, server_fd, server, NULL), 0);
    ck_assert_int_eq(stream_init_tls(&ends->client, client_fd, client, server_name), 0);
    stream_set_nodelay(&ends->server);
    stream_set_nodelay(&ends->client);
    tls_context_unref(server);
    tls_context_unref(client);
}

/* The server's half, on a thread. One that fails ends the connection as a server would. */
static void *serve_handshake(void *argument)
{
    struct tls_ends *ends = argument;

    ends->server_code = stream_handshake(&ends->server);
    if (ends->server_code != 0)
        stream_finish_writing(&ends->server);
    tls_expect_no_errors_left();
    return NULL;
}

void tls_ends_shake_hands(struct tls_ends *ends, struct tls_context *server,
                          struct tls_context *client, const char *server_name)
{
    pthread_t thread;

    tls_ends_init(ends, server, client, server_name);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve_handshake, ends), 0);
    ends->client_code = stream_handshake(&ends->client);
    if (ends->client_code != 0)
        stream_finish_writing(&ends->client);
    tls_expect_no_errors_left();
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

void tls_ends_clear(struct tls_ends *ends)
{
    if (ends->server.fd >= 0)
        stream_close(&ends->server);
    if (ends->client.fd >= 0)
        stream_close(&ends->client);
}

void tls_expect_no_errors_left(void)
{
    unsigned long error = ERR_peek_error();

    ck_assert_msg(error == 0, "an error is left in the queue: %s", ERR_reason_error_string(error));
}

void tls_expect_error(const struct stream *stream, ssize_t code, const char *words)
{
    char text[TLS_WHY_MAX];

    ck_assert_int_eq(code, -EPROTO);
    ck_assert_str_eq(stream_error_text(stream, text), words);
    tls_expect_no_errors_left();
}
