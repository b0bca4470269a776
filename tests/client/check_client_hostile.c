/* SPDX-License-Identifier: MIT */
/*
 * echo-client against servers that answer wrong, short, extra, late or never, and that close or
 * reset at each phase: always a summary, the right words and the right exit status, within the
 * time limit; and the same in each way of running sessions.
 */
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 64, SESSIONS = 3, MESSAGES = 5, LARGE = 300000 };

/* --- behaviours ------------------------------------------------------------------------------- */

/* Serve some messages of SIZE bytes as they should be. */
static bool serve(int fd, unsigned messages)
{
    unsigned char bytes[SIZE];

    while (messages-- > 0) {
        if (!peer_receive(fd, bytes, SIZE))
            return false;
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        if (!peer_send(fd, bytes, SIZE))
            return false;
    }
    return true;
}

/* Receive a message and make the right reply, unsent. */
static bool next_reply(int fd, unsigned char bytes[SIZE])
{
    if (!peer_receive(fd, bytes, SIZE))
        return false;
    transform_apply(TRANSFORM_UPPER, bytes, SIZE);
    return true;
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* What each of these is given. */
struct script {
    unsigned served; /* messages to serve well, before it shows its teeth */
    int held;        /* read end of a pipe: at its end the client is gone, and it may close */
};

static void wait_released(const struct script *script)
{
    while (read(script->held, &(char){0}, 1) < 0 && errno == EINTR)
        continue;
}

static void wrong_byte(int fd, unsigned number, void *context)
{
    unsigned char reply[SIZE];

    (void)number;
    if (serve(fd, ((struct script *)context)->served) && next_reply(fd, reply)) {
        reply[30] ^= 1;
        peer_send(fd, reply, SIZE);
    }
    peer_finish(fd);
}

static void extra(int fd, unsigned number, void *context)
{
    (void)number;
    if (serve(fd, ((struct script *)context)->served))
        peer_send(fd, "spam\x1b", 5);
    peer_finish(fd);
}

static void closing(int fd, unsigned number, void *context)
{
    (void)number;
    serve(fd, ((struct script *)context)->served);
    peer_finish(fd);
}

static void closing_in_a_reply(int fd, unsigned number, void *context)
{
    unsigned char reply[SIZE];

    (void)number;
    if (serve(fd, ((struct script *)context)->served) && next_reply(fd, reply))
        peer_send(fd, reply, SIZE / 2);
    peer_finish(fd);
}

static void resetting(int fd, unsigned number, void *context)
{
    unsigned char reply[SIZE];

    (void)number;
    if (serve(fd, ((struct script *)context)->served))
        next_reply(fd, reply);
    reset(fd);
}

static void resetting_in_a_reply(int fd, unsigned number, void *context)
{
    unsigned char reply[SIZE];

    (void)number;
    if (serve(fd, ((struct script *)context)->served) && next_reply(fd, reply))
        peer_send(fd, reply, SIZE / 2);
    reset(fd);
}

/* Silent until the client has given up; then the reply comes, too late. */
static void late(int fd, unsigned number, void *context)
{
    unsigned char reply[SIZE];

    (void)number;
    if (!serve(fd, ((struct script *)context)->served) || !next_reply(fd, reply))
        return;
    peer_drain(fd);
    peer_send(fd, reply, SIZE);
}

static void stopping_in_a_reply(int fd, unsigned number, void *context)
{
    unsigned char reply[SIZE];

    (void)number;
    if (serve(fd, ((struct script *)context)->served) && next_reply(fd, reply))
        peer_send(fd, reply, SIZE / 2);
    peer_drain(fd);
}

/* Serves, takes the client's end of file, and does not answer it with its own. */
static void staying(int fd, unsigned number, void *context)
{
    const struct script *script = context;

    (void)number;
    serve(fd, script->served);
    peer_drain(fd);
    wait_released(script);
}

/* Serves all, and answers the client's end of file with a reset. */
static void resetting_at_the_end(int fd, unsigned number, void *context)
{
    (void)number;
    serve(fd, ((struct script *)context)->served);
    peer_drain(fd);
    reset(fd);
}

/* Takes no byte. */
static void never_reading(int fd, unsigned number, void *context)
{
    (void)number;
    wait_released(context);
    reset(fd);
}

/* Refuses with a line before anything is read, all at once or a byte at a time. */
struct refusal {
    const char *text;
    bool byte_by_byte;
    unsigned served; /* connections that are served well before the others are refused */
};

static void refusing(int fd, unsigned number, void *context)
{
    const struct refusal *refusal = context;
    size_t piece = refusal->byte_by_byte ? 1 : strlen(refusal->text);

    if (number < refusal->served) {
        serve(fd, MESSAGES);
    } else {
        for (const char *at = refusal->text; *at != '\0'; at += piece)
            peer_send(fd, at, piece);
    }
    peer_finish(fd);
}

/* Gives every session the replies of the first: the mix-up that stamps are there for. */
struct mixed_up {
    pthread_mutex_t lock;
    bool full;
    unsigned char reply[SIZE]; /* guarded by lock */
};

static void mixing_up(int fd, unsigned number, void *context)
{
    struct mixed_up *mixed = context;
    unsigned char reply[SIZE];

    (void)number;
    while (next_reply(fd, reply)) {
        pthread_mutex_lock(&mixed->lock);
        if (!mixed->full)
            memcpy(mixed->reply, reply, SIZE);
        mixed->full = true;
        memcpy(reply, mixed->reply, SIZE);
        pthread_mutex_unlock(&mixed->lock);
        if (!peer_send(fd, reply, SIZE))
            break;
    }
}

/* --- wrong, and lost at each phase -------------------------------------------------------------- */

struct hostile {
    peer_behaviour *behaviour;
    unsigned served; /* messages that are served well */
    int status;
    const char *error;
    const char *shown; /* on standard error; NULL: nothing is */
};

static const struct hostile hostile[] = {
    {wrong_byte, 0, 3, "wrong bytes in a reply", "message 0: wrong byte at offset 30 of 64"},
    {wrong_byte, 3, 3, "wrong bytes in a reply", "message 3: wrong byte at offset 30 of 64"},
    {extra, 2, 3, "wrong bytes in a reply", "message 2: wrong byte at offset 0 of 64"},
    {extra, MESSAGES, 3, "extra bytes after the last reply",
     "extra bytes after the last reply: \"spam.\""},
    {closing, 0, 1, "closed before the first reply", NULL},
    {closing, 1, 1, "closed instead of a reply", NULL},
    {closing_in_a_reply, 1, 1, "closed in the middle of a reply", NULL},
    {resetting, 0, 1, "reset before the first reply", NULL},
    {resetting, 2, 1, "reset instead of a reply", NULL},
    {resetting_in_a_reply, 2, 1, "reset in the middle of a reply", NULL},
    {late, 0, 1, "timed out before the first reply", NULL},
    {late, 2, 1, "timed out instead of a reply", NULL},
    {stopping_in_a_reply, 0, 1, "timed out in the middle of a reply", NULL},
    {staying, MESSAGES, 1, "timed out after the last reply", NULL},
    {resetting_at_the_end, MESSAGES, 1, "reset after the last reply", NULL},
};

/* Run three sessions of five messages against a behaviour that holds on until they are over. */
static struct client_run run_against(int way, peer_behaviour *behaviour, unsigned served,
                                     const char *size, const char *timeout)
{
    int held[2];
    struct script script = {.served = served};
    struct client_run run;
    struct peer *peer;

    client_use_way(way);
    ck_assert_int_eq(pipe2(held, O_CLOEXEC), 0);
    script.held = held[0];
    peer = peer_start(behaviour, &script);
    run = client_run(peer_port_text(peer),
                     ARGUMENTS("-n", "3", "-m", "5", "-s", size, "--timeout", timeout));
    close(held[1]);
    peer_stop(peer);
    close(held[0]);
    return run;
}

/* Where a time limit is what is looked for, it must still be long enough for what comes before. */
static const char *timeout_for(const struct hostile *kind)
{
    return strstr(kind->error, "timed out") != NULL ? "1s" : "60s";
}

START_TEST(each_kind_has_its_words_and_its_status)
{
    const struct hostile *kind = &hostile[_i / CLIENT_WAYS];
    struct client_run run =
        run_against(_i % CLIENT_WAYS, kind->behaviour, kind->served, "64", timeout_for(kind));
    /* extra bytes make the last reply a wrong one after all */
    unsigned verified =
        kind->behaviour == extra && kind->served == MESSAGES ? MESSAGES - 1 : kind->served;

    client_run_expect(&run, kind->status, 0, SESSIONS, 0);
    client_run_expect_error(&run, kind->error, SESSIONS);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), SESSIONS * verified);
    ck_assert_int_eq(client_run_integer(&run, "bytes", NULL), SESSIONS * verified * SIZE);
    ck_assert_int_eq(client_run_integer(&run, "messages", "mismatched"),
                     kind->status == 3 ? SESSIONS : 0);
    if (kind->shown == NULL)
        ck_assert_str_eq(run.outcome.err, "");
    else
        ck_assert_msg(strstr(run.outcome.err, kind->shown) != NULL, "no \"%s\" in %s", kind->shown,
                      run.outcome.err);
    client_run_clear(&run);
}
END_TEST

