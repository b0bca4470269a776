/* SPDX-License-Identifier: MIT */
/*
 * echo-client against echo servers that are not ours, where they are installed: socat and ncat. And
 * against servers of unusual habits: those that read all before they write, that write nothing
 * while they can still read, that drip, or that fall silent within a refusal.
 */
#include "common/transform.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE = 8 << 20 };

CASE("Of other people")

/* No more bytes are under way than a pipe holds: both programs write into a pipe whose other end they
   have to empty themselves, or with a cat that waits for them, and stop for ever when it is full. */
struct foreign {
    const char *name;
    const char *arguments[8]; /* after its path */
};

static const struct foreign foreign[] = {
    {"socat", {"TCP-LISTEN:0,bind=127.0.0.1,backlog=64,fork", "PIPE"}},
    {"ncat", {"--listen", "--keep-open", "--exec", "/bin/cat", "127.0.0.1", "0"}},
};

enum { FOREIGN = sizeof foreign / sizeof foreign[0] };

/* Where a program is. @return whether it is installed */
static bool find_program(const char *name, char path[static 32])
{
    static const char *const folders[] = {"/usr/bin", "/usr/local/bin", "/bin"};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, 32, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static bool does_listen(void *context)
{
    return peer_port_of(*(pid_t *)context) != 0;
}

/* Start the program of this test, and wait until it listens. @return false: it is not installed */
static bool start_foreign(const struct foreign *kind, struct program *server, char port[static 8])
{
    const char *arguments[10] = {NULL};
    static char path[32];

    if (!find_program(kind->name, path)) {
        dprintf(STDOUT_FILENO, "# skipped: %s is not installed\n", kind->name);
        return false;
    }
    arguments[0] = path;
    for (size_t i = 0; kind->arguments[i] != NULL; i++)
        arguments[i + 1] = kind->arguments[i];
    *server = program_start(arguments);
    wait_until(does_listen, &server->pid);
    snprintf(port, 8, "%u", (unsigned)peer_port_of(server->pid));
    return true;
}

/* Not by SIGTERM: ncat 7.99 gives that to its whole group of processes, in which this test is. */
static void end_foreign(struct program *server)
{
    kill(server->pid, SIGKILL);
    program_wait(server);
}

LOOP_TEST(echo_servers_that_are_not_ours, EACH_WAY(FOREIGN))
{
    static const struct {
        const char *arguments[6];
        int sessions;
        int messages;
    } loads[] = {
        {{"-n", "10", "-m", "20"}, 10, 20},
        {{"-n", "4", "-m", "10", "-s", "1-8K"}, 4, 10},
    };
    struct program server;
    char port[8];

    client_use_way(_i % CLIENT_WAYS);
    if (!start_foreign(&foreign[_i / CLIENT_WAYS], &server, port))
        return;
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        const char *arguments[10] = {"--transform", "none"};
        struct client_run run;

        for (size_t j = 0; j < 6; j++)
            arguments[j + 2] = loads[i].arguments[j];
        run = client_run(port, arguments);
        client_run_expect(&run, 0, loads[i].sessions, 0, 0);
        ck_assert_int_eq(client_run_integer(&run, "messages", "verified"),
                         loads[i].sessions * loads[i].messages);
        ck_assert_str_eq(run.outcome.err, "");
    }
    end_foreign(&server);
}

/* They change nothing, and so their replies are wrong for whom expects capitals. */
LOOP_TEST(other_servers_do_not_transform, EACH_WAY(FOREIGN))
{
    struct program server;
    struct client_run run;
    char port[8];

    client_use_way(_i % CLIENT_WAYS);
    if (!start_foreign(&foreign[_i / CLIENT_WAYS], &server, port))
        return;
    run = client_run(port, ARGUMENTS("-n", "3", "-m", "1"));
    client_run_expect(&run, 3, 0, 3, 0);
    client_run_expect_error(&run, "wrong bytes in a reply", 3);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "wrong byte at offset 0 of 64"));
    end_foreign(&server);
}

CASE("Of unusual habits")

/* Receives the whole of a large message before it sends any of it back. */
BEHAVIOUR(reading_all_first)
{
    unsigned char *bytes = malloc(LARGE);

    while (bytes != NULL && peer_receive(fd, bytes, LARGE)) {
        transform_apply(TRANSFORM_UPPER, bytes, LARGE);
        if (!peer_send(fd, bytes, LARGE))
            break;
    }
    free(bytes);
}

/* Whether what has come, and is not read, stays as it is: the client cannot send, so it would seem. */
static bool has_stalled(int fd)
{
    int before = -1, now = 0;

    for (unsigned same = 0; same<20; same = now> 0 && now == before ? same + 1 : 0) {
        struct pollfd gone = {.fd = fd, .events = POLLRDHUP};

        before = now;
        if (poll(&gone, 1, 1) > 0 || ioctl(fd, FIONREAD, &now) != 0)
            return false;
    }
    return true;
}

