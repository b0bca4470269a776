/* SPDX-License-Identifier: MIT */
/* echo-client --tls against servers that the tests play: good ones, untrusted ones, odd ones. */
#include "config.h"

#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"
#include "tests/kit/tls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where it is not 0, whatever a server here sends goes out in pieces of that size. */
static size_t send_at_most;

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    if (send_at_most != 0 && size > send_at_most)
        size = send_at_most;
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

/* --- servers ------------------------------------------------------------------------------- */

static void finish(struct stream *stream, int fd)
{
    stream_finish_writing(stream);
    peer_drain(fd);
    stream_release(stream);
}

/* Shake hands on a connection whose descriptor is the caller's. @return false: it failed */
static bool accept_tls(struct stream *stream, int fd, struct tls_context *context)
{
    ck_assert_int_eq(stream_init_tls(stream, fd, context, NULL), 0);
    if (stream_handshake(stream) == 0)
        return true;
    finish(stream, fd);
    return false;
}

/* Upper-case what comes, as it comes. */
static void upper_case_all(struct stream *stream)
{
    static _Thread_local unsigned char bytes[20000];
    ssize_t got;

    while ((got = stream_read(stream, bytes, sizeof bytes)) > 0) {
        transform_apply(TRANSFORM_UPPER, bytes, (size_t)got);
        if (stream_write(stream, bytes, (size_t)got, NULL) != 0)
            break;
    }
}

/* The context is of TLS. */
BEHAVIOUR(tls_upper)
{
    struct stream stream;

    if (!accept_tls(&stream, fd, context))
        return;
    upper_case_all(&stream);
    finish(&stream, fd);
}

/* The same, but ends without a close_notify. */
BEHAVIOUR(no_close_notify)
{
    struct stream stream;

    if (!accept_tls(&stream, fd, context))
        return;
    upper_case_all(&stream);
    shutdown(fd, SHUT_WR);
    peer_drain(fd);
    stream_release(&stream);
}

/* Ends in order where a reply should be. */
BEHAVIOUR(closes_early)
{
    unsigned char byte;
    struct stream stream;

    if (!accept_tls(&stream, fd, context))
        return;
    (void)stream_read(&stream, &byte, 1);
    finish(&stream, fd);
}

/* Of the next behaviour. */
struct held {
    struct tls_context *tls;
    int fd; /* read end of a pipe: at its end the client is gone */
};

/* Echoes 50 bytes, then 50 wrong ones, in two records that travel together; and reads no more. */
BEHAVIOUR(wrong_in_the_second_record)
{
    const struct held *held = context;
    unsigned char bytes[50];
    size_t have = 0;
    ssize_t got = 1;
    struct stream stream;
    int on = 1, off = 0;

    if (!accept_tls(&stream, fd, held->tls))
        return;
    while (have < sizeof bytes && got > 0) {
        got = stream_read(&stream, bytes + have, sizeof bytes - have);
        have += got > 0 ? (size_t)got : 0;
    }
    if (have == sizeof bytes) {
        transform_apply(TRANSFORM_UPPER, bytes, sizeof bytes);
        setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
        (void)stream_write(&stream, bytes, sizeof bytes, NULL);
        memset(bytes, '!', sizeof bytes);
        (void)stream_write(&stream, bytes, sizeof bytes, NULL);
        setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    }
    (void)!read(held->fd, bytes, 1);
    stream_release(&stream);
}

static const char busy[] = "BUSY: 4 workers, queue of 0 full\n";

/* Refuses without TLS, at once. */
BEHAVIOUR(plainly_busy)
{
    if (peer_send(fd, busy, sizeof busy - 1))
        peer_finish(fd);
}

/* Refuses without TLS, a byte now and a byte then, when the client has spoken. */
BEHAVIOUR(slowly_busy)
{
    char hello;

    if (!peer_receive(fd, &hello, 1))
        return;
    for (size_t i = 0; i < sizeof busy - 1; i++)
        if (!peer_send(fd, &busy[i], 1))
            return;
    peer_finish(fd);
}

/* Refuses within TLS. */
BEHAVIOUR(secretly_busy)
{
    struct stream stream;

    if (!accept_tls(&stream, fd, context))
        return;
    (void)stream_write(&stream, busy, sizeof busy - 1, NULL);
    finish(&stream, fd);
}

/* Speaks of something else that begins with a B. */
BEHAVIOUR(bananas)
{
    if (peer_send(fd, "BANANAS\n", 8))
        peer_finish(fd);
}

/* Closes at once, after what the client has said first. */
BEHAVIOUR(closes_at_once)
{
    peer_finish(fd);
}

/* Takes everything and says nothing. */
BEHAVIOUR(silent)
{
    peer_drain(fd);
}

