/* SPDX-License-Identifier: MIT */
/*
 * client/session/resume.c: a close by the server between two messages, seen before the next is sent or
 * not; and a session that goes on with another connection.
 */
#include "common/transform.h"
#include "tests/client/session_rig.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* --reconnect was given. */
static bool reconnects;

#define RECORD rig.session.connection.record

/* The server closes, after it has received and answered this many bytes of a message. */
static void close_after(size_t received, size_t answered)
{
    unsigned char bytes[SIZE];

    tcp_receive(rig.peer, bytes, received);
    transform_apply(TRANSFORM_UPPER, bytes, received);
    tcp_send(rig.peer, bytes, answered);
    ck_assert_int_eq(shutdown(rig.peer, SHUT_WR), 0);
    poll_session(POLLIN);
}

/* A session with a reply behind it; it thinks for an hour, or sends at once. */
static void begin_with_a_reply(bool thinks)
{
    lay_out(SIZE);
    rig.plan.reconnect = reconnects;
    if (thinks)
        rig.plan.think = (struct spread){.kind = SPREAD_CONSTANT, .from_ns = HOUR_NS};
    begin();
    ck_assert_uint_eq(connect_it(), NEED_READ);
    answer(SIZE);
    poll_session(POLLIN);
    ck_assert_uint_eq(advance(READY_READ), thinks ? NEED_MOMENT : NEED_READ);
}

CASE("Closed")

LOOP_TEST(a_close_while_it_waits, 2)
{
    reconnects = _i == 1;
    begin_with_a_reply(true);
    close_after(0, 0);
    ck_assert_uint_eq(advance(READY_READ), NEED_MOMENT); /* nothing is due yet */
    rig.session.connection.due_ns = clock_now_ns();
    advance(READY_TIME);
    expect_over(SESSION_CLOSED, "closed by the server");
    ck_assert_uint_eq(RECORD.sent, 1);
    ck_assert_uint_eq(RECORD.verified, 1);
    ck_assert_uint_eq(RECORD.resent, 0);
    ck_assert(RECORD.resumed == reconnects);
    clear();
}

/* A refusal, or what no message asked for, while it waits. */
LOOP_TEST(bytes_while_it_waits, 2)
{
    begin_with_a_reply(true);
    tcp_send(rig.peer, _i == 0 ? "BUSY now\n" : "spam\n", _i == 0 ? 9 : 5);
    close_after(0, 0);
    rig.session.connection.due_ns = clock_now_ns();
    while (advance(READY_TIME) != NEED_NOTHING)
        poll_session(POLLIN);
    expect_over(_i == 0 ? SESSION_REFUSED : SESSION_FAILED,
                _i == 0 ? "refused: BUSY now" : "extra bytes after the last reply");
    clear();
}

/* A send fails as after a close in order, but then comes what no message asked for. */
LOOP_TEST(bytes_after_a_send_has_failed, 2)
{
    reconnects = _i == 1;
    begin_with_a_reply(true);
    ck_assert_int_eq(shutdown(rig.session.connection.stream.fd, SHUT_WR), 0);
    rig.session.connection.due_ns = clock_now_ns();
    ck_assert_uint_eq(advance(READY_TIME), NEED_READ); /* it may be refused */
    tcp_send(rig.peer, "spam\n", 5);
    poll_session(POLLIN);
    ck_assert_uint_eq(advance(READY_READ), NEED_NOTHING);
    expect_over(SESSION_FAILED, "extra bytes after the last reply");
    ck_assert(RECORD.mismatched);
    ck_assert(!RECORD.resumed);
    clear();
}

/* Where it reads when a close ends it: at a boundary, with its message received or not, or in a reply. */
static const struct {
    size_t received;
    size_t answered;
    bool reconnects;
    enum session_state state;
    const char *reason;
} closes[] = {
    {SIZE, 0, false, SESSION_FAILED, "closed instead of a reply"},
    {SIZE, 0, true, SESSION_CLOSED, "closed by the server"},
    {10, 0, true, SESSION_CLOSED, "closed by the server"},
    {SIZE, 10, false, SESSION_FAILED, "closed in the middle of a reply"},
    {SIZE, 10, true, SESSION_FAILED, "closed in the middle of a reply"},
};

LOOP_TEST(a_message_that_was_sent_into_a_close, COUNT_OF(closes))
{
    reconnects = closes[_i].reconnects;
    begin_with_a_reply(false);
    close_after(closes[_i].received, closes[_i].answered);
    while (advance(READY_READ) != NEED_NOTHING)
        poll_session(POLLIN);
    expect_over(closes[_i].state, closes[_i].reason);
    ck_assert_uint_eq(RECORD.sent, closes[_i].state == SESSION_CLOSED ? 1 : 2);
    ck_assert_uint_eq(RECORD.resent, closes[_i].state == SESSION_CLOSED ? 1 : 0);
    ck_assert(RECORD.resumed == (closes[_i].state == SESSION_CLOSED));
    clear();
}

/* The server may have served the message: it must not be sent twice. */
TEST(a_reset_is_no_close)
{
    reconnects = true;
    begin_with_a_reply(false);
    tcp_receive(rig.peer, (unsigned char[SIZE]){0}, SIZE);
    tcp_reset(rig.peer);
    rig.peer = -1;
    poll_session(POLLIN);
    advance(READY_READ);
    expect_over(SESSION_FAILED, "reset instead of a reply");
    clear();
}

