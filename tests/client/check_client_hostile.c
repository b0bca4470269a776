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

/* --- behaviours ---------------------------------------------------------------------------- */

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

BEHAVIOUR(wrong_byte)
{
    unsigned char reply[SIZE];

    if (serve(fd, ((struct script *)context)->served) && next_reply(fd, reply)) {
        reply[30] ^= 1;
        peer_send(fd, reply, SIZE);
    }
    peer_finish(fd);
}

BEHAVIOUR(extra)
{
    if (serve(fd, ((struct script *)context)->served))
        peer_send(fd, "spam\x1b", 5);
    peer_finish(fd);
}

BEHAVIOUR(closing)
{
    serve(fd, ((struct script *)context)->served);
    peer_finish(fd);
}

BEHAVIOUR(closing_in_a_reply)
{
    unsigned char reply[SIZE];

    if (serve(fd, ((struct script *)context)->served) && next_reply(fd, reply))
        peer_send(fd, reply, SIZE / 2);
    peer_finish(fd);
}

BEHAVIOUR(resetting)
{
    unsigned char reply[SIZE];

    if (serve(fd, ((struct script *)context)->served))
        next_reply(fd, reply);
    reset(fd);
}

BEHAVIOUR(resetting_in_a_reply)
{
    unsigned char reply[SIZE];

    if (serve(fd, ((struct script *)context)->served) && next_reply(fd, reply))
        peer_send(fd, reply, SIZE / 2);
    reset(fd);
}

/* Silent until the client has given up; then the reply comes, too late. */
BEHAVIOUR(late)
{
    unsigned char reply[SIZE];

    if (!serve(fd, ((struct script *)context)->served) || !next_reply(fd, reply))
        return;
    peer_drain(fd);
    peer_send(fd, reply, SIZE);
}

BEHAVIOUR(stopping_in_a_reply)
{
    unsigned char reply[SIZE];

    if (serve(fd, ((struct script *)context)->served) && next_reply(fd, reply))
        peer_send(fd, reply, SIZE / 2);
    peer_drain(fd);
}

/* Serves, takes the client's end of file, and does not answer it with its own. */
BEHAVIOUR(staying)
{
    const struct script *script = context;

    serve(fd, script->served);
    peer_drain(fd);
    wait_released(script);
}

/* Serves all, and answers the client's end of file with a reset. */
BEHAVIOUR(resetting_at_the_end)
{
    serve(fd, ((struct script *)context)->served);
    peer_drain(fd);
    reset(fd);
}

/* Takes no byte. */
BEHAVIOUR(never_reading)
{
    wait_released(context);
    reset(fd);
}

/* Refuses with a line before anything is read, all at once or a byte at a time. */
struct refusal {
    const char *text;
    bool byte_by_byte;
    unsigned served; /* connections that are served well before the others are refused */
};

BEHAVIOUR(refusing)
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

BEHAVIOUR(mixing_up)
{
    struct mixed_up *mixed = context;
    unsigned char reply[SIZE];

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

CASE("Wrong, and lost at each phase")

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

LOOP_TEST(each_kind_has_its_words_and_its_status, EACH_WAY(COUNT_OF(hostile)))
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
}

TEST(only_the_first_difference_is_shown)
{
    struct client_run run = run_against(0, wrong_byte, 0, "64", "60s");
    const char *first = strstr(run.outcome.err, "wrong byte at offset");

    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "wrong byte at offset"));
    ck_assert_ptr_nonnull(strstr(first, "\necho-client:   expected  "));
    ck_assert_ptr_nonnull(strstr(first, "\necho-client:   got       "));
}

LOOP_TEST(a_server_that_never_reads, CLIENT_WAYS)
{
    struct client_run run = run_against(_i, never_reading, 0, "16M", "300ms");

    client_run_expect(&run, 1, 0, SESSIONS, 0);
    client_run_expect_error(&run, "timed out while sending", SESSIONS);
    ck_assert_int_eq(client_run_integer(&run, "messages", "sent"), 0);
}

/* Large messages, right except for their last byte. */
BEHAVIOUR(wrong_at_the_end)
{
    unsigned char *bytes = malloc(LARGE);

    if (bytes != NULL && peer_receive(fd, bytes, LARGE)) {
        transform_apply(TRANSFORM_UPPER, bytes, LARGE);
        bytes[LARGE - 1] ^= 1;
        peer_send(fd, bytes, LARGE);
    }
    free(bytes);
    peer_finish(fd);
}

LOOP_TEST(a_wrong_byte_at_the_end_of_a_large_message, CLIENT_WAYS)
{
    struct client_run run = run_against(_i, wrong_at_the_end, 0, "300000", "60s");

    client_run_expect(&run, 3, 0, SESSIONS, 0);
    client_run_expect_error(&run, "wrong bytes in a reply", SESSIONS);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "wrong byte at offset 299999 of 300000"));
}

LOOP_TEST(a_reset_while_a_large_message_is_sent, CLIENT_WAYS)
{
    struct client_run run = run_against(_i, resetting, 0, "4M", "60s");

    client_run_expect(&run, 1, 0, SESSIONS, 0);
    client_run_expect_error(&run, "reset before the first reply", SESSIONS);
}

LOOP_TEST(sessions_that_are_mixed_up, CLIENT_WAYS)
{
    struct mixed_up mixed = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct client_run run =
        client_run_against(_i, mixing_up, &mixed, ARGUMENTS("-n", "4", "-m", "1"));

    client_run_expect(&run, 3, 1, 3, 0);
    client_run_expect_error(&run, "wrong bytes in a reply", 3);
}

