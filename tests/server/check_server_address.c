/* SPDX-License-Identifier: MIT */
/*
 * Where the real server listens, and who its clients are: IPv6, unix sockets, sockets that a service
 * manager passes, what the manager gets, and the PROXY header under every model.
 */
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define COMMAND(...) ARGUMENTS("echo-server", __VA_ARGS__)

/* A new folder, with the path of a socket in it and what --host wants for that. */
static char folder[64];
static char host[96];
static const char *const path = host + sizeof "unix:" - 1;

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s", suite_template());
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(host, sizeof host, "unix:%s/echo", folder);
}

/* Also says whether something was left behind. */
static void remove_folder(void)
{
    ck_assert_msg(rmdir(folder) == 0, "%s: %s", folder, strerror(errno));
}

static mode_t mode_of(const char *name)
{
    struct stat file;

    return lstat(name, &file) == 0 ? file.st_mode : 0;
}

static void expect_echo(int fd)
{
    tcp_echo(fd, "hello, world", 12, true);
    close(fd);
}

/* The server does not start, and says so in one line. */
static void expect_failure(const char *const arguments[], const char *line)
{
    struct outcome outcome = program_run(arguments, NULL);

    ck_assert_msg(outcome.status == 1, "status %d, said: %s", outcome.status, outcome.err);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_msg(strstr(outcome.err, line) != NULL, "\"%s\" is not in: %s", line, outcome.err);
}

CASE_WITH("Addresses", make_folder, remove_folder)

static bool has_ipv6(void)
{
    uint16_t port;
    int fd = tcp_listen_v6(&port);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

LOOP_TEST(ipv6, 2)
{
    static const char *const hosts[] = {"::1", "[::1]"};
    struct kit kit;
    struct tally tally;

    if (!has_ipv6()) {
        dprintf(STDOUT_FILENO, "# skipped: this machine has no ::1\n");
        return;
    }
    kit = kit_start(ARGUMENTS("--host", hosts[_i]));
    ck_assert_msg(strncmp(kit.program.address, "[::1]:", 6) == 0, "%s", kit.program.address);
    expect_echo(kit_connect(&kit));
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 1);
}

/* The port of each "listening on" line. */
static unsigned ports_of(const char *output, unsigned ports[], unsigned most)
{
    unsigned count = 0;

    for (const char *at = output; count < most && (at = strstr(at, "listening on ")) != NULL;
         at++) {
        const char *end = strchr(at, '\n');
        const char *colon = end;
        while (*colon != ':')
            colon--;
        ck_assert_int_eq(sscanf(colon, ":%u", &ports[count++]), 1);
    }
    return count;
}

/* Each --host is listened on, all with the port that the kernel has picked for the first. */
TEST(several_hosts)
{
    unsigned ports[4];
    struct kit kit;

    kit = kit_start(ARGUMENTS("--host", "127.0.0.1", "--host", "127.0.0.2", "--host", "127.0.0.1",
                              "--host", host));
    wait_for_output_text(&kit.program, "descriptors: ");
    ck_assert_uint_eq(ports_of(program_output(&kit.program), ports, 2), 2);
    ck_assert_uint_eq(ports[0], ports[1]);
    expect_echo(connect_to(suite_text("127.0.0.1:%u", ports[0])));
    expect_echo(connect_to(suite_text("127.0.0.2:%u", ports[1])));
    expect_echo(connect_to(host));
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 3);
}