CASE("Resumed")

TEST(it_goes_on_where_it_was)
{
    unsigned char bytes[SIZE];

    reconnects = true;
    begin_with_a_reply(false);
    close_after(SIZE, 0);
    advance(READY_READ);
    expect_over(SESSION_CLOSED, "closed by the server");
    close(rig.peer);
    session_resume(&rig.session);
    ck_assert_uint_eq(connect_it(), NEED_READ);
    tcp_receive(rig.peer, bytes, SIZE);
    ck_assert_mem_eq(bytes, "s000000 m000000001 ", 19); /* the second, again */
    transform_apply(TRANSFORM_UPPER, bytes, SIZE);
    tcp_send(rig.peer, bytes, SIZE);
    poll_session(POLLIN);
    advance(READY_READ);
    answer(SIZE); /* the third is the last */
    poll_session(POLLIN);
    ck_assert_uint_eq(advance(READY_READ), NEED_READ);
    close_after(0, 0);
    advance(READY_READ);
    expect_over(SESSION_OK, "");
    ck_assert_uint_eq(RECORD.sent, 2);
    ck_assert_uint_eq(RECORD.connection, 1);
    clear();
}

/* A server that is started again does not listen for a moment. */
TEST(it_tries_again_for_a_while)
{
    reconnects = true;
    begin_with_a_reply(false);
    close_after(SIZE, 0);
    advance(READY_READ);
    close(rig.peer);
    close(rig.listener);
    session_resume(&rig.session);
    for (unsigned need = advance(0), tries = 0; tries < 3; need = advance(READY_TIME))
        if (need == NEED_WRITE)
            poll_session(POLLOUT);
        else {
            ck_assert_uint_eq(need, NEED_MOMENT);
            rig.session.connect_ns = 0; /* the moment has come */
            tries++;
        }
    rig.session.patience_ns = clock_now_ns();
    while (advance(READY_WRITE) == NEED_WRITE)
        poll_session(POLLOUT);
    expect_over(SESSION_FAILED, "connect: connection refused");
    rig.listener = tcp_listen(&(uint16_t){0});
    rig.peer = -1;
    clear();
}

/* The first connection, or one of --churn, may be to a server that stops before it has answered. */
LOOP_TEST(closed_before_the_first_reply, 2)
{
    lay_out(SIZE);
    rig.plan.reconnect = true;
    begin();
    connect_it();
    if (_i == 1) {
        answer(SIZE);
        close_after(0, 0);
        while (advance(READY_READ) != NEED_NOTHING)
            poll_session(POLLIN);
        close(rig.peer);
        rig.session.patience_ns = 1; /* it has resumed before, long ago */
        session_reconnect(&rig.session);
        ck_assert_uint_eq(connect_it(), NEED_READ);
    }
    close_after(SIZE, 0);
    advance(READY_READ);
    expect_over(SESSION_CLOSED, "closed by the server");
    ck_assert(RECORD.resumed);
    ck_assert_uint_eq(RECORD.resent, 1);
    close(rig.peer);
    session_resume(&rig.session);
    while (advance(0) == NEED_MOMENT)
        rig.session.connect_ns = 0; /* the moment has come */
    ck_assert_uint_eq(connect_it(), NEED_READ);
    answer(SIZE);
    poll_session(POLLIN);
    ck_assert_uint_eq(advance(READY_READ), NEED_READ);
    clear();
}

/* A server that closes each connection would keep the session for ever. */
TEST(a_server_that_never_answers)
{
    int64_t patience_ns = 0;

    lay_out(SIZE);
    rig.plan.reconnect = true;
    begin();
    for (unsigned connection = 0; connection < 3; connection++) {
        while (advance(0) == NEED_MOMENT)
            rig.session.connect_ns = 0; /* the moment has come */
        connect_it();
        if (connection == 2)
            rig.session.patience_ns = clock_now_ns();
        close_after(SIZE, 0);
        advance(READY_READ);
        if (connection == 2)
            break;
        expect_over(SESSION_CLOSED, "closed by the server");
        close(rig.peer);
        session_resume(&rig.session);
        ck_assert_int_gt(rig.session.patience_ns, 0);
        ck_assert(connection == 0 || rig.session.patience_ns == patience_ns);
        patience_ns = rig.session.patience_ns;
    }
    expect_over(SESSION_FAILED, "closed before the first reply");
    clear();
}

/*
 * A message that was begun in time is sent again also after --duration: else the session would end well without a
 * reply.
 */
TEST(a_message_is_owed_after_the_duration)
{
    lay_out(SIZE);
    rig.plan.reconnect = true;
    rig.plan.duration_ns = HOUR_NS;
    begin();
    connect_it();
    close_after(SIZE, 0);
    advance(READY_READ);
    expect_over(SESSION_CLOSED, "closed by the server");
    close(rig.peer);
    session_resume(&rig.session);
    rig.session.start_ns = clock_now_ns() - 2 * HOUR_NS;
    while (advance(0) == NEED_MOMENT)
        rig.session.connect_ns = 0; /* the moment has come */
    connect_it();
    close_after(SIZE, 0);
    advance(READY_READ);
    expect_over(SESSION_FAILED, "closed before the first reply");
    clear();
}
