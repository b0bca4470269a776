/* SPDX-License-Identifier: MIT */
/*
 * The real server and an accept() that fails: it is counted and told, the next one is served, and no
 * CPU is spent on trying. The failures come from kit/shim.c, which is preloaded into the server;
 * not with a sanitizer, which must be loaded first itself.
 */
#include "common/clock.h"
#include "tests/kit/http.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef EP_SANITIZED

/* Start a server whose accept() fails this many times. @param loses  so does the connection end */
static struct kit start_failing(int error, unsigned times, bool loses)
{
    struct kit kit;

    program_let_fail((struct orders){
        .only = "accept4", .first = 1, .last = times, .error = error, .loses = loses});
    kit = kit_start(ARGUMENTS("--workers", "2"));
    program_preload(NULL);
    return kit;
}

/* Start one whose accept() fails until the test disarms the orders. */
static struct kit start_stuck(const char *const arguments[], int error, struct orders **orders)
{
    struct kit kit;

    *orders = program_let_fail(
        (struct orders){.only = "accept4", .first = 1, .last = UINT_MAX, .error = error});
    kit = kit_start(arguments);
    program_preload(NULL);
    return kit;
}

/* kit_finish() with a look at how many failures were counted. */
static void finish_counting(struct kit *kit, const char *complaint, int error)
{
    static const char farewell[] = "\naccept failed 3 times\n";
    struct outcome outcome;

    kit_wait_in_flight(kit, 0);
    int fd = kit_connect(kit);
    say_goodbye(fd);
    kit_wait_in_flight(kit, 0);
    wait_for_descriptors(kit->program.pid, kit->descriptors);
    outcome = program_stop(&kit->program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_msg(strstr(outcome.out, farewell) != NULL, "\"%s\" is not in: %s", farewell,
                  outcome.out);
    ck_assert_msg(strstr(outcome.err, complaint) != NULL, "said: %s", outcome.err);
    ck_assert_msg(strstr(outcome.err, strerror(error)) != NULL, "said: %s", outcome.err);
}

static const int lost_errors[] = {EPROTO, EPERM, ENETDOWN, EHOSTUNREACH};
static const int want_errors[] = {ENOBUFS, ENFILE, ENOMEM, EMFILE};

CASE("Errors")

/* A connection that the kernel has given up is gone; the next one is like any other. */
LOOP_TEST(a_lost_connection, COUNT_OF(lost_errors))
{
    struct kit kit = start_failing(lost_errors[_i], 3, true);

    for (int i = 0; i < 3; i++)
        expect_rest(kit_connect(&kit), "", 0);
    for (int i = 0; i < 3; i++) {
        int fd = kit_connect(&kit);
        say_goodbye(fd);
    }
    finish_counting(&kit, "a connection was lost before it could be accepted: ", lost_errors[_i]);
}

/* This one only asks to try again: it is neither counted nor logged. */
TEST(an_aborted_connection)
{
    struct kit kit = start_failing(ECONNABORTED, 3, true);

    for (int i = 0; i < 3; i++)
        expect_rest(kit_connect(&kit), "", 0);
    kit_finish(&kit, true, NULL);
}

/* For want of something that will be there again: the connection waits and is served in the end. */
LOOP_TEST(a_want_of_something, COUNT_OF(want_errors))
{
    struct kit kit = start_failing(want_errors[_i], 3, false);
    int fd = kit_connect(&kit);

    say_goodbye(fd);
    finish_counting(&kit, "cannot accept a connection now: ", want_errors[_i]);
}

static unsigned warnings(struct kit *kit)
{
    unsigned count = 0;

    for (const char *at = program_errors(&kit->program);
         (at = strstr(at, "cannot accept a connection now")) != NULL; at++)
        count++;
    return count;
}

static bool has_warned_twice(void *context)
{
    return warnings(context) >= 2;
}

static const int stuck_errors[] = {ENOBUFS, EPROTO, EPERM};

/*
 * It fails again and again, with an error that should have ended the connection too: each try is
 * cheap only as long as there are few. Warnings come once a second, so the second one says that a
 * second has passed.
 */
LOOP_TEST(failing_does_not_burn, COUNT_OF(stuck_errors))
{
    struct orders *orders;
    struct kit kit;
    int64_t cpu_ns;
    int64_t started_ns;
    int fd;

    kit = start_stuck(ARGUMENTS("--workers", "2"), stuck_errors[_i], &orders);
    cpu_ns = process_cpu_ns(kit.program.pid);
    started_ns = clock_now_ns();
    fd = kit_connect(&kit);
    wait_until(has_warned_twice, &kit);
    cpu_ns = process_cpu_ns(kit.program.pid) - cpu_ns;
    started_ns = clock_now_ns() - started_ns;
    atomic_store(&orders->armed, false);
    ck_assert_msg(cpu_ns < started_ns / 10, "%lld of %lld ns were spent on failing",
                  (long long)cpu_ns, (long long)started_ns);
    say_goodbye(fd);
    kit_finish(&kit, true, "cannot accept a connection now");
}

/*
 * accept() on the admin port fails, with each error it may have: one warning, and the request is
 * answered once accept() works again. The echoes go on meanwhile.
 */
static void outlive(const char *const arguments[], int error)
{
    struct orders *orders;
    struct http_reply reply;
    struct kit kit;
    int fd;

    kit = start_stuck(arguments, error, &orders);
    fd = tcp_connect(kit_admin_port(&kit));
    tcp_send(fd, "GET /livez HTTP/1.0\r\n\r\n", 23);
    const char *warning =
        suite_text("cannot accept a connection to the admin port: %s; trying again in 100 ms",
                   strerror(error));
    wait_for_error_text(&kit.program, warning);
    atomic_store(&orders->armed, false);
    reply = http_read(fd, false);
    ck_assert_int_eq(reply.status, 200);
    close(fd);
    http_body(kit_admin_port(&kit), "/metrics", 200);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_finish(&kit, true, warning);
}

static const int admin_errors[] = {EMFILE, ENFILE,   ENOMEM,     ENOBUFS,     EPROTO,
                                   EPERM,  ENETDOWN, ECONNRESET, EHOSTUNREACH};

CASE("Admin")

LOOP_TEST(the_admin_port_with_each_error, COUNT_OF(admin_errors))
{
    outlive(ARGUMENTS("--admin", "0"), admin_errors[_i]);
}

LOOP_TEST(the_admin_port_of_each_model, MODELS)
{
    outlive(MODEL("--admin", "0"), EMFILE);
}

#else

CASE("Errors")

TEST(not_with_a_sanitizer)
{
}

#endif