START_TEST(only_the_first_difference_is_shown)
{
    struct client_run run = run_against(0, wrong_byte, 0, "64", "60s");
    const char *first = strstr(run.outcome.err, "wrong byte at offset");

    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "wrong byte at offset"));
    ck_assert_ptr_nonnull(strstr(first, "\necho-client:   expected  "));
    ck_assert_ptr_nonnull(strstr(first, "\necho-client:   got       "));
    client_run_clear(&run);
}
END_TEST

START_TEST(a_server_that_never_reads)
{
    struct client_run run = run_against(_i, never_reading, 0, "16M", "300ms");

    client_run_expect(&run, 1, 0, SESSIONS, 0);
    client_run_expect_error(&run, "timed out while sending", SESSIONS);
    ck_assert_int_eq(client_run_integer(&run, "messages", "sent"), 0);
    client_run_clear(&run);
}
END_TEST

/* Large messages, right except for their last byte. */
static void wrong_at_the_end(int fd, unsigned number, void *context)
{
    unsigned char *bytes = malloc(LARGE);

    (void)number;
    (void)context;
    if (bytes != NULL && peer_receive(fd, bytes, LARGE)) {
        transform_apply(TRANSFORM_UPPER, bytes, LARGE);
        bytes[LARGE - 1] ^= 1;
        peer_send(fd, bytes, LARGE);
    }
    free(bytes);
    peer_finish(fd);
}

