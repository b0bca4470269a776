/* SPDX-License-Identifier: MIT */
/* client/session/connect.c: a name with several addresses, some of which do not answer. */
#include "tests/client/session_rig.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* The server's name has another address before its own, on which no server listens. */
static void have_two_addresses(void)
{
    rig.target.addresses.at[1] = rig.target.addresses.at[0];
    rig.target.addresses.count = 2;
    ((struct sockaddr_in *)&rig.target.addresses.at[0].storage)->sin_addr.s_addr =
        htonl(0x7f000009);
}

CASE("Names")

TEST(the_next_address_is_tried)
{
    lay_out(SIZE);
    have_two_addresses();
    begin();
    ck_assert_uint_eq(connect_it(), NEED_READ);
    ck_assert_uint_eq(rig.session.connection.tried, 1);
    ck_assert_str_eq(rig.session.connection.record.reason, "");
    ck_assert_uint_eq(rig.target.answered, 1);
    session_clear(&rig.session);
    close(rig.peer);
    begin(); /* which knows now that it need not try the first */
    ck_assert_uint_eq(connect_it(), NEED_READ);
    ck_assert_uint_eq(rig.session.connection.tried, 0);
    clear();
}

TEST(no_address_answers)
{
    int port;

    lay_out(SIZE);
    have_two_addresses();
    port = ntohs(((struct sockaddr_in *)&rig.target.addresses.at[1].storage)->sin_port);
    close(rig.listener);
    rig.listener = tcp_listen(&(uint16_t){0});
    begin();
    while (advance(READY_WRITE) != NEED_NOTHING)
        poll_session(POLLOUT);
    const char *reason = suite_text(
        "connect: 127.0.0.9:%d connection refused, 127.0.0.1:%d connection refused", port, port);
    expect_over(SESSION_FAILED, reason);
    clear();
}

/* The first address takes no more than its share of the time, or there would be none for the second. */
TEST(an_address_that_does_not_answer)
{
    uint16_t port;
    struct sockaddr_in busy = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000009)};
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), first;

    lay_out(SIZE);
    have_two_addresses();
    port = ((struct sockaddr_in *)&rig.target.addresses.at[0].storage)->sin_port;
    busy.sin_port = port;
    ck_assert_int_eq(bind(silent, (struct sockaddr *)&busy, sizeof busy), 0);
    ck_assert_int_eq(listen(silent, 0), 0);
    first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(first, (struct sockaddr *)&busy, sizeof busy), 0);
    begin();
    ck_assert_uint_eq(advance(0), NEED_WRITE);
    ck_assert_int_le(rig.wait.deadline_ns, clock_now_ns() + 30 * SECOND_NS);
    rig.session.connection.deadline_ns = clock_now_ns();
    ck_assert_uint_eq(connect_it(), NEED_READ);
    ck_assert_uint_eq(rig.session.connection.address, 1);
    close(first);
    close(silent);
    clear();
}
