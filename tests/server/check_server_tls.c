/* SPDX-License-Identifier: MIT */
/*
 * The real server and TLS, under every model: echoes, endings, strangers, and a certificate that is
 * replaced while it runs. What TLS itself does is tested in check_tls*.
 */
#include "common/transform.h"
#include "tests/kit/controlled.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"
#include "tests/kit/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_MODEL(...)                                                                             \
    MODEL("--tls-cert", keys->server.certificate, "--tls-key", keys->server.key, __VA_ARGS__)

/* --- clients ------------------------------------------------------------------------------- */

/* A connection and its handshake. @return what the handshake said */
static int try_tls(struct kit *kit, struct tls_context *context, struct stream *stream)
{
    int fd = kit_connect(kit);

    ck_assert_int_eq(stream_init_tls(stream, fd, context, "127.0.0.1"), 0);
    tls_context_unref(context);
    return stream_handshake(stream);
}

static struct stream shake_hands(int fd)
{
    struct tls_context *context = tls_kit_client(keys->ca.certificate, NULL);
    struct stream stream;

    ck_assert_int_eq(stream_init_tls(&stream, fd, context, "127.0.0.1"), 0);
    tls_context_unref(context);
    ck_assert_int_eq(stream_handshake(&stream), 0);
    return stream;
}

static struct stream connect_tls(struct kit *kit)
{
    return shake_hands(kit_connect(kit));
}

/* Receive exactly the upper-cased bytes. */
static void expect_upper(struct stream *stream, const unsigned char *bytes, size_t size)
{
    unsigned char *expected = malloc(size);
    unsigned char *received = malloc(size);
    size_t have = 0;

    ck_assert(expected != NULL && received != NULL);
    memcpy(expected, bytes, size);
    transform_apply(TRANSFORM_UPPER, expected, size);
    while (have < size) {
        ssize_t got = stream_read(stream, received + have, size - have);
        ck_assert_msg(got > 0, "%zd after %zu of %zu bytes", got, have, size);
        have += (size_t)got;
    }
    ck_assert_mem_eq(received, expected, size);
    free(expected);
    free(received);
}

static void echo(struct stream *stream, const char *text)
{
    ck_assert_int_eq(stream_write(stream, text, strlen(text), NULL), 0);
    expect_upper(stream, (const unsigned char *)text, strlen(text));
}

/* The server's close_notify, and then ours. */
static void expect_end(struct stream *stream)
{
    char byte;

    ck_assert_int_eq(stream_read(stream, &byte, 1), 0);
    stream_finish_writing(stream);
    stream_close(stream);
}

/* Say the last, read the server's last. */
static void leave(struct stream *stream)
{
    stream_finish_writing(stream);
    expect_end(stream);
}

/* The end of a server: status 0, nothing said but what is expected. @return what it said */
static struct outcome end_of(struct kit *kit, const char *complaint)
{
    struct outcome outcome;

    kit_wait_in_flight(kit, 0);
    wait_for_descriptors(kit->program.pid, kit->descriptors);
    kit_wait_threads(kit);
    outcome = program_stop(&kit->program);
    ck_assert_int_eq(outcome.status, 0);
    if (complaint == NULL)
        ck_assert_str_eq(outcome.err, "");
    else
        ck_assert_msg(strstr(outcome.err, complaint) != NULL, "said: %s", outcome.err);
    return outcome;
}

static void expect_served(struct kit *kit, uint64_t served)
{
    struct outcome outcome = end_of(kit, NULL);
    struct tally tally = tally_of(outcome.out);

    ck_assert_uint_eq(tally.served, served);
    ck_assert_uint_eq(tally.accepted, served);
}

/* The last accounting, and a line of the farewell. */
static void expect_line(struct kit *kit, const char *line)
{
    struct outcome outcome = end_of(kit, NULL);

    ck_assert_msg(strstr(outcome.out, line) != NULL, "\"%s\" is not in: %s", line, outcome.out);
    tally_of(outcome.out);
}