START_TEST(a_wrong_byte_at_the_end_of_a_large_message)
{
    struct client_run run = run_against(_i, wrong_at_the_end, 0, "300000", "60s");

    client_run_expect(&run, 3, 0, SESSIONS, 0);
    client_run_expect_error(&run, "wrong bytes in a reply", SESSIONS);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "wrong byte at offset 299999 of 300000"));
    client_run_clear(&run);
}
END_TEST

START_TEST(a_reset_while_a_large_message_is_sent)
{
    struct client_run run = run_against(_i, resetting, 0, "4M", "60s");

    client_run_expect(&run, 1, 0, SESSIONS, 0);
    client_run_expect_error(&run, "reset before the first reply", SESSIONS);
    client_run_clear(&run);
}
END_TEST

START_TEST(sessions_that_are_mixed_up)
{
    struct mixed_up mixed = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct client_run run =
        client_run_against(_i, mixing_up, &mixed, ARGUMENTS("-n", "4", "-m", "1"));

    client_run_expect(&run, 3, 1, 3, 0);
    client_run_expect_error(&run, "wrong bytes in a reply", 3);
    client_run_clear(&run);
}
END_TEST

START_TEST(quiet_still_tells_errors)
{
    struct peer *peer = peer_start(closing, &(struct script){0});
    struct outcome outcome = program_run(
        ARGUMENTS("echo-client", "--port", peer_port_text(peer), "-n", "2", "--quiet"), NULL);

    ck_assert_int_eq(outcome.status, 1);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_str_eq(outcome.err, "echo-client: 2 of 2 sessions: closed before the first reply\n");
    outcome_clear(&outcome);
    peer_stop(peer);
}
END_TEST

