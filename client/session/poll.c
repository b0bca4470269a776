/* SPDX-License-Identifier: MIT */
/* One thread, one session, one poll(). See poll.h. */
#include "client/session/poll.h"

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

/** When to advance the session at the latest. */
static int64_t until(const struct session_wait *wait)
{
    if ((wait->need & NEED_MOMENT) != 0 && wait->moment_ns < wait->deadline_ns)
        return wait->moment_ns;
    return wait->deadline_ns;
}

/** Wait for one of two descriptors. @return how many are ready; 0: the time has come */
static int poll_until(struct pollfd *polled, int64_t until_ns)
{
    int answer;

    do {
        struct timespec left = clock_timespec(until_ns - clock_now_ns());

        answer = ppoll(polled, 2, until_ns == INT64_MAX ? NULL : &left, NULL);
    } while (answer < 0 && errno == EINTR);
    return answer;
}

/** Wait for what the session needs. @return a set of enum session_ready */
static unsigned wait_for(const struct session *session, const struct session_wait *wait,
                         int stop_fd)
{
    const struct stream *stream = &session->connection.stream;
    struct pollfd polled[] = {{.fd = stream->fd}, {.fd = stop_fd, .events = POLLIN}};
    short seen;

    if ((wait->need & NEED_READ) != 0 && stream_has_pending(stream))
        return READY_READ;
    if ((wait->need & NEED_READ) != 0)
        polled[0].events |= POLLIN;
    if ((wait->need & NEED_WRITE) != 0)
        polled[0].events |= POLLOUT;
    /* The shutdown() of session_stop() wakes a session that waits for its descriptor. What the server
     * does must not wake one that waits for a moment. */
    if (polled[0].events == 0)
        polled[0].fd = -1;
    else
        polled[1].fd = -1;
    if (poll_until(polled, until(wait)) == 0)
        return READY_TIME;
    seen = polled[0].revents;
    return ((seen & ~POLLOUT) != 0 ? READY_READ : 0) | ((seen & ~POLLIN) != 0 ? READY_WRITE : 0);
}

unsigned poll_run(struct session *session, int stop_fd)
{
    struct session_wait wait;
    unsigned ready = 0;

    for (;;) {
        session_advance(session, ready, &wait);
        if (wait.need == NEED_NOTHING || (wait.need & (NEED_BARRIER | NEED_MESSAGE)) != 0)
            return wait.need;
        ready = wait_for(session, &wait, stop_fd);
    }
}
