/* SPDX-License-Identifier: MIT */
/* What the service manager gets, in which words, and that nothing ever waits for it. */
#include "server/systemd/notify.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

/* The manager's socket. Each test is a process, so one place is enough for all. */
static struct {
    char folder[64];
    char name[96];
    int fd;
} manager;

/* Listen under a path, or under an abstract name. */
static void start_manager(bool abstract)
{
    struct address address;

    snprintf(manager.folder, sizeof manager.folder, "%s", suite_template());
    ck_assert_ptr_nonnull(mkdtemp(manager.folder));
    snprintf(manager.name, sizeof manager.name, "%s%s/manager", abstract ? "@" : "",
             manager.folder);
    ck_assert(address_of_path(manager.name, &address));
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(manager.fd, (struct sockaddr *)&address.storage, address.length), 0);
    setenv("NOTIFY_SOCKET", manager.name, 1);
}

static void stop_manager(void)
{
    close(manager.fd);
    (void)unlink(manager.name);
    rmdir(manager.folder);
}

/* The next words, or "" where none are there. */
static const char *heard(void)
{
    static char words[512];
    ssize_t size = recv(manager.fd, words, sizeof words - 1, 0);

    words[size > 0 ? size : 0] = '\0';
    return words;
}

CASE("Core")

LOOP_TEST(the_states_of_a_life, 2)
{
    struct notify notify;
    int64_t us;

    start_manager(_i == 1);
    notify_open(&notify);
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    ck_assert_int_ne(fcntl(notify.fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_str_eq(heard(), "");
    notify_ready(&notify, "listening on 127.0.0.1:1");
    ck_assert_str_eq(heard(), "READY=1\nSTATUS=listening on 127.0.0.1:1");
    ck_assert_int_eq(notify_tend(&notify), 0);
    notify_reloading(&notify);
    ck_assert_int_eq(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%" SCNd64 "\nSTATUS=", &us), 1);
    ck_assert_int_gt(us, 0);
    notify_stopping(&notify, "soon gone", 90 * SECOND);
    ck_assert_str_eq(heard(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000\nSTATUS=soon gone");
    ck_assert_int_eq(notify_tend(&notify), 0);
    ck_assert_str_eq(heard(), "");
    notify_close(&notify);
    notify_ready(&notify, "after the end");
    ck_assert_str_eq(heard(), "");
    stop_manager();
}

LOOP_TEST(a_watchdog, 2)
{
    struct notify notify;

    start_manager(true);
    const char *pid = suite_text("%d", (int)getpid());
    setenv("WATCHDOG_USEC", "20000000", 1);
    if (_i == 1)
        setenv("WATCHDOG_PID", pid, 1);
    notify_open(&notify);
    ck_assert(getenv("WATCHDOG_USEC") == NULL && getenv("WATCHDOG_PID") == NULL);
    ck_assert_int_eq(notify_tend(&notify), 10 * SECOND);
    ck_assert_str_eq(heard(), "WATCHDOG=1");
    notify_close(&notify);
    ck_assert_int_eq(notify_tend(&notify), 0);
    stop_manager();
}

CASE("Limits")

LOOP_TEST(no_watchdog, 8)
{
    static const char *const cases[][2] = {
        {NULL, NULL}, {"0", NULL},   {"", NULL},    {"-1", NULL},
        {"5s", NULL}, {"1000", "1"}, {"1000", "x"}, {"18446744073709551615", NULL},
    };
    struct notify notify;

    start_manager(true);
    unsetenv("WATCHDOG_USEC");
    if (cases[_i][0] != NULL)
        setenv("WATCHDOG_USEC", cases[_i][0], 1);
    if (cases[_i][1] != NULL)
        setenv("WATCHDOG_PID", cases[_i][1], 1);
    notify_open(&notify);
    ck_assert_int_eq(notify_tend(&notify), 0);
    ck_assert_str_eq(heard(), "");
    notify_close(&notify);
    stop_manager();
}

/* No manager, or one that cannot be reached: nothing happens, and nothing is tried again. */
TEST(no_manager_to_notify)
{
    static const char *const names[] = {NULL,
                                        "",
                                        "/",
                                        "@",
                                        "relative",
                                        "/tmp/check_notify/absent",
                                        "@check_notify absent",
                                        "/dev/null",
                                        "vsock:2:1"};
    char too_long[200] = "/";
    struct notify notify;

    for (size_t i = 0; i <= sizeof names / sizeof names[0]; i++) {
        memset(too_long + 1, 'a', sizeof too_long - 2);
        unsetenv("NOTIFY_SOCKET");
        if (i == sizeof names / sizeof names[0])
            setenv("NOTIFY_SOCKET", too_long, 1);
        else if (names[i] != NULL)
            setenv("NOTIFY_SOCKET", names[i], 1);
        setenv("WATCHDOG_USEC", "abc", 1);
        notify_open(&notify);
        notify_ready(&notify, "here");
        ck_assert_int_eq(notify_tend(&notify), 0);
        notify_stopping(&notify, "gone", SECOND);
        ck_assert_int_eq(notify_tend(&notify), 0);
        notify_close(&notify);
    }
}

/* Its socket is full: the last words are kept until there is room, and the server does not wait. */
LOOP_TEST(a_busy_manager, 2)
{
    struct notify notify;
    int64_t again;
    unsigned fillers = 0;

    start_manager(true);
    if (_i == 1)
        setenv("WATCHDOG_USEC", "20000000", 1);
    notify_open(&notify);
    while (sendto(notify.fd, "FILLER=1", 8, MSG_DONTWAIT,
                  (struct sockaddr *)&notify.manager.storage, notify.manager.length) > 0)
        fillers++;
    ck_assert(fillers > 0 && errno == EAGAIN);
    notify_reloading(&notify);
    notify_ready(&notify, "here");
    again = notify_tend(&notify);
    ck_assert(again > 0 && again < SECOND);
    while (fillers-- > 0)
        ck_assert_str_eq(heard(), "FILLER=1");
    ck_assert_str_eq(heard(), "");
    ck_assert_int_eq(notify_tend(&notify), _i == 1 ? 10 * SECOND : 0);
    ck_assert_str_eq(heard(), "READY=1\nSTATUS=here");
    ck_assert_str_eq(heard(), _i == 1 ? "WATCHDOG=1" : "");
    ck_assert_str_eq(heard(), "");
    notify_close(&notify);
    stop_manager();
}

TEST(a_status_that_is_too_long)
{
    struct notify notify;
    char status[1000];

    start_manager(true);
    memset(status, 'a', sizeof status - 1);
    status[sizeof status - 1] = '\0';
    notify_open(&notify);
    notify_ready(&notify, status);
    ck_assert_int_eq(strncmp(heard(), "READY=1\nSTATUS=aaaa", 19), 0);
    notify_close(&notify);
    stop_manager();
}