/* --- refused by the server ---------------------------------------------------------------------- */

START_TEST(refused_with_busy)
{
    static const struct {
        struct refusal refusal;
        const char *size;
        const char *error;
    } kinds[] = {
        {{"BUSY queue full\n", false, 0}, "64", "refused: BUSY queue full"},
        {{"BUSY queue full\n", true, 0}, "64", "refused: BUSY queue full"},
        {{"BUSY queue full\n", true, 0}, "4M", "refused: BUSY queue full"},
        {{"BUSY\n", false, 0}, "1", "refused: BUSY"},
        {{"BUSY", true, 0}, "3", "refused: BUSY"},
        {{"BUSY \x1b[2J\xff\n", false, 0}, "100000", "refused: BUSY .[2J."},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct refusal refusal = kinds[i].refusal;
        struct client_run run =
            client_run_against(_i, refusing, &refusal, ARGUMENTS("-n", "3", "-s", kinds[i].size));

        client_run_expect(&run, 1, 0, 0, 3);
        client_run_expect_error(&run, kinds[i].error, 3);
        ck_assert_int_eq(client_run_integer(&run, "messages", "mismatched"), 0);
        ck_assert_str_eq(run.outcome.err, "");
        client_run_clear(&run);
    }
}
END_TEST

/* One message a second of three sessions, for a millisecond: two of them never have one to send. */
START_TEST(refused_before_the_first_message)
{
    struct refusal refusal = {"BUSY queue full\n", false, 0};
    struct client_run run = client_run_against(_i, refusing, &refusal,
                                               ARGUMENTS("-n", "3", "-d", "1ms", "--rate", "1"));

    client_run_expect(&run, 1, 0, 0, 3);
    client_run_expect_error(&run, "refused: BUSY queue full", 3);
    client_run_clear(&run);
}
END_TEST

/* Serves some messages and then refuses, within a reply or after the last. */
struct late_refusal {
    unsigned served;
    size_t echoed; /* bytes of the next reply */
};

static void refusing_late(int fd, unsigned number, void *context)
{
    const struct late_refusal *refusal = context;
    unsigned char reply[SIZE];

    (void)number;
    if (serve(fd, refusal->served) && refusal->served < MESSAGES && next_reply(fd, reply))
        peer_send(fd, reply, refusal->echoed);
    peer_send(fd, "BUSY no worker in time\n", 23);
    peer_finish(fd);
}

/* As --hold message does, where a session waits for a worker again and again, at last to be closed. */
START_TEST(refused_after_replies_that_were_right)
{
    static const struct late_refusal kinds[] = {{0, 0}, {0, 3}, {1, 0}, {3, 40}, {MESSAGES, 0}};
    struct late_refusal refusal = kinds[_i / CLIENT_WAYS];
    struct client_run run = client_run_against(_i % CLIENT_WAYS, refusing_late, &refusal,
                                               ARGUMENTS("-n", "3", "-m", "5", "-s", "64"));

    client_run_expect(&run, 1, 0, 0, 3);
    client_run_expect_error(&run, "refused: BUSY no worker in time", 3);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 3 * refusal.served);
    ck_assert_int_eq(client_run_integer(&run, "messages", "mismatched"), 0);
    ck_assert_str_eq(run.outcome.err, "");
    client_run_clear(&run);
}
END_TEST

