/* SPDX-License-Identifier: MIT */
/* A session led by hand: see session_rig.h. */
#include "tests/client/session_rig.h"

#include "common/transform.h"
#include "tests/kit/harness.h"

#include <check.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct rig rig;

void lay_out(size_t message_size)
{
    uint16_t port;
    const char *cause;

    rig.listener = tcp_listen(&port);
    rig.peer = -1;
    ck_assert(address_resolve("127.0.0.1", port, false, &rig.target.addresses.at[0], &cause));
    rig.target.name = "the peer";
    rig.target.addresses.count = 1;
    rig.plan.targets = &rig.target;
    rig.plan.target_count = 1;
    rig.plan.timeout_ns = 60 * SECOND_NS;
    rig.plan.messages = messages_generated(message_size, message_size, TRANSFORM_UPPER);
    ck_assert_ptr_nonnull(rig.plan.messages);
    rig.plan.message_count = 3;
    rig.plan.depth = 1;
    rig.plan.sessions = 1;
    rig.plan.begin_ns = clock_now_ns();
    rig.buffers = (struct session_buffers){
        .reply = rig.reply, .reply_room = session_reply_room(message_size), .flat = rig.flat};
}

void begin(void)
{
    session_init(&rig.session, 0, &rig.plan, &rig.buffers, rig.pending, false);
}

void clear(void)
{
    if (rig.peer >= 0)
        close(rig.peer);
    close(rig.listener);
    messages_free((struct messages *)(uintptr_t)rig.plan.messages);
    session_clear(&rig.session);
}

unsigned advance(unsigned ready)
{
    session_advance(&rig.session, ready, &rig.wait);
    return rig.wait.need;
}

void poll_session(short events)
{
    struct pollfd polled = {.fd = rig.session.connection.stream.fd, .events = events};

    ck_assert_int_eq(poll(&polled, 1, -1), 1);
}

unsigned connect_it(void)
{
    unsigned need = advance(0);

    while (session_place(&rig.session) == PLACE_BEGINNING) {
        ck_assert_uint_eq(need, NEED_WRITE);
        ck_assert_int_lt(rig.wait.deadline_ns, INT64_MAX);
        poll_session(POLLOUT);
        need = advance(READY_WRITE);
    }
    rig.peer = accept(rig.listener, NULL, NULL);
    ck_assert_int_ge(rig.peer, 0);
    return need;
}

void answer(size_t size)
{
    unsigned char bytes[SIZE];

    tcp_receive(rig.peer, bytes, SIZE);
    transform_apply(TRANSFORM_UPPER, bytes, SIZE);
    tcp_send(rig.peer, bytes, size);
}

void expect_over(enum session_state state, const char *reason)
{
    ck_assert_uint_eq(rig.wait.need, NEED_NOTHING);
    ck_assert_int_eq((int)session_place(&rig.session), PLACE_OVER);
    ck_assert_str_eq(rig.session.connection.record.reason, reason);
    ck_assert_int_eq((int)rig.session.connection.record.state, (int)state);
    ck_assert_int_eq(rig.session.connection.stream.fd, -1);
    ck_assert_int_ne(rig.session.connection.record.ended_ns, 0);
}
