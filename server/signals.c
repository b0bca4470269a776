/* SPDX-License-Identifier: MIT */
/*
 * Signals, as calls from the event loop: see signals.h.
 *
 * DESIGN. A handler counts, and wakes the loop by an eventfd, whose counter takes no memory: writing to it
 * cannot fail. libevent's own handler writes to a socket, and drops the signal if the kernel has no memory
 * for that byte. A signalfd would be as safe, but it forgets a signal that comes while the same one is
 * pending: the second of two SIGTERM, or SIGTTIN, in a row.
 *
 * ThreadSanitizer does not see the handler. It holds a signal back until the thread calls something that it
 * intercepts, an atomic operation too, blocks all signals there and calls the handler. Did the handler call such
 * a thing while the next signal is held back, the mask that is put back at the end would block all of them, for
 * ever. So the handler has no instrumentation, and syscall() is not intercepted.
 */
#include "server/signals.h"

#include "common/log.h"
#include "common/must.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __clang__
#    define UNSEEN __attribute__((disable_sanitizer_instrumentation))
#else
#    define UNSEEN __attribute__((no_sanitize("thread")))
#endif

static struct {
    event_callback_fn callback;
    atomic_uint caught; /* and not called back yet */
} signals[NSIG];

static volatile sig_atomic_t wake_fd = -1;

static UNSEEN void note(int number)
{
    static const uint64_t one = 1;
    int error = errno;

    atomic_fetch_add(&signals[number].caught, 1);
    (void)syscall(SYS_write, wake_fd, &one, sizeof one); /* eventfd_write() */
    errno = error;
}

static void on_wake(evutil_socket_t fd, short what, void *argument)
{
    eventfd_t count;

    (void)what;
    (void)eventfd_read(fd, &count); /* first: a signal from here on wakes the loop again */
    for (int number = 1; number < NSIG; number++)
        for (unsigned left = atomic_exchange(&signals[number].caught, 0); left > 0; left--)
            signals[number].callback(number, EV_SIGNAL, argument);
}

struct event *signals_new(struct event_base *base, void *context)
{
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wake_fd < 0 ? NULL : event_new(base, wake_fd, EV_READ | EV_PERSIST, on_wake, context);
}

void signals_handle(int number, event_callback_fn callback)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};

    sigfillset(&action.sa_mask);
    signals[number].callback = callback;
    MUST(sigaction(number, &action, NULL));
}

static const char *last_line;

static UNSEEN void leave(int number)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

    (void)number;
    if (poll(&ready, 1, 0) <= 0 || write(STDERR_FILENO, last_line, strlen(last_line)) < 0)
        last_line = NULL; /* it is lost */
    _exit(EXIT_RUN);
}

void signals_end_at_once(int number, const char *line, void *context)
{
    struct sigaction action = {.sa_handler = leave};

    sigfillset(&action.sa_mask);
    last_line = line;
    MUST(sigaction(number, &action, NULL));
    if (atomic_load(&signals[number].caught) > 0)
        signals[number].callback(number, EV_SIGNAL, context);
}

void signals_end(void)
{
    int fd = wake_fd;

    wake_fd = -1;
    close(fd);
}
