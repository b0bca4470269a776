/* SPDX-License-Identifier: MIT */
/* scripts/draw/sample, which asks the admin port of a server, against one that the test plays. */
#include "tests/kit/client-json.h"
#include "tests/kit/harness.h"
#include "tests/kit/peer.h"
#include "tests/kit/suite.h"

#include <string.h>

enum { BEFORE, LOST, AFTER, ENDS };

/* What the server does on each of its connections; from ENDS on, it ends it. */
static const char *const replies[ENDS] = {
    [BEFORE] = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"uptime_seconds\":1}",
    [LOST] = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"upti",
    [AFTER] = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"uptime_seconds\":2}",
};

/* The request, up to the empty line; then the reply, and the end of the connection. */
BEHAVIOUR(one_reply_each)
{
    char end[4] = "";

    while (memcmp(end, "\r\n\r\n", sizeof end) != 0) {
        memmove(end, end + 1, sizeof end - 1);
        if (!peer_receive(fd, end + sizeof end - 1, 1))
            return;
    }
    if (number < ENDS)
        peer_send(fd, replies[number], strlen(replies[number]));
}

static bool all_have_come(void *peer)
{
    return peer_accepted(peer) > ENDS;
}

CASE("Core")

TEST(a_lost_connection_is_made_again)
{
    struct peer *peer = peer_start_iterative(one_reply_each, NULL);
    struct program sample =
        program_start(ARGUMENTS("scripts/draw/sample", peer_port_text(peer), "1ms"));
    struct outcome outcome;

    wait_until(all_have_come, peer);
    peer_stop(peer);
    outcome = program_wait(&sample);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_nonnull(strstr(outcome.out, "\n1.000000\t"));
    ck_assert_ptr_nonnull(strstr(outcome.out, "\n2.000000\t"));
}

BEHAVIOUR(no_reply)
{
}

TEST(a_server_that_never_replied)
{
    struct peer *peer = peer_start(no_reply, NULL);
    struct outcome outcome =
        program_run(ARGUMENTS("scripts/draw/sample", peer_port_text(peer), "1ms"), NULL);

    ck_assert_int_eq(outcome.status, 1);
    peer_stop(peer);
}