/* IPv4 and IPv6 with one port, as localhost is on most machines; :: alone takes both. */
TEST(both_families)
{
    unsigned ports[2];
    struct kit kit;

    if (!has_ipv6()) {
        dprintf(STDOUT_FILENO, "# skipped: this machine has no ::1\n");
        return;
    }
    kit = kit_start(ARGUMENTS("--host", "127.0.0.1", "--host", "::1"));
    wait_for_output_text(&kit.program, "descriptors: ");
    ck_assert_uint_eq(ports_of(program_output(&kit.program), ports, 2), 2);
    ck_assert_uint_eq(ports[0], ports[1]);
    expect_echo(connect_to(suite_text("127.0.0.1:%u", ports[0])));
    expect_echo(connect_to(suite_text("[::1]:%u", ports[0])));
    ck_assert_uint_eq(kit_finish(&kit, true, NULL).served, 2);

    kit = kit_start(ARGUMENTS("--host", "::"));
    expect_echo(connect_to(suite_text("127.0.0.1:%u", (unsigned)kit.program.port)));
    kit_finish(&kit, true, NULL);
    kit = kit_start(ARGUMENTS("--host", "0.0.0.0", "--host", "::"));
    expect_echo(connect_to(suite_text("[::1]:%u", (unsigned)kit.program.port)));
    kit_finish(&kit, true, NULL);
    kit = kit_start(ARGUMENTS("--host", "127.0.0.2", "--host", "::ffff:127.0.0.1"));
    expect_echo(connect_to(suite_text("127.0.0.1:%u", (unsigned)kit.program.port)));
    kit_finish(&kit, true, NULL);
}

/* Without it bind() would say no more than "invalid argument". */
TEST(a_link_local_address_without_its_interface)
{
    expect_failure(COMMAND("--host", "fe80::1"),
                   "fe80::1: a link-local address needs its interface");
}

TEST(a_unix_socket)
{
    struct kit kit;
    struct tally tally;

    umask(022);
    kit = kit_start(ARGUMENTS("--host", host));
    ck_assert_str_eq(kit.program.address, host);
    ck_assert_uint_eq(mode_of(path), S_IFSOCK | 0600);
    expect_echo(kit_connect(&kit));
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 1);
    ck_assert_uint_eq(mode_of(path), 0);
}

/* A group that a file gets only if it is given it, or if there is none, the usual one. */
static gid_t another_group(void)
{
    gid_t groups[64];
    int count = getgroups(64, groups);

    if (chown(folder, (uid_t)-1, getegid() + 1) == 0)
        return getegid() + 1;
    for (int i = 0; i < count; i++)
        if (groups[i] != getegid())
            return groups[i];
    return getegid();
}

/* Other users may be let in, by the mode of the file and its group. */
TEST(who_may_use_a_unix_socket)
{
    gid_t group = another_group();
    struct stat file;
    struct kit kit = kit_start(ARGUMENTS("--host", host, "--socket-mode", "0622"));

    ck_assert_uint_eq(mode_of(path), S_IFSOCK | 0622);
    kit_finish(&kit, true, NULL);
    kit = kit_start(ARGUMENTS("--host", "127.0.0.1", "--host", host, "--socket-group",
                              suite_text("%u", (unsigned)group)));
    ck_assert_uint_eq(mode_of(path), S_IFSOCK | 0660);
    ck_assert_int_eq(lstat(path, &file), 0);
    ck_assert_uint_eq(file.st_gid, group);
    expect_echo(connect_to(host));
    kit_finish(&kit, true, NULL);
}

TEST(an_abstract_unix_socket)
{
    struct kit kit;

    snprintf(host, sizeof host, "unix:@%s", folder);
    kit = kit_start(ARGUMENTS("--host", host));
    ck_assert_str_eq(kit.program.address, host);
    expect_echo(kit_connect(&kit));
    kit_finish(&kit, true, NULL);
}

/* An address that only this machine can reach: an uncapped model needs no permission. */
TEST(a_unix_socket_is_not_public)
{
    struct kit kit = kit_start(ARGUMENTS("--model", "thread", "--host", host));

    expect_echo(kit_connect(&kit));
    kit_finish(&kit, true, NULL);
}

TEST(our_client_over_a_unix_socket)
{
    struct kit kit = kit_start(ARGUMENTS("--host", host));
    struct outcome outcome =
        program_run(ARGUMENTS("echo-client", "--host", host, "-n", "8", "-m", "3"), NULL);
    struct tally tally;

    ck_assert_msg(outcome.status == 0, "%s%s", outcome.out, outcome.err);
    ck_assert_msg(strstr(outcome.out, "24 verified") != NULL, "%s", outcome.out);
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 8);
}