/* The arguments of a client that trusts the kit's authority. */
#define TRUSTING(...) ARGUMENTS("--tls", "--ca", keys->ca.certificate, __VA_ARGS__)

/* A run in a way against a behaviour with a context, which is released. */
static struct client_run run_against(int way, peer_behaviour *behaviour,
                                     struct tls_context *context, const char *const arguments[])
{
    struct client_run run = client_run_against(way, behaviour, context, arguments);

    tls_context_unref(context);
    return run;
}

/* A run of n messages in each of n sessions that must come out all well. */
static void expect_all_well(int way, peer_behaviour *behaviour, struct tls_context *context,
                            const char *const arguments[], int sessions, int messages)
{
    struct client_run run = run_against(way, behaviour, context, arguments);

    client_run_expect(&run, 0, sessions, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), sessions * messages);
    ck_assert_double_gt(client_run_latency(&run, "connect", "p50"), 0);
    ck_assert_double_gt(client_run_latency(&run, "queue_wait", "p50"), 0);
    ck_assert_double_gt(client_run_latency(&run, "handshake", "p50"), 0);
    ck_assert_double_gt(client_run_latency(&run, "echo", "p50"), 0);
    ck_assert_str_eq(run.outcome.err, "");
}

/* A run of one session that must fail, with these words. */
static void expect_failure(int way, peer_behaviour *behaviour, struct tls_context *context,
                           const char *const arguments[], const char *words)
{
    struct client_run run = run_against(way, behaviour, context, arguments);

    client_run_expect(&run, 1, 0, 1, 0);
    client_run_expect_error(&run, words, 1);
}

CASE_WITH_KEYS("Core")

LOOP_TEST(sessions_at_once, CLIENT_WAYS)
{
    expect_all_well(_i, tls_upper, tls_kit_server(&keys->server, NULL), TRUSTING("-n", "20"), 20,
                    10);
}

LOOP_TEST(by_name_and_by_address, CLIENT_WAYS)
{
    expect_all_well(_i, tls_upper, tls_kit_server(&keys->server, NULL),
                    TRUSTING("-n", "1", "--host", "localhost"), 1, 10);
    expect_failure(_i, tls_upper, tls_kit_server(&keys->wrong_host, NULL),
                   TRUSTING("-n", "1", "--host", "localhost"),
                   "handshake: certificate verify failed: hostname mismatch");
    expect_failure(_i, tls_upper, tls_kit_server(&keys->wrong_host, NULL), TRUSTING("-n", "1"),
                   "handshake: certificate verify failed: IP address mismatch");
}

LOOP_TEST(by_an_address_in_brackets, CLIENT_WAYS)
{
    struct tls_context *context = tls_kit_server(&keys->server, NULL);
    struct peer *peer = peer_start_v6(tls_upper, context);
    struct client_run run;

    if (peer != NULL) {
        client_use_way(_i);
        run = client_run(
            "1", TRUSTING("-n", "1", "--host", suite_text("[::1]:%s", peer_port_text(peer))));
        client_run_expect(&run, 0, 1, 0, 0);
        peer_stop(peer);
    } else
        dprintf(STDOUT_FILENO, "# skipped: this machine has no ::1\n");
    tls_context_unref(context);
}

#ifndef EP_SANITIZED
/* In the manual: --tls --ca ca.pem --host localhost, where ::1 is localhost, too. */
LOOP_TEST(a_name_with_two_addresses, CLIENT_WAYS)
{
    setenv("HAS_ADDRESSES", "127.0.0.9,127.0.0.1", 1);
    program_preload("tests/kit/.libs/names.so");
    expect_all_well(_i, tls_upper, tls_kit_server(&keys->server, NULL),
                    TRUSTING("-n", "50", "--host", "localhost"), 50, 10);
}
#endif

LOOP_TEST(sizes_up_to_large_ones, CLIENT_WAYS)
{
    expect_all_well(_i, tls_upper, tls_kit_server(&keys->server, NULL),
                    TRUSTING("-n", "3", "-m", "20", "-s", "1-100K"), 3, 20);
    expect_all_well(_i, tls_upper, tls_kit_server(&keys->server, NULL),
                    TRUSTING("-n", "1", "-m", "1", "-s", "16M"), 1, 1);
}

LOOP_TEST(records_that_come_in_pieces, CLIENT_WAYS)
{
    /* so that there is often something to read, and no whole record */
    send_at_most = 1000;
    expect_all_well(_i, tls_upper, tls_kit_server(&keys->server, NULL),
                    TRUSTING("-n", "1", "-m", "1", "-s", "8M"), 1, 1);
}