/* Reads nothing until the client's writing has stalled, and then echoes as it comes. */
BEHAVIOUR(reading_when_it_stalls)
{
    if (has_stalled(fd))
        peer_upper(fd, number, context);
}

LOOP_TEST(eight_mebibytes_under_way, 3 * CLIENT_WAYS)
{
    static peer_behaviour *const behaviours[] = {peer_upper, reading_all_first,
                                                 reading_when_it_stalls};
    struct client_run run = client_run_against(_i % CLIENT_WAYS, behaviours[_i / CLIENT_WAYS], NULL,
                                               ARGUMENTS("-n", "2", "-m", "2", "-s", "8M"));

    client_run_expect(&run, 0, 2, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "bytes", NULL), 4 * LARGE);
}

struct drip {
    const char *text;
    bool again; /* the last byte, again and again */
};

/* Says a little, and then nothing, or the same for ever. */
BEHAVIOUR(dripping)
{
    const struct drip *drip = context;
    const char *last = drip->text + strlen(drip->text) - 1;

    peer_send(fd, drip->text, strlen(drip->text));
    while (drip->again && poll(NULL, 0, 1) == 0 && peer_send(fd, last, 1))
        continue;
    peer_drain(fd);
}

LOOP_TEST(silence_within_a_refusal, 5 * CLIENT_PLAIN_WAYS)
{
    static const struct {
        struct drip drip;
        int status;
        const char *error;
    } kinds[] = {
        {{"B", false}, 3, "wrong bytes in a reply"},
        {{"BUS", false}, 3, "wrong bytes in a reply"},
        {{"BUSY", false}, 1, "refused: BUSY"},
        {{"BUSY queue", false}, 1, "refused: BUSY queue"},
        {{"x", true}, 3, "wrong bytes in a reply"},
    };
    struct drip drip = kinds[_i / CLIENT_PLAIN_WAYS].drip;
    bool refused = kinds[_i / CLIENT_PLAIN_WAYS].status == 1;
    struct client_run run = client_run_against(_i % CLIENT_PLAIN_WAYS, dripping, &drip,
                                               ARGUMENTS("-n", "2", "--timeout", "700ms"));

    client_run_expect(&run, kinds[_i / CLIENT_PLAIN_WAYS].status, 0, refused ? 0 : 2,
                      refused ? 2 : 0);
    client_run_expect_error(&run, kinds[_i / CLIENT_PLAIN_WAYS].error, 2);
}

/* A refusal that has no end: its beginning is enough. */
LOOP_TEST(an_endless_refusal, CLIENT_WAYS)
{
    struct drip drip = {"BUSY !", true};
    struct client_run run =
        client_run_against(_i, dripping, &drip, ARGUMENTS("-n", "2", "--timeout", "2s"));

    client_run_expect(&run, 1, 0, 0, 2);
}

BEHAVIOUR(resetting_at_once)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

BEHAVIOUR(closing_at_once)
{
}

/* Before they have all met at the barrier, or while they do. */
LOOP_TEST(gone_before_the_first_message, 2 * CLIENT_WAYS)
{
    static peer_behaviour *const behaviours[] = {resetting_at_once, closing_at_once};
    struct client_run run = client_run_against(_i % CLIENT_WAYS, behaviours[_i / CLIENT_WAYS], NULL,
                                               ARGUMENTS("-n", "10"));

    client_run_expect(&run, 1, 0, 10, 0);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 0);
    ck_assert_str_eq(run.outcome.err, "");
}

/* Answers two messages of each connection, and closes. */
BEHAVIOUR(serving_two)
{
    unsigned char bytes[64];

    for (unsigned i = 0; i < 2 && peer_receive(fd, bytes, sizeof bytes); i++) {
        transform_apply(TRANSFORM_UPPER, bytes, sizeof bytes);
        if (!peer_send(fd, bytes, sizeof bytes))
            break;
    }
    peer_finish(fd);
}

/* As a server that is restarted, or that does not keep its clients: no message is lost. */
LOOP_TEST(reconnecting_to_a_server_that_closes, CLIENT_WAYS)
{
    struct client_run run = client_run_against(
        _i, serving_two, NULL, ARGUMENTS("-n", "3", "-m", "5", "-s", "64", "--reconnect"));

    client_run_expect(&run, 0, 3, 0, 0);
    ck_assert_int_eq(client_run_integer(&run, "sessions", "closed"), 6);
    ck_assert_int_eq(client_run_integer(&run, "sessions", "reconnected"), 6);
    ck_assert_int_eq(client_run_integer(&run, "messages", "sent"), 15);
    ck_assert_int_eq(client_run_integer(&run, "messages", "verified"), 15);
    ck_assert_int_eq(client_run_integer(&run, "messages", "unanswered"), 0);
    ck_assert_uint_eq(run.accepted, 9);
}