/* Messages that begin as a refusal does. */
static const char *const lines[] = {"busy\n", "busy bees\n", "busy queue or not\n", "B\n", "bu\n"};

START_TEST(refused_in_place_of_an_echo_that_is_alike)
{
    char path[] = "/tmp/check-client-hostile-XXXXXX";
    int fd = mkstemp(path);
    struct refusal refusal = {"BUSY queue full\n", false, 0};
    struct client_run run;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, lines[_i], strlen(lines[_i])), (ssize_t)strlen(lines[_i]));
    close(fd);
    run = client_run_against(0, refusing, &refusal, ARGUMENTS("-n", "2", "-m", "1", "-f", path));
    unlink(path);
    client_run_expect(&run, 1, 0, 0, 2);
    client_run_expect_error(&run, "refused: BUSY queue full", 2);
    client_run_clear(&run);
}
END_TEST

/* What was cut off may have been a refusal. */
static void resetting_within_busy(int fd, unsigned number, void *context)
{
    unsigned char message[SIZE];

    (void)number;
    (void)context;
    peer_receive(fd, message, SIZE);
    peer_send(fd, "BUS", 3);
    reset(fd);
}

START_TEST(a_refusal_that_is_cut_off)
{
    struct client_run run =
        client_run_against(_i, resetting_within_busy, NULL, ARGUMENTS("-n", "2"));

    client_run_expect(&run, 1, 0, 2, 0);
    client_run_expect_error(&run, "reset before the first reply", 2);
    ck_assert_int_eq(client_run_integer(&run, "messages", "mismatched"), 0);
    client_run_clear(&run);
}
END_TEST

START_TEST(some_are_served_and_some_refused)
{
    struct refusal refusal = {"BUSY queue full\n", false, 2};
    struct client_run run =
        client_run_against(_i, refusing, &refusal, ARGUMENTS("-n", "6", "-m", "5", "-s", "64"));

    client_run_expect(&run, 1, 2, 0, 4);
    client_run_expect_error(&run, "refused: BUSY queue full", 4);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 2 * MESSAGES);
    client_run_clear(&run);
}
END_TEST

START_TEST(a_line_that_is_almost_busy_is_wrong)
{
    struct refusal refusal = {"BUST\n", true, 0};
    struct client_run run = client_run_against(_i, refusing, &refusal, ARGUMENTS("-n", "1"));

    client_run_expect(&run, 3, 0, 1, 0);
    client_run_clear(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client-hostile");

    ADD_LOOP_TESTS(suite, "Phases", CLIENT_WAYS * (int)(sizeof hostile / sizeof hostile[0]),
                   each_kind_has_its_words_and_its_status);
    ADD_TESTS(suite, "Phases", only_the_first_difference_is_shown);
    ADD_LOOP_TESTS(suite, "Phases", CLIENT_WAYS, a_server_that_never_reads,
                   a_wrong_byte_at_the_end_of_a_large_message,
                   a_reset_while_a_large_message_is_sent, sessions_that_are_mixed_up);
    ADD_TESTS(suite, "Phases", quiet_still_tells_errors);
    ADD_LOOP_TESTS(suite, "Refused", CLIENT_WAYS, refused_with_busy,
                   refused_before_the_first_message, some_are_served_and_some_refused,
                   a_line_that_is_almost_busy_is_wrong, a_refusal_that_is_cut_off);
    ADD_LOOP_TESTS(suite, "Refused", 5 * CLIENT_WAYS, refused_after_replies_that_were_right);
    ADD_LOOP_TESTS(suite, "Refused", COUNT_OF(lines), refused_in_place_of_an_echo_that_is_alike);
    return suite_main(suite);
}
