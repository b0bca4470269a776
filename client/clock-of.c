/* SPDX-License-Identifier: MIT */
/*
 * The clock of a server. See clock-of.h.
 *
 * DESIGN
 * As NTP does: the server reads its clock between the send of a question and the arrival of the answer, so it agrees
 * with the middle of the two to within half the time between them. Of several questions the quickest is
 * the most exact. The question is a GET of /stats.json, by HTTP/1.0, whose answer has no chunks.
 */
#include "client/clock-of.h"

#include "client/target-name.h"
#include "common/address.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/printable.h"
#include "common/translate.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { QUESTIONS = 8, ANSWER_MAX = 1 << 20 };

/* A clock of the year 2096, the last that a report is read with. */
#define CLOCK_US_MAX 4000000000000000

static const char question[] = "GET /stats.json HTTP/1.0\r\n\r\n";

/** @return a connected socket; -1 with errno */
static int connect_to(const struct address *address, int64_t timeout_ns)
{
    const struct timeval patience = {.tv_sec = timeout_ns / SECOND_NS,
                                     .tv_usec = timeout_ns % SECOND_NS / 1000};
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
                     sizeof patience); /* of connect(), too */
    if (connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0)
        return fd;
    close(fd);
    return -1;
}

/** Read to the end. @return the number of bytes; -1 with errno. @param first_ns  when the first bytes came */
static ssize_t read_answer(int fd, int64_t until_ns, char answer[static ANSWER_MAX],
                           int64_t *first_ns)
{
    size_t size = 0;

    for (;;) {
        ssize_t got = recv(fd, answer + size, ANSWER_MAX - size, 0);

        if (size == 0)
            *first_ns = clock_now_ns();
        if (got == 0)
            return (ssize_t)size;
        if (got < 0 && errno != EINTR)
            return -1;
        size += got > 0 ? (size_t)got : 0;
        if (size == ANSWER_MAX)
            return (ssize_t)size;
        if (clock_now_ns() >= until_ns) {
            errno = EAGAIN; /* it goes on for ever, a few bytes at a time */
            return -1;
        }
    }
}

/** Find the clock in an answer. @return false: there is none */
static bool find_clock(const char *answer, size_t size, int64_t *wall_ns)
{
    const char *body = memmem(answer, size, "\r\n\r\n", 4);
    json_t *json;
    json_int_t us;

    if (body == NULL)
        return false;
    json = json_loadb(body, size - (size_t)(body - answer), 0, NULL);
    us = json_integer_value(json_object_get(json, "wall_clock_us"));
    json_decref(json);
    if (us <= 0 || us > CLOCK_US_MAX)
        return false;
    *wall_ns = us * 1000;
    return true;
}

/** Ask once. @return NULL, or why there is no answer */
static const char *ask(const struct address *address, int64_t timeout_ns,
                       char answer[static ANSWER_MAX], struct summary_clock *clock)
{
    int fd = connect_to(address, timeout_ns);
    int64_t asked_wall_ns = clock_wall_ns(), asked_ns = clock_now_ns(), answered_ns = 0, wall_ns;
    ssize_t size = -1;
    int error;

    if (fd >= 0 && send(fd, question, sizeof question - 1, MSG_NOSIGNAL) == sizeof question - 1)
        size = read_answer(fd, clock_now_ns() + timeout_ns, answer, &answered_ns);
    error = errno;
    if (fd >= 0)
        close(fd);
    if (size < 0)
        return error == EAGAIN || error == EINPROGRESS ? _("it does not answer")
                                                       : translate_error(error);
    if (!find_clock(answer, (size_t)size, &wall_ns))
        return _("it is not the admin port of an echo-server that reports its clock");
    clock->ahead_ns = asked_wall_ns + (answered_ns - asked_ns) / 2 - wall_ns;
    clock->within_ns = (answered_ns - asked_ns + 1) / 2 + 1000; /* microseconds are cut off */
    return NULL;
}

void clock_of_measure(const char *server, int64_t timeout_ns, struct summary_clock *clock)
{
    static char answer[ANSWER_MAX];
    struct target_name name;
    struct addresses addresses;
    const char *cause = _("it is too long");
    unsigned at = 0;

    if (!target_name_parse(server, 0, &name) ||
        !address_resolve_all(name.host, name.port, false, &addresses, &cause))
        log_fatal("cannot find the address of --clock-of %s: %s", server, cause);
    clock->within_ns = INT64_MAX;
    for (unsigned i = 0; i < QUESTIONS; i++) {
        struct summary_clock one = {0};

        cause = ask(&addresses.at[at], timeout_ns, answer, &one);
        while (cause != NULL && i == 0 && ++at < addresses.count)
            cause = ask(&addresses.at[at], timeout_ns, answer, &one);
        if (cause != NULL)
            log_fatal("cannot read the clock of --clock-of %s: %s", server, cause);
        if (one.within_ns < clock->within_ns)
            *clock = one;
    }
    printable_text(clock->of, sizeof clock->of, server, strlen(server), '?');
}
