/* SPDX-License-Identifier: MIT */
/*
 * client/session: one session led by hand over a real socket. What it says it needs, at each stage;
 * what it makes of each answer; and that time, a stop and a lost connection end it wherever it is.
 */
#include "common/clock.h"
#include "common/transform.h"
#include "tests/client/session_rig.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Stop the session within this many further calls of recv(), as another thread may at any time. */
static unsigned stop_within;

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    if (stop_within > 0 && --stop_within == 0)
        session_stop(&rig.session);
    return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

/* Nothing comes, or can be sent, until the deadline has passed. */
static void let_time_pass(void)
{
    ck_assert_int_lt(rig.wait.deadline_ns, INT64_MAX);
    while (clock_now_ns() < rig.wait.deadline_ns)
        poll(NULL, 0, 1);
    advance(READY_TIME);
}

CASE("What it needs")

TEST(from_the_beginning_to_the_end)
{
    char byte;

    lay_out(SIZE);
    rig.plan.barrier = true;
    begin();
    ck_assert_uint_eq(connect_it(), NEED_BARRIER);
    ck_assert_uint_eq(advance(READY_READ | READY_WRITE | READY_TIME), NEED_BARRIER);
    session_go(&rig.session, clock_now_ns());
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(advance(i == 0 ? 0 : READY_READ), NEED_READ);
        ck_assert_int_eq((int)session_place(&rig.session), i == 0 ? PLACE_QUEUED : PLACE_SERVED);
        ck_assert_int_gt(rig.wait.deadline_ns, clock_now_ns());
        ck_assert_uint_eq(advance(READY_READ | READY_WRITE | READY_TIME), NEED_READ);
        answer(SIZE);
        poll_session(POLLIN);
    }
    ck_assert_uint_eq(advance(READY_READ), NEED_READ); /* all are there: the end is to come */
    ck_assert_int_eq(recv(rig.peer, &byte, 1, 0), 0);
    ck_assert_int_eq(shutdown(rig.peer, SHUT_WR), 0);
    poll_session(POLLIN);
    advance(READY_READ);
    expect_over(SESSION_OK, "");
    ck_assert_uint_eq(rig.session.connection.record.sent, 3);
    ck_assert_uint_eq(rig.session.connection.record.verified, 3);
    ck_assert_uint_eq(rig.session.connection.record.bytes, 3 * SIZE);
    clear();
}

TEST(a_reply_in_pieces)
{
    unsigned char bytes[SIZE];

    lay_out(SIZE);
    rig.plan.message_count = 1;
    begin();
    ck_assert_uint_eq(connect_it(), NEED_READ);
    tcp_receive(rig.peer, bytes, SIZE);
    transform_apply(TRANSFORM_UPPER, bytes, SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        int64_t deadline_ns = rig.wait.deadline_ns;

        ck_assert_uint_eq(session_verified(&rig.session), 0);
        tcp_send(rig.peer, bytes + i, 1);
        poll_session(POLLIN);
        ck_assert_uint_eq(advance(READY_READ), NEED_READ);
        ck_assert_int_gt(rig.wait.deadline_ns, deadline_ns); /* each has all the time again */
    }
    ck_assert_uint_eq(session_verified(&rig.session), 1);
    clear();
}

/* A message that no socket takes whole: it goes on where it stopped, and the reply comes meanwhile. */
TEST(a_large_message_goes_in_pieces)
{
    size_t size = 16 << 20, at = 0;
    unsigned pieces = 0;

    lay_out(size);
    rig.plan.message_count = 1;
    begin();
    advance(0);
    /* the peer takes more at a time than this, or its window closes, and TCP probes it in seconds */
    ck_assert_int_eq(setsockopt(rig.session.connection.stream.fd, SOL_SOCKET, SO_SNDBUF,
                                &(int){ROOM / 4}, sizeof(int)),
                     0);
    ck_assert_uint_eq(connect_it(), NEED_READ | NEED_WRITE);
    while (session_verified(&rig.session) == 0) {
        unsigned char bytes[ROOM];
        ssize_t got = recv(rig.peer, bytes, sizeof bytes, 0);

        ck_assert_int_gt(got, 0);
        at += (size_t)got;
        transform_apply(TRANSFORM_UPPER, bytes, (size_t)got);
        tcp_send(rig.peer, bytes, (size_t)got);
        poll_session(POLLIN);
        pieces++;
        advance(READY_READ | READY_WRITE);
        ck_assert_uint_eq(rig.session.connection.record.sent,
                          (rig.wait.need & NEED_WRITE) == 0 ? 1 : 0);
    }
    ck_assert_uint_eq(at, size);
    ck_assert_uint_gt(pieces, 100);
    ck_assert_uint_eq(rig.session.connection.record.bytes, size);
    clear();
}