/* A server that was killed has left its file. The next one takes its place. */
TEST(a_stale_file_is_replaced)
{
    struct program killed = server_start(ARGUMENTS("--host", host));
    struct kit kit;

    ck_assert_int_eq(kill(killed.pid, SIGKILL), 0);
    program_wait(&killed);
    ck_assert_uint_eq(mode_of(path) & S_IFMT, S_IFSOCK);
    kit = kit_start(ARGUMENTS("--host", host));
    expect_echo(kit_connect(&kit));
    kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(mode_of(path), 0);
}

/* The server has its file when it finds out that it cannot start. */
TEST(a_start_that_fails_leaves_no_file)
{
    struct kit kit = kit_start(NULL);
    const char *taken = suite_text("%u", (unsigned)kit.program.port);

    expect_failure(COMMAND("--host", host, "--admin", taken), "Address already in use");
    ck_assert_uint_eq(mode_of(path), 0);
    expect_failure(COMMAND("--host", host, "--agent", taken), "Address already in use");
    ck_assert_uint_eq(mode_of(path), 0);
    expect_failure(COMMAND("--host", host, "--model", "prefork", "--workers", "100", "--limit",
                           "nofile=64", "--quiet"),
                   "cannot start the workers of --model prefork");
    ck_assert_uint_eq(mode_of(path), 0);
    kit_finish(&kit, true, NULL);
}

TEST(a_live_server_is_left_alone)
{
    struct kit kit = kit_start(ARGUMENTS("--host", host));

    expect_failure(COMMAND("--host", host), "Address already in use; stop the other program");
    expect_echo(kit_connect(&kit));
    kit_finish(&kit, true, NULL);
}

TEST(another_file_is_left_alone)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fclose(file), 0);
    expect_failure(COMMAND("--host", host), "there is a file that is no socket");
    ck_assert_uint_eq(mode_of(path) & S_IFMT, S_IFREG);
    ck_assert_int_eq(unlink(path), 0);
}

TEST(a_path_that_cannot_be)
{
    char longer[128] = "unix:/";

    expect_failure(COMMAND("--host", "unix:"), "unix: needs a path, or @ and a name");
    expect_failure(COMMAND("--host", "unix:/no/such/folder/echo"), "No such file or directory");
    memset(longer + 6, 'a', sizeof longer - 7);
    expect_failure(COMMAND("--host", longer), "at most 107 bytes");
}

CASE_WITH("A service manager", make_folder, remove_folder)

/* A listening socket as a service manager makes one. @param text  where */
static int make_socket(const char *where, int type, char text[static 128])
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof port;
    bool has_path = where != NULL;
    int fd = socket(has_path ? AF_UNIX : AF_INET, type | SOCK_CLOEXEC, 0);

    if (has_path) {
        snprintf(local.sun_path, sizeof local.sun_path, "%s", where);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&local, sizeof local), 0);
        snprintf(text, 128, "unix:%s", where);
    } else {
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&port, sizeof port), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&port, &size), 0);
        snprintf(text, 128, "127.0.0.1:%d", ntohs(port.sin_port));
    }
    if (type == SOCK_STREAM)
        ck_assert_int_eq(listen(fd, SOMAXCONN), 0);
    return fd;
}

TEST(one_passed_socket)
{
    char text[128];
    int fd = make_socket(NULL, SOCK_STREAM, text);
    struct kit kit;
    struct tally tally;
    int early = connect_to(text); /* before there is a server */
    int late;

    program_pass(&fd, 1);
    kit = kit_start(ARGUMENTS("--host", "no such host", "--workers", "1"));
    ck_assert_str_eq(kit.program.address, text);
    expect_echo(early);
    say_hello(late = kit_connect(&kit));
    /* early may have been here at the start; its descriptor is closed before its worker serves another */
    kit.descriptors = process_descriptors(kit.program.pid) - 1;
    close(late);
    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 2);
    close(fd);
}