CASE_WITH_KEYS("Echoes")

LOOP_TEST(fifty_sessions, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "4"));
    struct outcome outcome;
    const char *port = suite_text("%u", kit.program.port);

    outcome = program_run((const char *const[]){"echo-client", "-n", "50", "-m", "5", "--port",
                                                port, "--tls", "--ca", keys->ca.certificate, NULL},
                          NULL);
    ck_assert_msg(outcome.status == 0, "the client said: %s%s", outcome.out, outcome.err);
    ck_assert_msg(strstr(outcome.out, "50 ok, 0 failed") != NULL, "%s", outcome.out);
    expect_served(&kit, 50);
}

/* More than a record, more than a buffer; then the client's half ends first. */
LOOP_TEST(a_long_message_and_a_half_close, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2"));
    struct stream stream = connect_tls(&kit);
    unsigned char *bytes = some_bytes(60000, 8);

    ck_assert_int_eq(stream_write(&stream, bytes, 60000, NULL), 0);
    stream_finish_writing(&stream);
    expect_upper(&stream, bytes, 60000);
    expect_end(&stream);
    expect_served(&kit, 1);
}

LOOP_TEST(many_messages, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2", "--buffer", "7"));
    struct stream stream = connect_tls(&kit);

    for (int i = 0; i < 100; i++)
        echo(&stream, i % 2 ? "hello" : "a message of more than seven bytes");
    leave(&stream);
    expect_served(&kit, 1);
}

/* The header comes before the handshake. */
LOOP_TEST(behind_a_proxy, MODELS)
{
    static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1001 7\r\n";
    struct kit kit = kit_start(TLS_MODEL("--workers", "2", "--proxy-protocol", "--verbose"));
    struct stream stream;
    int fd = kit_connect(&kit);

    tcp_send(fd, header, 7);
    tcp_send(fd, header + 7, sizeof header - 1 - 7);
    stream = shake_hands(fd);
    echo(&stream, "hello");
    leave(&stream);
    wait_for_error_text(&kit.program, " is proxied for 192.0.2.1:1001\n");
    kit_wait_in_flight(&kit, 0);

    ck_assert_int_lt(try_tls(&kit, tls_kit_client(keys->ca.certificate, NULL), &stream), 0);
    stream_close(&stream);
    wait_for_error_text(&kit.program, " has no PROXY header: the first bytes are of neither");
    ck_assert_uint_eq(kit_wait_in_flight(&kit, 0).failed, 1);
    end_of(&kit, " ended: handshake failed\n");
}

CASE_WITH_KEYS("Endings")

LOOP_TEST(a_drain_says_goodbye, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2", "--drain-timeout", "20s"));
    struct stream stream = connect_tls(&kit);
    struct outcome outcome;

    echo(&stream, "hello");
    ck_assert_int_eq(kill(kit.program.pid, SIGTERM), 0);
    expect_end(&stream);
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_uint_eq(tally_of(outcome.out).served, 1);
}

/* A stop does not wait for handshakes, and a client that it interrupts has not failed. */
LOOP_TEST(a_stop_before_the_handshake, MODELS)
{
    static const unsigned char hello[] = {0x16, 3, 1, 2, 0, 1}; /* and more would follow */
    struct kit kit = kit_start(TLS_MODEL("--workers", "2", "--verbose"));
    int fd = kit_connect(&kit);
    struct outcome outcome;
    struct tally tally;

    if (_i % 2 == 0)
        tcp_send(fd, hello, sizeof hello);
    kit_wait_in_flight(&kit, 1);
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    tally = tally_of(outcome.out);
    ck_assert_uint_eq(tally.served, 1);
    ck_assert_msg(strstr(outcome.out, "\nstopped: 1\n") != NULL, "%s", outcome.out);
    ck_assert_ptr_null(strstr(outcome.err, "has no TLS"));
    close(fd);
}