LOOP_TEST(a_single_message_is_an_echo_too, CLIENT_WAYS)
{
    /* the handshake has ended the wait for a worker, so the first reply is an echo like others */
    expect_all_well(_i, tls_upper, tls_kit_server(&keys->server, NULL),
                    TRUSTING("-n", "2", "-m", "1"), 2, 1);
}

LOOP_TEST(one_worker_for_ten_sessions, CLIENT_WAYS)
{
    /* were the handshake before the barrier, nine would never get to theirs */
    struct tls_context *context = tls_kit_server(&keys->server, NULL);
    struct peer *peer = peer_start_iterative(tls_upper, context);
    struct client_run run;

    client_use_way(_i);
    run = client_run(peer_port_text(peer), TRUSTING("-n", "10"));
    client_run_expect(&run, 0, 10, 0, 0);
    peer_stop(peer);
    tls_context_unref(context);
}

/* A run as text, as run_against(). */
static struct outcome text_against(peer_behaviour *behaviour, struct tls_context *context,
                                   const char *const arguments[], const char *input)
{
    struct outcome outcome = client_text(behaviour, context, arguments, input);

    tls_context_unref(context);
    return outcome;
}

TEST(the_prompt)
{
    struct outcome outcome =
        text_against(tls_upper, tls_kit_server(&keys->server, NULL), TRUSTING(NULL), "one\ntwo\n");

    outcome_expect(&outcome, 0, "ONE\nTWO\n", "");
}

TEST(the_prompt_says_why_it_cannot)
{
    struct outcome outcome =
        text_against(tls_upper, tls_kit_server(&keys->expired, NULL), TRUSTING(NULL), "one\n");

    outcome_expect(&outcome, 1, "",
                   suite_text("echo-client: the session with the server at 127.0.0.1:%s ended: "
                              "handshake: certificate verify failed: certificate has expired\n",
                              client_text_port()));
}

TEST(the_table_has_the_handshake)
{
    struct outcome outcome = text_against(tls_upper, tls_kit_server(&keys->server, NULL),
                                          ARGUMENTS("-n", "2", "--tls", "--insecure"), NULL);

    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_nonnull(strstr(outcome.out, "\n  handshake  "));
    outcome = client_text(peer_upper, NULL, ARGUMENTS("-n", "2"), NULL);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_null(strstr(outcome.out, "handshake"));
}

CASE_WITH_KEYS("Whom it trusts")

static const struct {
    size_t files;
    const char *words;
} untrusted[] = {
    {offsetof(struct tls_kit, expired),
     "handshake: certificate verify failed: certificate has expired"},
    {offsetof(struct tls_kit, self_signed),
     "handshake: certificate verify failed: self-signed certificate"},
    {offsetof(struct tls_kit, stranger),
     "handshake: certificate verify failed: unable to get local issuer certificate"},
};

LOOP_TEST(untrusted_servers_are_refused, 3 * CLIENT_WAYS)
{
    const char *words = untrusted[_i / CLIENT_WAYS].words;
    struct tls_files *files = (void *)((char *)keys + untrusted[_i / CLIENT_WAYS].files);

    expect_failure(_i % CLIENT_WAYS, tls_upper, tls_kit_server(files, NULL), TRUSTING("-n", "1"),
                   words);
    expect_all_well(_i % CLIENT_WAYS, tls_upper, tls_kit_server(files, NULL),
                    ARGUMENTS("-n", "1", "--tls", "--insecure"), 1, 10);
}

LOOP_TEST(the_system_is_trusted_by_default, CLIENT_WAYS)
{
    expect_failure(_i, tls_upper, tls_kit_server(&keys->server, NULL),
                   ARGUMENTS("-n", "1", "--tls"),
                   "handshake: certificate verify failed: unable to get local issuer certificate");
}

TEST(a_ca_file_that_cannot_be_used)
{
    struct outcome outcome =
        program_run(ARGUMENTS("echo-client", "-n", "1", "--tls", "--ca", "/nowhere/ca.pem"), NULL);

    outcome_expect(&outcome, 1, NULL,
                   "echo-client: cannot prepare --tls: cannot read the CA file "
                   "/nowhere/ca.pem: No such file or directory\n");
}

LOOP_TEST(a_certificate_of_ours, CLIENT_WAYS)
{
    struct tls_context *context = tls_kit_server(&keys->server, keys->ca.certificate);
    struct client_run run;

    tls_context_ref(context);
    expect_all_well(
        _i, tls_upper, context,
        TRUSTING("-n", "3", "--cert", keys->client.certificate, "--key", keys->client.key), 3, 10);
    run = run_against(_i, tls_upper, context,
                      TRUSTING("-n", "1", "--cert", keys->other_client.certificate, "--key",
                               keys->other_client.key));
    client_run_expect(&run, 1, 0, 1, 0);
}