/* Both are served, both are paused together, and the file stays the service manager's. */
TEST(two_passed_sockets)
{
    char text[2][128];
    int fds[] = {make_socket(NULL, SOCK_STREAM, text[0]), make_socket(path, SOCK_STREAM, text[1])};
    struct kit kit;
    struct tally tally;
    int busy[2], waiting;

    program_pass(fds, 2);
    kit = kit_start(ARGUMENTS("--workers", "1", "--queue", "1", "--on-full", "pause"));
    program_pass(NULL, 0);
    ck_assert_str_eq(kit.program.address, text[0]);
    ck_assert_msg(strstr(program_output(&kit.program), text[1]) != NULL, "%s",
                  program_output(&kit.program));
    /* 16, two sessions, and the second socket */
    wait_for_output_text(&kit.program, "descriptors: ");
    ck_assert_ptr_nonnull(strstr(program_output(&kit.program), "\ndescriptors: up to 19 needed"));
    for (int i = 0; i < 2; i++)
        expect_echo(connect_to(text[i]));
    kit_wait_in_flight(&kit, 0);

    busy[0] = connect_to(text[0]);
    kit_wait_in_flight(&kit, 1);
    busy[1] = connect_to(text[1]);
    kit_wait_in_flight(&kit, 2);
    waiting = connect_to(text[1]); /* in the kernel's backlog */
    ck_assert_uint_eq(kit_ask(&kit).in_flight, 2);
    close(busy[0]);
    expect_echo(busy[1]);
    expect_echo(waiting);

    tally = kit_finish(&kit, true, NULL);
    ck_assert_uint_eq(tally.served, 5);
    ck_assert_uint_eq(mode_of(path) & S_IFMT, S_IFSOCK);
    ck_assert_int_eq(unlink(path), 0);
    close(fds[0]);
    close(fds[1]);
}

TEST(a_passed_socket_that_cannot_be_served)
{
    char text[128];
    int fds[2] = {make_socket(NULL, SOCK_STREAM, text), make_socket(NULL, SOCK_DGRAM, text)};

    program_pass(fds, 2);
    expect_failure(COMMAND("--quiet"),
                   "descriptor 4, passed by the service manager, is not a stream socket");
    close(fds[0]);
    close(fds[1]);
}

/* The variables are those of another process: it listens as the command line says. */
TEST(sockets_of_another_process)
{
    struct kit kit;

    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    kit = kit_start(NULL);
    ck_assert_int_eq(strncmp(kit.program.address, "127.0.0.1:", 10), 0);
    kit_finish(&kit, true, NULL);
}

/* The next words that the manager hears. */
static const char *hear(int manager)
{
    static char words[512];
    ssize_t size = recv(manager, words, sizeof words - 1, 0);

    ck_assert_msg(size > 0, "the manager hears nothing: %s", strerror(errno));
    words[size] = '\0';
    return words;
}

