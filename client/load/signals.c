/* SPDX-License-Identifier: MIT */
/* SIGINT and SIGTERM, held back. See signals.h. */
#include "client/load/signals.h"

#include "common/must.h"

#include <stddef.h>
#include <time.h>

enum { SIGNALS = 2 };

static const int numbers[SIGNALS] = {SIGINT, SIGTERM};

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

/*
 * Be the first signal; SA_RESETHAND makes the next the default. Calls nothing: under ThreadSanitizer a handler that
 * does may leave all signals blocked, see server/signals.c.
 */
static void finish(int number)
{
    (void)number;
}

void signals_let_finish(const struct signals *signals)
{
    const struct sigaction action = {.sa_handler = finish,
                                     .sa_flags = (int)SA_RESETHAND | SA_RESTART};

    for (size_t i = 0; i < SIGNALS; i++)
        if (sigismember(&signals->handled, numbers[i]) == 1)
            sigaction(numbers[i], &action, NULL);
}

void signals_restore(const struct signals *signals)
{
    MUST(pthread_sigmask(SIG_SETMASK, &signals->previous, NULL));
}