TEST(several_at_once)
{
    unsigned char bytes[2 * SIZE];

    lay_out(SIZE);
    rig.plan.depth = 3;
    rig.plan.message_count = 7;
    begin();
    ck_assert_uint_eq(connect_it(), NEED_READ);
    ck_assert_uint_eq(rig.session.connection.record.sent, 3);
    for (unsigned verified = 0; verified < 6; verified += 2) {
        /* a reply and half of the next, then the other half: three are under way all the time */
        tcp_receive(rig.peer, bytes, sizeof bytes);
        transform_apply(TRANSFORM_UPPER, bytes, sizeof bytes);
        tcp_send(rig.peer, bytes, SIZE + SIZE / 2);
        poll_session(POLLIN);
        ck_assert_uint_eq(advance(READY_READ), NEED_READ);
        ck_assert_uint_eq(session_verified(&rig.session), verified + 1);
        ck_assert_uint_eq(rig.session.connection.record.sent, verified < 4 ? verified + 4 : 7);
        tcp_send(rig.peer, bytes + SIZE + SIZE / 2, SIZE / 2);
        poll_session(POLLIN);
        ck_assert_uint_eq(advance(READY_READ), NEED_READ);
        ck_assert_uint_eq(session_verified(&rig.session), verified + 2);
        ck_assert_uint_eq(rig.session.connection.record.sent, verified < 4 ? verified + 5 : 7);
    }
    answer(SIZE);
    poll_session(POLLIN);
    advance(READY_READ);
    ck_assert_uint_eq(session_verified(&rig.session), 7);
    clear();
}

TEST(a_session_that_thinks_waits_for_a_moment)
{
    lay_out(SIZE);
    rig.plan.think = (struct spread){.kind = SPREAD_CONSTANT, .from_ns = 3600 * SECOND_NS};
    begin();
    connect_it();
    answer(SIZE);
    poll_session(POLLIN);
    ck_assert_uint_eq(advance(READY_READ), NEED_MOMENT);
    ck_assert_int_gt(rig.wait.moment_ns, clock_now_ns() + 3000 * SECOND_NS);
    ck_assert_int_eq(rig.wait.deadline_ns, INT64_MAX);
    ck_assert_uint_eq(advance(READY_READ | READY_TIME), NEED_MOMENT); /* not yet */
    rig.session.connection.due_ns = clock_now_ns();
    ck_assert_uint_eq(advance(READY_TIME), NEED_READ);
    ck_assert_uint_eq(rig.session.connection.record.sent, 2);
    clear();
}

/* One message in 100 s, and two of them are due. */
static void begin_a_schedule(void)
{
    lay_out(SIZE);
    rig.plan.depth = 4;
    rig.plan.message_count = UINT64_MAX;
    rig.plan.barrier = true;
    rig.plan.rate = 0.01;
    begin();
    connect_it();
    session_go(&rig.session, clock_now_ns() - 150 * SECOND_NS);
    advance(0);
    ck_assert_uint_eq(rig.session.connection.record.sent, 2);
}

TEST(a_schedule_does_not_wait_for_replies)
{
    begin_a_schedule();
    ck_assert_uint_eq(rig.wait.need, NEED_READ | NEED_MOMENT);
    ck_assert_int_eq(rig.wait.moment_ns, rig.session.start_ns + 200 * SECOND_NS);
    rig.session.start_ns -= 1000 * SECOND_NS;
    ck_assert_uint_eq(advance(READY_TIME), NEED_READ); /* four are under way, and no more */
    ck_assert_uint_eq(rig.session.connection.record.sent, 4);
    clear();
}

