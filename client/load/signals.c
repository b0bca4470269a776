/* SPDX-License-Identifier: MIT */
/* SIGINT and SIGTERM, held back. See signals.h. */
#include "client/load/signals.h"

#include "common/must.h"

#include <stddef.h>
#include <time.h>

void signals_block(struct signals *signals)
{
    static const int numbers[] = {SIGINT, SIGTERM};

    sigemptyset(&signals->handled);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
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

void signals_restore(const struct signals *signals)
{
    MUST(pthread_sigmask(SIG_SETMASK, &signals->previous, NULL));
}