/* Be the service manager of servers that start from now on. @return its socket, where each wait has a limit */
static int be_the_manager(void)
{
    struct timeval limit = {.tv_sec = 20};
    char text[128];
    int manager = make_socket(path, SOCK_DGRAM, text);

    ck_assert_int_eq(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    return manager;
}

TEST(the_manager_is_notified)
{
    int manager = be_the_manager();
    char expected[256];
    struct kit kit;

    kit = kit_start(NULL);
    snprintf(expected, sizeof expected, "READY=1\nSTATUS=listening on %s", kit.program.address);
    ck_assert_str_eq(hear(manager), expected);
    ck_assert_int_eq(kill(kit.program.pid, SIGHUP), 0);
    ck_assert_int_eq(strncmp(hear(manager), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    ck_assert_str_eq(hear(manager), expected);
    kit_finish(&kit, true, "nothing to reload");
    ck_assert_str_eq(hear(manager), "STOPPING=1\nEXTEND_TIMEOUT_USEC=10000000\n"
                                    "STATUS=waiting for the last sessions to end");
    close(manager);
    ck_assert_int_eq(unlink(path), 0);
}

/* A stop in two steps: the manager learns how long each may take, and not again that the server is ready. */
TEST(the_manager_learns_of_the_delay)
{
    int manager = be_the_manager();
    struct kit kit;

    kit = kit_start(ARGUMENTS("--shutdown-delay", "60s", "--drain-timeout", "30s"));
    ck_assert_int_eq(strncmp(hear(manager), "READY=1\n", 8), 0);
    kit_signal(&kit, SIGTERM);
    ck_assert_str_eq(hear(manager), "STOPPING=1\nEXTEND_TIMEOUT_USEC=95000000\n"
                                    "STATUS=not ready, and accepting for another 60.000 s");
    kit_signal(&kit, SIGHUP); /* without --tls-cert: nothing to reload */
    kit_signal(&kit, SIGTERM);
    kit_wait_end(&kit, 0, "nothing to reload", NULL);
    ck_assert_str_eq(hear(manager), "STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000\n"
                                    "STATUS=waiting for the last sessions to end");
    close(manager);
    ck_assert_int_eq(unlink(path), 0);
}

TEST(a_watchdog_is_fed)
{
    int manager = be_the_manager();
    struct kit kit;

    setenv("WATCHDOG_USEC", "20000", 1);
    kit = kit_start(NULL);
    ck_assert_int_eq(strncmp(hear(manager), "READY=1\n", 8), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(hear(manager), "WATCHDOG=1");
    kit_finish(&kit, true, NULL);
    close(manager);
    ck_assert_int_eq(unlink(path), 0);
}

TEST(a_manager_that_is_gone)
{
    struct kit kit;

    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "1000", 1);
    kit = kit_start(NULL);
    expect_echo(kit_connect(&kit));
    kit_finish(&kit, true, NULL);
}

CASE("The PROXY header")

#define V1           "PROXY TCP4 192.0.2.1 192.0.2.2 1001 7\r\n"
#define UNKNOWN      "PROXY UNKNOWN\r\n"
#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2           V2_SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xea\x00\x07"
#define LOCAL        V2_SIGNATURE "\x20\x00\x00\x00"

/* A client behind a proxy: its header and its first bytes in one piece, or byte by byte. */
static void expect_proxied_echo(struct kit *kit, const char *header, size_t size, bool in_pieces)
{
    int fd = kit_connect(kit);
    char bytes[256], echo[6];

    memcpy(bytes, header, size);
    memcpy(bytes + size, "hello\n", 6);
    for (size_t i = 0; in_pieces && i < size; i++)
        tcp_send(fd, bytes + i, 1);
    if (in_pieces)
        tcp_send(fd, bytes + size, 6);
    else
        tcp_send(fd, bytes, size + 6);
    tcp_receive(fd, echo, sizeof echo);
    ck_assert_mem_eq(echo, "HELLO\n", 6);
    expect_echo(fd);
    kit_wait_in_flight(kit, 0);
}

/* The connection ends without a byte. */
static void expect_end(int fd)
{
    char byte;
    bool reset;

    ck_assert_uint_eq(tcp_receive_all(fd, &byte, 1, &reset), 0);
    close(fd);
}

/* Wait for a line of --verbose that begins with the proxy's address, of a session with this number. */
static void expect_line_of(struct kit *kit, unsigned session, const char *words)
{
    wait_for_error_text(&kit->program, suite_text("session %u from 127.0.0.1:", session));
    wait_for_error_text(&kit->program, words);
}

/* Also with --hold message. */
LOOP_TEST(proxies_and_every_model, MODELS)
{
    static const struct {
        const char *bytes;
        const char *why;
    } wrong[] = {
        {"hello\n", " has no PROXY header: the first bytes are of neither version\n"},
        {"PROXY TCP4 192.0.2.1\r\n",
         " has no PROXY header: its line has not two addresses and two ports\n"},
    };
    struct kit kit = kit_start(MODEL("--proxy-protocol", "--verbose"));

    expect_proxied_echo(&kit, V1, sizeof V1 - 1, false);
    expect_line_of(&kit, 1, " is proxied for 192.0.2.1:1001\n");
    wait_for_error_text(&kit.program, "session 1 from 192.0.2.1:1001 ended: served\n");
    expect_proxied_echo(&kit, V2, sizeof V2 - 1, false);
    expect_line_of(&kit, 2, " is proxied for 192.0.2.1:1002\n");
    expect_proxied_echo(&kit, V1, sizeof V1 - 1, true);
    expect_proxied_echo(&kit, V2, sizeof V2 - 1, true);
    expect_proxied_echo(&kit, UNKNOWN, sizeof UNKNOWN - 1, false);
    expect_proxied_echo(&kit, LOCAL, sizeof LOCAL - 1, false);
    close(kit_connect(&kit)); /* it only looks whether the port is open */
    kit_wait_in_flight(&kit, 0);

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        int fd = kit_connect(&kit);
        tcp_send(fd, wrong[i].bytes, strlen(wrong[i].bytes));
        expect_end(fd);
        wait_for_error_text(&kit.program, wrong[i].why);
    }

    struct tally tally = kit_wait_in_flight(&kit, 0);
    ck_assert_uint_eq(tally.served, 7);
    ck_assert_uint_eq(tally.failed, 2);
    struct outcome outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_msg(strstr(outcome.out, "\nhandshake failed: 2\n") != NULL, "%s", outcome.out);
}

/* Send the header of a check by version 1, as HAProxy does: with the addresses of this very connection. */
static void name_itself(int fd)
{
    struct sockaddr_in ends[2];
    socklen_t size = sizeof ends[0];
    char line[108];

    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ends[0], &size), 0);
    ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&ends[1], &size), 0);
    snprintf(line, sizeof line, "PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n", ntohs(ends[0].sin_port),
             ntohs(ends[1].sin_port));
    tcp_send(fd, line, strlen(line));
}