TEST(nothing_is_begun_after_the_duration)
{
    begin_a_schedule();
    rig.plan.duration_ns = 300 * SECOND_NS; /* the one at 200 s is within, the next one is not */
    rig.session.start_ns -= 100 * SECOND_NS;
    ck_assert_uint_eq(advance(READY_TIME), NEED_READ); /* late, but it was due */
    ck_assert_uint_eq(rig.session.connection.record.sent, 3);
    for (unsigned i = 0; i < 3; i++) {
        answer(SIZE);
        poll_session(POLLIN);
        advance(READY_READ);
    }
    ck_assert_int_eq(recv(rig.peer, &(char){0}, 1, 0), 0); /* it has finished */
    ck_assert_uint_eq(session_verified(&rig.session), 3);
    clear();
}

/* However many are due by then: a rate that cannot be kept does not make the run longer. */
TEST(what_was_due_in_time_is_not_begun_either)
{
    begin_a_schedule();
    rig.plan.duration_ns = 300 * SECOND_NS;
    rig.session.start_ns -= 150 * SECOND_NS;
    ck_assert_uint_eq(advance(READY_TIME), NEED_READ);
    ck_assert_uint_eq(rig.session.connection.record.sent, 2);
    clear();
}

TEST(sessions_begin_along_the_ramp)
{
    lay_out(SIZE);
    rig.plan.sessions = 4;
    rig.plan.ramp_ns = 400 * SECOND_NS;
    session_init(&rig.session, 3, &rig.plan, &rig.buffers, rig.pending, false);
    ck_assert_uint_eq(advance(0), NEED_MOMENT);
    ck_assert_int_eq(rig.wait.moment_ns, rig.plan.begin_ns + 300 * SECOND_NS);
    ck_assert_uint_eq(advance(READY_TIME), NEED_MOMENT);
    rig.session.connect_ns -= 300 * SECOND_NS;
    advance(READY_TIME);
    ck_assert_int_ne(rig.session.connection.record.begun_ns, 0);
    clear();
}

TEST(another_connection_goes_on_with_the_stamps)
{
    unsigned char bytes[SIZE];

    lay_out(SIZE);
    rig.plan.message_count = 1;
    begin();
    for (unsigned i = 0; i < 3; i++) {

        connect_it();
        const char *stamp = suite_text("s000000 m%09u ", i);
        tcp_receive(rig.peer, bytes, SIZE);
        ck_assert_mem_eq(bytes, stamp, strlen(stamp));
        transform_apply(TRANSFORM_UPPER, bytes, SIZE);
        tcp_send(rig.peer, bytes, SIZE);
        close(rig.peer);
        rig.peer = -1;
        while (rig.wait.need != NEED_NOTHING) {
            poll_session(POLLIN);
            advance(READY_READ);
        }
        expect_over(SESSION_OK, "");
        ck_assert_uint_eq(rig.session.connection.record.connection, i);
        ck_assert_uint_eq(rig.session.connection.record.verified, 1);
        session_reconnect(&rig.session);
        ck_assert_int_eq((int)session_place(&rig.session), PLACE_BEGINNING);
        ck_assert_uint_eq(session_verified(&rig.session), 0);
    }
    clear();
}

CASE("Lost")

static bool has_arrived(void *fd)
{
    int left;

    ck_assert_int_eq(ioctl(*(const int *)fd, SIOCOUTQ, &left), 0);
    return left == 0;
}

/*
 * The server has gone, and the session, with two messages under way, learns it by sending a third. What the server
 * said before has arrived: a reset discards what is not sent yet.
 */
static void leave_with_a_reset(void)
{
    struct pollfd polled = {.fd = rig.session.connection.stream.fd};

    wait_until(has_arrived, &rig.peer);
    tcp_reset(rig.peer);
    rig.peer = -1;
    ck_assert_int_eq(poll(&polled, 1, -1), 1);
    rig.session.start_ns -= 100 * SECOND_NS;
    advance(READY_TIME);
}

TEST(what_came_before_a_failed_send_counts)
{
    begin_a_schedule();
    answer(SIZE);
    answer(SIZE / 2);
    leave_with_a_reset();
    expect_over(SESSION_FAILED, "reset in the middle of a reply");
    ck_assert_uint_eq(rig.session.connection.record.verified, 1);
    ck_assert_uint_eq(rig.session.connection.record.sent, 2);
    clear();
}