LOOP_TEST(an_idle_session_is_ended_in_order, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2", "--idle-timeout", "100ms"));
    struct stream stream = connect_tls(&kit);

    expect_end(&stream);
    expect_line(&kit, "idle timeout: 1\n");
}

/* No close_notify: the client may have been cut short, and that is no good end. */
LOOP_TEST(an_end_without_goodbye_has_failed, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2"));
    struct stream stream = connect_tls(&kit);
    struct outcome outcome;

    echo(&stream, "hello");
    shutdown(stream.fd, SHUT_WR);
    kit_wait_in_flight(&kit, 0);
    stream_close(&stream);
    outcome = end_of(&kit, NULL);
    ck_assert_uint_eq(tally_of(outcome.out).failed, 1);
}

/* What was sent before the connection broke off does no harm to anybody. */
LOOP_TEST(gone_after_the_handshake, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2"));
    struct stream stream = connect_tls(&kit);

    tcp_reset(stream.fd);
    stream_release(&stream);
    kit_wait_in_flight(&kit, 0);
    stream = connect_tls(&kit);
    echo(&stream, "still here");
    leave(&stream);
    end_of(&kit, NULL);
}

CASE_WITH_KEYS("Strangers")

static const char *const strange_words[] = {"GET / HTTP/1.0\r\n\r\n", "hello\n",
                                            "\x16\x03\x01\xff\xff nonsense",
                                            "\x80\x80\x01\x03\x01 more nonsense"};
enum { STRANGE_WORDS = sizeof strange_words / sizeof strange_words[0] };

LOOP_TEST(what_is_not_tls_is_sent_away, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2", "--handshake-timeout", "300ms"));
    bool reset;
    char answer[1000];

    for (int i = 0; i < STRANGE_WORDS; i++) {
        int fd = kit_connect(&kit);
        tcp_send(fd, strange_words[i], strlen(strange_words[i]));
        tcp_receive_all(fd, answer, sizeof answer, &reset); /* an alert, perhaps */
        close(fd);
    }
    struct outcome outcome = end_of(&kit, NULL);
    struct tally tally = tally_of(outcome.out);
    ck_assert_uint_eq(tally.accepted, STRANGE_WORDS);
    ck_assert_uint_eq(tally.failed + tally.timed_out, STRANGE_WORDS);
    ck_assert_uint_ge(tally.failed, 2); /* whose words are whole */
    const char *line = suite_text("handshake failed: %u\n", (unsigned)tally.failed);
    ck_assert_msg(strstr(outcome.out, line) != NULL, "%s", outcome.out);
}

/* Silence, or half a hello, keeps a worker only for the handshake's time. */
LOOP_TEST(a_handshake_has_its_time, MODELS)
{
    static const char half_a_hello[] = {0x16, 3, 1, 0, 100, 1, 0};
    struct kit kit = kit_start(TLS_MODEL("--workers", "1", "--handshake-timeout", "200ms"));
    char byte;
    bool reset;
    int fd = kit_connect(&kit);

    if (_i % 2 == 1)
        tcp_send(fd, half_a_hello, sizeof half_a_hello);
    tcp_receive_all(fd, &byte, 1, &reset);
    close(fd);
    expect_line(&kit, "handshake timeout: 1\n");
}

LOOP_TEST(clients_need_a_certificate, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2", "--tls-ca", keys->ca.certificate));
    const struct tls_files *const wrong[] = {NULL, &keys->other_client};
    struct stream stream;
    char byte;

    for (int i = 0; i < 2; i++) {
        /* Under TLS 1.3 the client is done before the server has seen its certificate. */
        if (try_tls(&kit, tls_kit_client(keys->ca.certificate, wrong[i]), &stream) == 0)
            ck_assert_int_lt(stream_read(&stream, &byte, 1), 0);
        stream_close(&stream);
    }
    ck_assert_int_eq(try_tls(&kit, tls_kit_client(keys->ca.certificate, &keys->client), &stream),
                     0);
    echo(&stream, "it is me");
    leave(&stream);
    expect_line(&kit, "handshake failed: 2\n");
}