TEST(a_certificate_that_cannot_be_used)
{
    struct outcome outcome = program_run(
        ARGUMENTS("echo-client", "-n", "1", "--tls", "--cert", keys->client.certificate), NULL);

    /* the key is not in the same file */
    const char *sentence =
        suite_text("echo-client: cannot prepare --tls: %s holds no usable private "
                   "key in PEM form: ",
                   keys->client.certificate);
    ck_assert_ptr_eq(strstr(outcome.err, sentence), outcome.err);
    ck_assert_int_eq(outcome.status, 1);
    outcome = program_run(ARGUMENTS("echo-client", "-n", "1", "--tls", "--cert",
                                    keys->client.certificate, "--key", keys->server.key),
                          NULL);
    ck_assert_ptr_nonnull(strstr(outcome.err, " does not belong to the certificate in "));
    ck_assert_int_eq(outcome.status, 1);
}

LOOP_TEST(a_server_that_wants_a_certificate_of_ours, CLIENT_WAYS)
{
    struct client_run run = run_against(
        _i, tls_upper, tls_kit_server(&keys->server, keys->ca.certificate), TRUSTING("-n", "1"));
    const char *words;
    json_t *count;

    client_run_expect(&run, 1, 0, 1, 0);
    json_object_foreach(json_object_get(run.json, "errors"), words, count)
        ck_assert_msg(strstr(words, "TLS error before the first reply: ") == words, "%s", words);
}

CASE_WITH_KEYS("Servers that do not behave")

LOOP_TEST(servers_that_do_not_behave, 5 * CLIENT_WAYS)
{
    static const struct {
        peer_behaviour *behaviour;
        bool tls;
        const char *words;
    } cases[] = {
        {no_close_notify, true,
         "TLS error after the last reply: the connection ended without close_notify"},
        {closes_early, true, "closed before the first reply"},
        {peer_upper, false,
         "handshake: an unexpected message, as from a peer that does not talk TLS"},
        {bananas, false, "handshake: what the peer sent is not TLS"},
        {closes_at_once, false, "handshake: closed by the peer"},
    };
    size_t i = (size_t)_i / CLIENT_WAYS;

    expect_failure(_i % CLIENT_WAYS, cases[i].behaviour,
                   cases[i].tls ? tls_kit_server(&keys->server, NULL) : NULL,
                   TRUSTING("-n", "1", "-m", "1"), cases[i].words);
}

LOOP_TEST(a_wrong_byte_that_waits_in_the_stream, 2)
{
    /* poll() does not see the second record, and there is nothing else to wake up for */
    struct held held = {.tls = tls_kit_server(&keys->server, NULL)};
    struct outcome outcome;
    struct peer *peer;
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    held.fd = ends[0];
    peer = peer_start(wrong_in_the_second_record, &held);
    outcome = program_run(ARGUMENTS("echo-client", "--port", peer_port_text(peer), "-n", "1", "-m",
                                    "1", "-s", "16M", "--tls", "--insecure", "--timeout", "10s",
                                    _i > 0 ? "--threads=2" : NULL),
                          NULL);
    close(ends[1]);
    peer_stop(peer);
    close(ends[0]);
    tls_context_unref(held.tls);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_ptr_nonnull(strstr(outcome.err, "wrong byte at offset 50 of 16777216"));
    ck_assert_ptr_nonnull(strstr(outcome.out, "wrong bytes in a reply"));
}

LOOP_TEST(a_silent_server, CLIENT_WAYS)
{
    expect_failure(_i, silent, NULL,
                   ARGUMENTS("-n", "1", "--tls", "--insecure", "--timeout", "50ms"),
                   "handshake: timed out");
}

LOOP_TEST(a_server_that_has_no_room, 3 * CLIENT_WAYS)
{
    static peer_behaviour *const behaviours[] = {plainly_busy, slowly_busy, secretly_busy};
    struct client_run run = run_against(_i % CLIENT_WAYS, behaviours[_i / CLIENT_WAYS],
                                        tls_kit_server(&keys->server, NULL), TRUSTING("-n", "2"));

    client_run_expect(&run, 1, 0, 0, 2);
    client_run_expect_error(&run, "refused: BUSY: 4 workers, queue of 0 full", 2);
}

LOOP_TEST(interrupted_in_the_handshake, CLIENT_WAYS)
{
    struct peer *peer = peer_start(silent, NULL);
    struct program client;
    struct client_run run;

    client_use_way(_i);
    client = client_start(peer_port_text(peer), ARGUMENTS("-n", "1", "--tls", "--insecure"));
    while (peer_accepted(peer) == 0)
        sched_yield();
    run = client_run_read(program_stop(&client));
    ck_assert_int_eq(run.outcome.status, 128 + 15);
    client_run_expect_error(&run, "interrupted", 1);
    peer_stop(peer);
}
