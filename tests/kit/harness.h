/* SPDX-License-Identifier: MIT */
/**
 * @file harness.h
 * Starts the real programs for a test, talks to them with plain sockets, and looks at them from
 * outside through /proc.
 *
 * Everything here fails the running Check test (ck_abort_msg) when it cannot do its work, so the
 * tests need no error handling of their own. Nothing sleeps for a fixed time: it waits for a
 * condition, with the test's own time limit behind it. Programs that a test starts die with it
 * (PR_SET_PDEATHSIG), also when the test is killed at its time limit.
 */
#ifndef TESTS_KIT_HARNESS_H
#define TESTS_KIT_HARNESS_H

#include "tests/kit/shim.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** What a running program has said so far; the harness's own. */
struct said;

/** The top of the build tree: TOP_BUILDDIR, or the current folder. */
const char *build_folder(void);

/** A program that runs under the test. */
struct program {
    pid_t pid;
    int out; /**< read end of its standard output */
    int err; /**< read end of its standard error */
    struct said *said;
    uint16_t port;     /**< of a server: what "listening on" said; 0: a unix socket, or no server */
    char address[120]; /**< of a server: the text after the first "listening on " */
};

/** How a program ended and what it had said. */
struct outcome {
    int status; /**< exit status; 128 + signal where a signal ended it */
    char *out;  /**< ended by zero */
    char *err;
};

/**
 * Run ./echo-server or ./echo-client of the build tree, or another program by its path from /, to its
 * end.
 *
 * @param arguments  the command line, program name first ("echo-client"), ended by NULL
 * @param input      given on standard input; NULL is the empty input
 */
struct outcome program_run(const char *const arguments[], const char *input);

/**
 * The same, left running. Standard input is /dev/null. It dies with the thread that started it.
 *
 * What it says is read by the functions here that wait for it, and the pipes hold 1 MiB in
 * between; a test that lets a program say more than that must read it.
 */
struct program program_start(const char *const arguments[]);

/**
 * Start ./echo-server with --port 0 and the given further arguments, and wait for its
 * "listening on" line.
 *
 * @param arguments  options only, ended by NULL; may be NULL
 */
struct program server_start(const char *const arguments[]);

/**
 * Programs that are started from now on find these sockets as a service manager passes them: on
 * descriptors from 3 on, with LISTEN_FDS and their own number in LISTEN_PID. They stay the test's.
 *
 * @param count  at most 4; 0: none are passed any more
 */
void program_pass(const int sockets[], int count);

/**
 * Programs that are started from now on begin as a careless parent may leave them: all signals blocked, and
 * SIGCHLD ignored.
 */
void program_deafen(void);

/**
 * Programs that are started from now on are preloaded with this shared object of the build tree. Not with
 * a sanitizer, which must be loaded first itself.
 *
 * @param object  such as "tests/kit/.libs/names.so"; NULL: nothing is preloaded any more
 */
void program_preload(const char *object);

/**
 * Programs that are started from now on have calls that fail, by kit/shim.c, until program_preload(NULL).
 *
 * @return  the orders that the programs share: without `armed` nothing fails any more
 */
struct orders *program_let_fail(struct orders orders);

/** Wait for the end and collect what it said. */
struct outcome program_wait(struct program *program);

/** SIGTERM, then program_wait(). */
struct outcome program_stop(struct program *program);

/** Assert the exit status, and all that was said; NULL: anything. */
void outcome_expect(const struct outcome *outcome, int status, const char *out, const char *err);

/** Whether this machine has pseudo-terminals: in a container they may be missing. Prints once why not. */
bool terminal_is_there(void);

/** A blocking connection to 127.0.0.1:port with a receive time limit of 20 s. */
int tcp_connect(uint16_t port);

/** The same with small buffers on the way to it: a server that sends some 20 KB has to wait. */
int tcp_connect_narrow(uint16_t port);

/** The same to where a server says that it listens: "127.0.0.1:80", "[::1]:80" or "unix:/path". */
int connect_to(const char *address);

/** A listener on 127.0.0.1 for tests that play the server. @return descriptor; *port is set */
int tcp_listen(uint16_t *port);
/** The same on ::1. @return -1: this machine has none */
int tcp_listen_v6(uint16_t *port);
/**
 * Fill the backlog of such a listener: who calls from now on gets no answer. A connection that its client takes for
 * made may be on its way there still, and leave the place to another. @return the connection that is in it
 */
int tcp_fill_backlog(int listener, uint16_t port);

/** A port as text, for a command line. Lives as long as the test does not ask for another. */
const char *port_text(uint16_t port);

/**
 * A port of 127.0.0.1 on which no server listens. A socket of the test has it until its end: the kernel would give
 * it to the next program that listens on any. A server that is given this port can listen on it.
 */
uint16_t tcp_unused_port(void);

/** Bytes that do not repeat soon, so that lost, doubled or swapped parts show; the same for the same seed. */
unsigned char *some_bytes(size_t size, unsigned seed);

/** Send all of it. */
void tcp_send(int fd, const void *bytes, size_t size);

/** Send what goes at once. @return bytes sent; 0: none go, or the connection is gone */
size_t tcp_pump(int fd, const void *bytes, size_t size);

/** Receive exactly size bytes; the test fails at an early end of file. */
void tcp_receive(int fd, void *bytes, size_t size);

/** Receive until end of file or reset. @return bytes received, all of them; *reset tells which */
size_t tcp_receive_all(int fd, void *bytes, size_t size, bool *reset);

/** Send bytes, receive as many, and compare with what --transform upper or none makes of them. */
void tcp_echo(int fd, const void *bytes, size_t size, bool upper);

/** Close with a reset instead of an orderly end (SO_LINGER 0). */
void tcp_reset(int fd);

/** Open descriptors and live threads of a process, from /proc. */
unsigned process_descriptors(pid_t pid);
unsigned process_threads(pid_t pid);
/** The parent of a process; 0 where that has ended. */
pid_t process_parent(pid_t pid);
/** User and system CPU time of a process so far, in nanoseconds. */
int64_t process_cpu_ns(pid_t pid);
/** The same of the process and of all that descend from it and live. */
int64_t process_family_cpu_ns(pid_t pid);

/** Start and join a thread of the test. @return what it returned */
pthread_t thread_start(void *(*run)(void *context), void *context);
void *thread_join(pthread_t thread);

/** Wait until condition(context) is true. It is asked every millisecond. */
void wait_until(bool (*condition)(void *context), void *context);

/** Wait until the process has that many descriptors, or threads. */
void wait_for_descriptors(pid_t pid, unsigned descriptors);
void wait_for_threads(pid_t pid, unsigned threads);

/**
 * All that the program has said on standard output, or on standard error, until now. Does not
 * wait. The text is good until the harness is next asked about this program.
 */
const char *program_output(struct program *program);
const char *program_errors(struct program *program);

/** Wait until what the program wrote on standard output, or on standard error, has the text; keep it for later. */
void wait_for_output_text(struct program *program, const char *text);
void wait_for_error_text(struct program *program, const char *text);

#endif /* TESTS_KIT_HARNESS_H */
