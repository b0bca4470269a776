/* SPDX-License-Identifier: MIT */
/* echo-client without -n: lines from a pipe, and from a person at a (pseudo-)terminal. */
#include "common/signal-mask.h"
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

CASE("From a pipe")

TEST(lines_and_their_replies)
{
    static const struct {
        const char *input;
        const char *output;
    } cases[] = {
        {"hello\n", "HELLO\n"},
        {"hello", "HELLO\n"}, /* no newline at the end */
        {"one\ntwo\n", "ONE\nTWO\n"},
        {"", ""},
        {"\n  \n\t\r\n", ""}, /* empty input is skipped */
        {"  around \t\r\nin  side\n", "AROUND\nIN  SIDE\n"},
        {"线程池 abc\n", "线程池 ABC\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome outcome = client_text(peer_upper, NULL, NULL, cases[i].input);

        outcome_expect(&outcome, 0, cases[i].output, ""); /* and no prompt */
    }
}

TEST(a_line_of_a_mebibyte)
{
    size_t size = 1 << 20;
    char *line = suite_memory(size + 2);
    struct outcome outcome;

    for (size_t i = 0; i < size; i++)
        line[i] = (char)('a' + i % 26);
    memcpy(line + size, "\n", 2);
    outcome = client_text(peer_upper, NULL, NULL, line);
    ck_assert_int_eq(outcome.status, 0);
    for (size_t i = 0; i < size; i++)
        line[i] = (char)('A' + i % 26);
    ck_assert(strcmp(outcome.out, line) == 0);
}

TEST(a_reader_that_leaves)
{
    struct peer *peer = peer_start(peer_upper, NULL);
    char line[4096], said[64];
    FILE *pipe;

    /* what the client has to say to that, on standard error: nothing */
    snprintf(line, sizeof line,
             "exec 3>&1; (seq 100000 | '%s/echo-client' --port %s 2>&3; echo $? >&3) | head -n 1",
             build_folder(), peer_port_text(peer));
    pipe = popen(line, "r");
    ck_assert_ptr_nonnull(pipe);
    said[fread(said, 1, sizeof said - 1, pipe)] = '\0';
    pclose(pipe);
    ck_assert_str_eq(said, "1\n1\n"); /* head's line, and the exit status */
    peer_stop(peer);
}

TEST(quiet_only_checks)
{
    struct outcome outcome = client_text(peer_upper, NULL, ARGUMENTS("--quiet"), "hello\n");

    outcome_expect(&outcome, 0, "", NULL);
}

CASE("Servers that do not do as they should")

TEST(a_wrong_reply_is_reported_and_the_rest_goes_on)
{
    struct outcome outcome =
        client_text(peer_upper, NULL, ARGUMENTS("--transform", "none"), "12\nabc\n34\nDeF\n");

    outcome_expect(&outcome, 3, "12\nABC\n34\nDEF\n", NULL);
    ck_assert_ptr_nonnull(strstr(outcome.err, "message 1: wrong byte at offset 0 of 3\n"));
    ck_assert_ptr_nonnull(strstr(outcome.err, "message 3: wrong byte at offset 1 of 3\n"));
}

BEHAVIOUR(close_after_a_byte)
{
    char byte;

    peer_receive(fd, &byte, 1);
    peer_finish(fd);
}

BEHAVIOUR(say_busy)
{
    peer_send(fd, "BUSY queue full\n", 16);
    peer_finish(fd);
}

TEST(a_server_that_closes)
{
    struct outcome outcome = client_text(close_after_a_byte, NULL, NULL, "hello\nagain\n");

    outcome_expect(&outcome, 1, "",
                   suite_text("echo-client: the session with the server at 127.0.0.1:%s ended: "
                              "closed before the first reply\n",
                              client_text_port()));
}

TEST(a_server_that_refuses)
{
    struct outcome outcome = client_text(say_busy, NULL, NULL, "hello\n");

    outcome_expect(
        &outcome, 1, NULL,
        suite_text("echo-client: the server at 127.0.0.1:%s refused the session: BUSY queue full\n",
                   client_text_port()));
}

/* Lines that are taken for echoes at first, since the refusal begins as they do. */
TEST(a_refusal_that_begins_as_an_echo)
{
    static const char *const inputs[] = {"busy\n", "bu\n", "b\nusy\n", "b\nu\ns\ny\n"};

    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        struct outcome outcome = client_text(say_busy, NULL, NULL, inputs[i]);

        outcome_expect(&outcome, 1, NULL,
                       suite_text("echo-client: the server at 127.0.0.1:%s refused the session: "
                                  "BUSY queue full\n",
                                  client_text_port()));
    }
}