LOOP_TEST(a_refusal_before_a_failed_send_is_heard, 4)
{
    static const char *const words[] = {"BUSY full\n", "BUSY", "BUS", ""};
    static const char *const reasons[] = {"refused: BUSY full", "refused: BUSY",
                                          "reset before the first reply",
                                          "reset before the first reply"};

    begin_a_schedule();
    tcp_send(rig.peer, words[_i], strlen(words[_i]));
    leave_with_a_reset();
    expect_over(_i < 2 ? SESSION_REFUSED : SESSION_FAILED, reasons[_i]);
    ck_assert(!rig.session.connection.record.mismatched);
    clear();
}

/* The duration is over before the first message, so that the session only waits for the end. */
LOOP_TEST(one_without_time_to_send_is_refused, 4)
{
    static const char *const words[] = {"BUSY full\n", "BUSY", "BUS", "full\n"};
    static const char *const reasons[] = {"refused: BUSY full", "refused: BUSY",
                                          "extra bytes after the last reply",
                                          "extra bytes after the last reply"};

    lay_out(SIZE);
    rig.plan.barrier = true;
    rig.plan.duration_ns = SECOND_NS;
    begin();
    connect_it();
    session_go(&rig.session, clock_now_ns() - 2 * SECOND_NS);
    ck_assert_uint_eq(advance(0), NEED_READ);
    ck_assert_int_eq(recv(rig.peer, &(char){0}, 1, 0), 0);
    tcp_send(rig.peer, words[_i], strlen(words[_i]));
    ck_assert_int_eq(shutdown(rig.peer, SHUT_WR), 0);
    while (rig.wait.need != NEED_NOTHING) {
        poll_session(POLLIN);
        advance(READY_READ);
    }
    expect_over(_i < 2 ? SESSION_REFUSED : SESSION_FAILED, reasons[_i]);
    ck_assert(rig.session.connection.record.mismatched == (_i >= 2));
    clear();
}

CASE("Time")

TEST(time_ends_connecting)
{
    struct sockaddr_in address;
    int first;

    lay_out(SIZE);
    memcpy(&address, &rig.target.addresses.at[0].storage, sizeof address);
    first = tcp_fill_backlog(rig.listener, ntohs(address.sin_port));
    rig.plan.timeout_ns = 20000000;
    begin();
    ck_assert_uint_eq(advance(0), NEED_WRITE);
    let_time_pass();
    expect_over(SESSION_FAILED, "connect: timed out");
    close(first);
    clear();
}

/* All the time that it has is over. */
static void let_all_time_pass(void)
{
    rig.session.connection.deadline_ns = rig.wait.deadline_ns = clock_now_ns();
    let_time_pass();
}

LOOP_TEST(time_ends_a_conversation, 5)
{
    static const struct {
        unsigned whole; /* replies */
        size_t part;    /* bytes of the next one */
        const char *reason;
    } places[] = {
        {0, 0, "timed out before the first reply"}, {0, 10, "timed out in the middle of a reply"},
        {1, 0, "timed out instead of a reply"},     {1, 63, "timed out in the middle of a reply"},
        {3, 0, "timed out after the last reply"},
    };

    lay_out(SIZE);
    begin();
    connect_it();
    for (unsigned i = 0; i < places[_i].whole; i++) {
        answer(SIZE);
        poll_session(POLLIN);
        advance(READY_READ);
    }
    if (places[_i].part > 0) {
        answer(places[_i].part);
        poll_session(POLLIN);
        advance(READY_READ);
    }
    ck_assert_uint_eq(rig.wait.need, NEED_READ);
    ck_assert_int_lt(rig.wait.deadline_ns, INT64_MAX);
    let_all_time_pass();
    expect_over(SESSION_FAILED, places[_i].reason);
    ck_assert_uint_eq(rig.session.connection.record.verified, places[_i].whole);
    clear();
}

TEST(time_ends_a_refusal_that_says_no_more)
{
    lay_out(SIZE);
    begin();
    connect_it();
    tcp_send(rig.peer, "BU", 2);
    poll_session(POLLIN);
    ck_assert_uint_eq(advance(READY_READ), NEED_READ);
    let_all_time_pass();
    expect_over(SESSION_FAILED, "wrong bytes in a reply");
    clear();
}

CASE("Stopped")

enum { STAGES = 6 };