/* Clients that the server sends to itself shake hands like all others; and need no certificate, or are none. */
TEST(visitors_speak_tls)
{
    static const char two[] = "{\"count\": 2, \"silent\": false}";
    struct controlled server =
        controlled_start(ARGUMENTS("--tls-cert", keys->server.certificate, "--tls-key",
                                   keys->server.key, "--admin", "0", "--admin-control"));

    controlled_expect(&server, "/control/visitors", two, 200, "{\"sent\": 2}");
    controlled_wait(&server, "visitors", "served", 2);
    controlled_wait(&server, "connections", "active", 0);
    expect_tally(tally_of(program_stop(&server.kit.program).out), 2, 0, 0);
    server = controlled_start(ARGUMENTS("--tls-cert", keys->server.certificate, "--tls-key",
                                        keys->server.key, "--tls-ca", keys->ca.certificate,
                                        "--admin", "0", "--admin-control"));
    controlled_expect(&server, "/control/visitors", two, 409, "clients need a certificate");
    program_stop(&server.kit.program);
}

/* The same with our own client: the right certificate, none, and one of a CA that the server does not trust. */
LOOP_TEST(our_client_shows_a_certificate, MODELS)
{
    struct kit kit = kit_start(TLS_MODEL("--workers", "2", "--tls-ca", keys->ca.certificate));
    const char *port = suite_text("%u", kit.program.port);
    const char *arguments[16] = {"echo-client", "--port", port,   "-n",
                                 "2",           "--tls",  "--ca", keys->ca.certificate};
    const struct tls_files *const shown[] = {&keys->client, NULL, &keys->other_client};

    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        struct outcome outcome;
        if (shown[i] != NULL) {
            arguments[8] = "--cert";
            arguments[9] = shown[i]->certificate;
            arguments[10] = "--key";
            arguments[11] = shown[i]->key;
        } else {
            arguments[8] = NULL;
        }
        outcome = program_run(arguments, NULL);
        ck_assert_msg(outcome.status == (i == 0 ? 0 : 1), "the client said: %s%s", outcome.out,
                      outcome.err);
        ck_assert_msg(strstr(outcome.out, i == 0 ? "2 ok, 0 failed" : "0 ok, 2 failed") != NULL,
                      "%s", outcome.out);
    }
    expect_line(&kit, "handshake failed: 4\n");
}

/* The words are plain: they are worth no handshake, and nothing of TLS begins with a B. */
TEST(busy_is_said_plainly)
{
    struct kit kit =
        kit_start(ARGUMENTS("--tls-cert", keys->server.certificate, "--tls-key", keys->server.key,
                            "--workers", "1", "--queue", "0", "--on-full", "reject"));
    struct stream stream = connect_tls(&kit);

    expect_busy(kit_connect(&kit));
    leave(&stream);
    end_of(&kit, NULL);
}

CASE_WITH_KEYS("Certificates")

static void copy_file(const char *from, const char *to)
{
    char bytes[16384];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t size = read(in, bytes, sizeof bytes);

    ck_assert_int_gt(size, 0);
    ck_assert_int_eq(write(out, bytes, (size_t)size), size);
    close(in);
    close(out);
}

static bool fits(struct kit *kit)
{
    struct stream stream;
    int code = try_tls(kit, tls_kit_client(keys->ca.certificate, NULL), &stream);

    if (code == 0) {
        echo(&stream, "hello");
        leave(&stream);
        return true;
    }
    stream_close(&stream);
    return false;
}