TEST(no_server_there)
{
    struct outcome outcome = program_run(ARGUMENTS("echo-client", "--port", "1"), "hello\n");

    outcome_expect(&outcome, 1, NULL,
                   "echo-client: cannot connect to 127.0.0.1:1: connect: connection "
                   "refused; is the server running there?\n");
}

CASE("A person")

struct terminal {
    pid_t pid;
    int fd;
    char seen[65536];
    size_t size;
};

/* The client on a pseudo-terminal of its own; a second argument after the port's may be NULL. */
static void terminal_start(struct terminal *terminal, const char *port, const char *argument)
{
    const char *path = suite_text("%s/echo-client", build_folder());

    terminal->size = 0;
    setenv("TERM", "dumb", 1); /* here, since a child of a process with threads must not */
    terminal->pid = forkpty(&terminal->fd, NULL, NULL, NULL);
    ck_assert_int_ge(terminal->pid, 0);
    if (terminal->pid == 0) {
        struct termios how;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* The kernel discards, after it has sent SIGINT, what the program has printed by then. */
        if (tcgetattr(STDIN_FILENO, &how) != 0)
            _exit(127);
        how.c_lflag |= NOFLSH;
        tcsetattr(STDIN_FILENO, TCSANOW, &how);
        execl(path, "echo-client", "--port", port, argument, (char *)NULL);
        _exit(127);
    }
}

/* Read until the text is there; from now on only what comes after it counts. */
static void terminal_expect(struct terminal *terminal, const char *text)
{
    char *found;

    terminal->seen[terminal->size] = '\0';
    while ((found = strstr(terminal->seen, text)) == NULL) {
        ssize_t got = read(terminal->fd, terminal->seen + terminal->size,
                           sizeof terminal->seen - 1 - terminal->size);

        ck_assert_msg(got > 0, "no \"%s\" on the terminal, but: %s", text, terminal->seen);
        terminal->size += (size_t)got;
        terminal->seen[terminal->size] = '\0';
    }
    found += strlen(text);
    terminal->size -= (size_t)(found - terminal->seen);
    memmove(terminal->seen, found, terminal->size);
}

static void terminal_type(struct terminal *terminal, const char *text)
{
    ck_assert_int_eq(write(terminal->fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* @return the exit status, 128 + the signal where one ended it */
static int terminal_wait(struct terminal *terminal)
{
    int status;

    while (read(terminal->fd, terminal->seen, sizeof terminal->seen) > 0)
        continue;
    ck_assert_int_eq(waitpid(terminal->pid, &status, 0), terminal->pid);
    close(terminal->fd);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_IF(a_person_is_prompted, terminal_is_there())
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct terminal terminal;

    terminal_start(&terminal, peer_port_text(peer), NULL);
    terminal_expect(&terminal, ">>:");
    terminal_type(&terminal, "hello\r");
    terminal_expect(&terminal, "HELLO");
    terminal_expect(&terminal, ">>:");
    terminal_type(&terminal, "   \r"); /* empty input: the prompt again, and nothing sent */
    terminal_expect(&terminal, ">>:");
    terminal_type(&terminal, "again\r");
    terminal_expect(&terminal, "AGAIN");
    terminal_expect(&terminal, ">>:");
    terminal_type(&terminal, "\x04"); /* ^D */
    ck_assert_int_eq(terminal_wait(&terminal), 0);
    peer_stop(peer);
}

/* Also if the parent of the client has blocked all signals. */
TEST_IF(a_person_interrupts, terminal_is_there())
{
    struct peer *peer = peer_start(peer_upper, NULL);
    struct terminal terminal;
    sigset_t before = signal_mask_all();

    terminal_start(&terminal, peer_port_text(peer), NULL);
    signal_mask_restore(&before);
    terminal_expect(&terminal, ">>:");
    terminal_type(&terminal, "\x03"); /* ^C */
    ck_assert_int_eq(terminal_wait(&terminal), 128 + SIGINT);
    peer_stop(peer);
}

BEHAVIOUR(only_listening)
{
    peer_drain(fd);
}

TEST_IF(a_person_sees_progress, terminal_is_there())
{
    struct peer *peer = peer_start(only_listening, NULL);
    struct terminal terminal;

    terminal_start(&terminal, peer_port_text(peer), "-n3");
    terminal_expect(&terminal, "0 of 3 sessions done, 0 messages verified");
    terminal_type(&terminal, "\x03");
    terminal_expect(&terminal, "sessions     3 requested: 0 ok, 3 failed, 0 refused");
    ck_assert_int_eq(terminal_wait(&terminal), 128 + SIGINT);
    peer_stop(peer);
}