/* Before its time, connecting, at the barrier, before the first reply, after it, at the end. */
static void bring_to(unsigned stage)
{
    unsigned replies = stage < 4 ? 0 : stage == 4 ? 1 : 3;

    rig.plan.barrier = stage == 2;
    rig.plan.begin_ns += stage == 0 ? 3600 * SECOND_NS : 0;
    begin();
    if (stage < 2)
        advance(0);
    else
        connect_it();
    for (unsigned i = 0; i < replies; i++) {
        answer(SIZE);
        poll_session(POLLIN);
        advance(READY_READ);
    }
}

LOOP_TEST(a_stop_ends_it_wherever_it_is, STAGES)
{
    lay_out(SIZE);
    bring_to((unsigned)_i);
    session_stop(&rig.session);
    session_stop(&rig.session);
    advance(READY_READ | READY_WRITE | READY_TIME);
    expect_over(SESSION_FAILED, "interrupted");
    session_stop(&rig.session);
    clear();
}

/* What the stop cuts off is not wrong. */
LOOP_TEST(a_stop_within_a_refusal, 2)
{
    lay_out(SIZE);
    begin();
    ck_assert_uint_eq(connect_it(), NEED_READ);
    tcp_send(rig.peer, "BUSY queue", _i == 0 ? 2 : 10);
    poll_session(POLLIN);
    stop_within = 2;
    advance(READY_READ);
    expect_over(SESSION_FAILED, "interrupted");
    ck_assert(!rig.session.connection.record.mismatched);
    clear();
}

TEST(a_stop_comes_before_the_beginning)
{
    lay_out(SIZE);
    begin();
    session_stop(&rig.session);
    advance(0);
    expect_over(SESSION_FAILED, "interrupted");
    clear();
}

TEST(one_that_never_got_to_begin)
{
    lay_out(SIZE);
    begin();
    session_give_up(&rig.session, "thread: cannot be started");
    expect_over(SESSION_FAILED, "thread: cannot be started");
    clear();
}

CASE("Idle")

/* The ramp is not for them, nor is the moment at which the others begin. */
static void begin_idle(void)
{
    rig.plan.ramp_ns = 3600 * SECOND_NS;
    rig.plan.begin_ns += 3600 * SECOND_NS;
    session_init(&rig.session, 1, &rig.plan, &rig.buffers, rig.pending, false);
    session_set_idle(&rig.session);
}

TEST(an_idle_one_waits_for_ever)
{
    lay_out(SIZE);
    begin_idle();
    ck_assert_uint_eq(connect_it(), NEED_READ);
    ck_assert_int_eq(rig.wait.deadline_ns, INT64_MAX);
    ck_assert_uint_eq(advance(READY_READ | READY_TIME), NEED_READ);
    session_stop(&rig.session);
    advance(READY_READ);
    expect_over(SESSION_OK, "");
    clear();
}

LOOP_TEST(an_idle_one_is_ended, 3)
{
    static const char *const reasons[] = {"closed while idle", "answered while idle",
                                          "reset while idle"};

    lay_out(SIZE);
    begin_idle();
    connect_it();
    if (_i == 0)
        ck_assert_int_eq(shutdown(rig.peer, SHUT_WR), 0);
    if (_i == 1)
        tcp_send(rig.peer, "BUSY\n", 5);
    if (_i == 2) {
        tcp_reset(rig.peer);
        rig.peer = -1;
    }
    poll_session(POLLIN);
    advance(READY_READ);
    expect_over(SESSION_FAILED, reasons[_i]);
    clear();
}

/* A unix server that accepts no connection: such a socket shows nothing of a stop. */
TEST(an_idle_one_is_stopped_while_it_connects)
{
    const char *cause;
    int fd, first;

    lay_out(SIZE);
    const char *host = suite_text("unix:%s", suite_template());
    ck_assert(address_resolve(host, 0, false, &rig.target.addresses.at[0], &cause));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&rig.target.addresses.at[0].storage,
                          rig.target.addresses.at[0].length),
                     0);
    ck_assert_int_eq(listen(fd, 0), 0);
    first = connect_to(host);
    begin_idle();
    ck_assert_uint_eq(advance(0), NEED_MOMENT);
    ck_assert_int_ne(rig.session.connection.record.begun_ns, 0);
    session_stop(&rig.session);
    advance(READY_READ | READY_WRITE | READY_TIME);
    unlink(host + strlen("unix:"));
    expect_over(SESSION_FAILED, "interrupted");
    close(first);
    close(fd);
    clear();
}