TEST(quiet_still_prints_errors)
{
    struct outcome outcome =
        client_text(closing, &(struct script){0}, ARGUMENTS("-n", "2", "--quiet"), NULL);

    outcome_expect(&outcome, 1, "",
                   "echo-client: 2 of 2 sessions: closed before the first reply\n");
}

CASE("Refused by the server")

LOOP_TEST(refused_with_busy, CLIENT_WAYS)
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
    }
}

/* One message a second of three sessions, for a millisecond: two of them never have one to send. */
LOOP_TEST(refused_before_the_first_message, CLIENT_WAYS)
{
    struct refusal refusal = {"BUSY queue full\n", false, 0};
    struct client_run run = client_run_against(_i, refusing, &refusal,
                                               ARGUMENTS("-n", "3", "-d", "1ms", "--rate", "1"));

    client_run_expect(&run, 1, 0, 0, 3);
    client_run_expect_error(&run, "refused: BUSY queue full", 3);
}

/* Serves some messages and then refuses, within a reply or after the last. */
struct late_refusal {
    unsigned served;
    size_t echoed; /* bytes of the next reply */
};

BEHAVIOUR(refusing_late)
{
    const struct late_refusal *refusal = context;
    unsigned char reply[SIZE];

    if (serve(fd, refusal->served) && refusal->served < MESSAGES && next_reply(fd, reply))
        peer_send(fd, reply, refusal->echoed);
    peer_send(fd, "BUSY no worker in time\n", 23);
    peer_finish(fd);
}

/* As --hold message does, where a session waits for a worker again and again, at last to be closed. */
LOOP_TEST(refused_after_replies_that_were_right, 5 * CLIENT_WAYS)
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
}

/* Messages that begin as a refusal does. */
static const char *const lines[] = {"busy\n", "busy bees\n", "busy queue or not\n", "B\n", "bu\n"};

LOOP_TEST(refused_in_place_of_an_echo_that_is_alike, COUNT_OF(lines))
{
    char *path = suite_template();
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
}

/* A file of these bytes, which has no newline at its end unless they have one. */
static struct client_run run_with_text(int way, const char *text, const char *messages,
                                       struct refusal *refusal)
{
    char *path = suite_template();
    int fd = mkstemp(path);
    struct client_run run;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    run = client_run_against(way, refusing, refusal,
                             ARGUMENTS("-n", "2", "-m", messages, "-f", path, "--timeout", "20s"));
    unlink(path);
    return run;
}

/* The refusal is right at first: its bytes are those of one echo, or of several. */
static const char *const without_newline[] = {"busy", "busy queue", "bus", "bu", "b"};

LOOP_TEST(refused_after_the_line_was_taken_for_an_echo, 2 * COUNT_OF(without_newline) * CLIENT_WAYS)
{
    int kind = _i / CLIENT_WAYS;
    int texts = COUNT_OF(without_newline);
    const char *text = without_newline[kind % texts];
    const char *messages = kind < texts ? "1" : "7";
    struct refusal refusal = {"BUSY queue full\n", false, 0};
    struct client_run run = run_with_text(_i % CLIENT_WAYS, text, messages, &refusal);

    client_run_expect(&run, 1, 0, 0, 2);
    client_run_expect_error(&run, "refused: BUSY queue full", 2);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "mismatched"), 0);
    ck_assert_int_eq(client_run_integer(&run, "bytes", NULL), 0);
    ck_assert_str_eq(run.outcome.err, "");
}

/* Surplus after a line that ended is none of it; nor is what does not begin with the word. */
LOOP_TEST(surplus_after_an_echo_is_wrong, 3 * CLIENT_WAYS)
{
    static const char *const texts[] = {"busy\n", "busx", "us"};
    static const char *const replies[] = {"BUSY\nqueue full\n", "BUSX queue full\n", "USY full\n"};
    struct refusal refusal = {replies[_i / CLIENT_WAYS], false, 0};
    struct client_run run = run_with_text(_i % CLIENT_WAYS, texts[_i / CLIENT_WAYS], "1", &refusal);

    client_run_expect(&run, 3, 0, 2, 0);
    client_run_expect_error(&run, "extra bytes after the last reply", 2);
}

/* What was cut off may have been a refusal. */
BEHAVIOUR(resetting_within_busy)
{
    unsigned char message[SIZE];

    peer_receive(fd, message, SIZE);
    peer_send(fd, "BUS", 3);
    reset(fd);
}

LOOP_TEST(a_refusal_that_is_cut_off, CLIENT_WAYS)
{
    struct client_run run =
        client_run_against(_i, resetting_within_busy, NULL, ARGUMENTS("-n", "2"));

    client_run_expect(&run, 1, 0, 2, 0);
    client_run_expect_error(&run, "reset before the first reply", 2);
    ck_assert_int_eq(client_run_integer(&run, "messages", "mismatched"), 0);
}

LOOP_TEST(some_are_served_and_some_refused, CLIENT_WAYS)
{
    struct refusal refusal = {"BUSY queue full\n", false, 2};
    struct client_run run =
        client_run_against(_i, refusing, &refusal, ARGUMENTS("-n", "6", "-m", "5", "-s", "64"));

    client_run_expect(&run, 1, 2, 0, 4);
    client_run_expect_error(&run, "refused: BUSY queue full", 4);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 2 * MESSAGES);
}

LOOP_TEST(a_line_that_is_almost_busy_is_wrong, CLIENT_WAYS)
{
    struct refusal refusal = {"BUST\n", true, 0};
    struct client_run run = client_run_against(_i, refusing, &refusal, ARGUMENTS("-n", "1"));

    client_run_expect(&run, 3, 0, 1, 0);
}