/* A proxy looks whether the server lives: it sends LOCAL, or in version 1 names itself, and ends by a reset. */
LOOP_TEST(a_health_check, MODELS)
{
    static const char local[16] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
    struct kit kit = kit_start(MODEL("--proxy-protocol"));

    for (int i = 0; i < 3; i++) {
        int fd = kit_connect(&kit);
        tcp_send(fd, local, sizeof local);
        tcp_reset(fd);
        fd = kit_connect(&kit);
        name_itself(fd);
        tcp_reset(fd);
    }
    kit_wait_ended(&kit, 6);
    kit_signal(&kit, SIGTERM);
    expect_tally(kit_wait_end(&kit, 0, NULL, NULL), 6, 0, 0);
}

/* A client without a header in time is rejected; no other waits behind it for ever. */
TEST(a_header_that_does_not_come)
{
    struct kit kit =
        kit_start(ARGUMENTS("--proxy-protocol", "--handshake-timeout", "20ms", "--workers", "1"));
    int silent = kit_connect(&kit);
    int half = kit_connect(&kit);

    tcp_send(half, V1, 10);
    expect_end(silent);
    expect_end(half);
    ck_assert_uint_eq(kit_wait_in_flight(&kit, 0).timed_out, 2);
    struct outcome outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_msg(strstr(outcome.out, "\nhandshake timeout: 2\n") != NULL, "%s", outcome.out);
}

/* A stop does not wait for headers. */
TEST(a_stop_before_the_header)
{
    struct kit kit = kit_start(ARGUMENTS("--proxy-protocol"));
    int silent = kit_connect(&kit);
    int half = kit_connect(&kit);
    struct outcome outcome;

    tcp_send(half, V1, 10);
    kit_wait_in_flight(&kit, 2);
    outcome = program_stop(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_uint_eq(tally_of(outcome.out).served, 2);
    expect_end(silent);
    expect_end(half);
}

/* It is expected where it was asked for and nowhere else. */
TEST(no_header_is_expected)
{
    struct kit kit = kit_start(NULL);
    int fd = kit_connect(&kit);

    tcp_echo(fd, V1, sizeof V1 - 1, true);
    close(fd);
    kit_finish(&kit, true, NULL);
}
