/* SPDX-License-Identifier: MIT */
/* SIGINT and SIGTERM, held back. See signals.h. */
#include "client/load/signals.h"

#include "common/must.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

enum { SIGNALS = 2 };

static const int numbers[SIGNALS] = {SIGINT, SIGTERM};

/* The handler uses it: what to restore. */
static struct sigaction earlier[SIGNALS];

void signals_block(struct signals *signals)
{
    sigemptyset(&signals->handled);
    for (size_t i = 0; i < SIGNALS; i++) {
        struct sigaction action;

        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&signals->handled, numbers[i]);
    }
    MUST(pthread_sigmask(SIG_BLOCK, &signals->handled, &signals->previous));
}

void signals_unblock(const struct signals *signals)
{
    MUST(pthread_sigmask(SIG_UNBLOCK, &signals->handled, NULL));
}

int signals_take(const struct signals *signals)
{
    int number = sigtimedwait(&signals->handled, NULL, &(struct timespec){0});

    return number > 0 ? number : 0;
}

/** Be the first signal. The next is handled as before. */
static void finish(int number)
{
    int error = errno;

    (void)number;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(numbers[i], &earlier[i], NULL);
    errno = error;
}

void signals_let_finish(const struct signals *signals)
{
    struct sigaction action = {
        .sa_handler = finish, .sa_flags = SA_RESTART, .sa_mask = signals->handled};

    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(numbers[i], NULL, &earlier[i]);
    for (size_t i = 0; i < SIGNALS; i++)
        if (sigismember(&signals->handled, numbers[i]) == 1)
            sigaction(numbers[i], &action, NULL);
}

void signals_restore(const struct signals *signals)
{
    MUST(pthread_sigmask(SIG_SETMASK, &signals->previous, NULL));
}