/* One that the client does not trust, then a good one, then nonsense, then one for no client: the good one stays. */
LOOP_TEST(sighup_replaces_the_certificate, MODELS)
{
    char certificate[TLS_KIT_PATH + 16], key[TLS_KIT_PATH + 16];
    struct stream before;

    snprintf(certificate, sizeof certificate, "%s/served-%d.pem", keys->folder, _i);
    snprintf(key, sizeof key, "%s/served-%d-key.pem", keys->folder, _i);
    copy_file(keys->wrong_host.certificate, certificate);
    copy_file(keys->wrong_host.key, key);
    struct kit kit =
        kit_start(MODEL("--workers", "2", "--tls-cert", certificate, "--tls-key", key));
    ck_assert(!fits(&kit));

    copy_file(keys->server.certificate, certificate);
    copy_file(keys->server.key, key);
    ck_assert(!fits(&kit)); /* not before the signal */
    ck_assert_int_eq(kill(kit.program.pid, SIGHUP), 0);
    wait_for_output_text(&kit.program, "the certificate was reloaded");
    ck_assert(fits(&kit));
    before = connect_tls(&kit);

    copy_file(keys->broken, certificate);
    ck_assert_int_eq(kill(kit.program.pid, SIGHUP), 0);
    wait_for_error_text(&kit.program, "the old certificate stays in use");
    copy_file(keys->unusable.certificate, certificate);
    copy_file(keys->unusable.key, key);
    ck_assert_int_eq(kill(kit.program.pid, SIGHUP), 0);
    wait_for_error_text(&kit.program, "stays in use: no client can use the certificate");
    if (kit_ask(&kit).in_flight == 1 && strcmp(tested_models[_i].model, "iterative") != 0)
        ck_assert(fits(&kit));
    echo(&before, "one that began before goes on");
    leave(&before);
    ck_assert(fits(&kit));
    end_of(&kit, certificate);
    unlink(certificate);
    unlink(key);
}

static void expect_refusal(const char *const arguments[], int status, const char *words)
{
    struct outcome outcome = program_run(arguments, NULL);

    outcome_expect(&outcome, status, "", NULL);
    ck_assert_msg(strstr(outcome.err, words) != NULL, "\"%s\" is not in: %s", words, outcome.err);
}

#define SERVER(...) ((const char *const[]){"echo-server", "--port", "0", __VA_ARGS__, NULL})

TEST(bad_files_are_named)
{
    const char *certificate = keys->server.certificate;
    const char *key = keys->server.key;
    const char *large = suite_text("%s/large.pem", keys->folder);

    expect_refusal(SERVER("--tls-cert", "/nowhere/cert.pem"), 1, "/nowhere/cert.pem");
    expect_refusal(SERVER("--tls-cert", keys->broken), 1, keys->broken);
    expect_refusal(SERVER("--tls-cert", "/"), 1, "/");
    copy_file(certificate, large);
    ck_assert_int_eq(truncate(large, 300000), 0); /* OpenSSL would read its beginning */
    expect_refusal(SERVER("--tls-cert", large, "--tls-key", key), 1, " is larger than 256 KiB");
    unlink(large);
    expect_refusal(SERVER("--tls-cert", certificate, "--tls-key", "/nowhere/key.pem"), 1,
                   "/nowhere/key.pem");
    expect_refusal(SERVER("--tls-cert", certificate, "--tls-key", keys->client.key), 1,
                   keys->client.key);
    expect_refusal(SERVER("--tls-cert", certificate, "--tls-key", keys->encrypted), 1,
                   keys->encrypted);
    expect_refusal(SERVER("--tls-cert", certificate, "--tls-key", key, "--tls-ca", "/nowhere/ca"),
                   1, "/nowhere/ca");
    expect_refusal(
        SERVER("--tls-cert", keys->unusable.certificate, "--tls-key", keys->unusable.key), 1,
        "no client can use the certificate in");
    expect_refusal(SERVER("--tls-key", key), 2, "--tls-cert");
    expect_refusal(SERVER("--tls-ca", certificate), 2, "--tls-cert");
}
