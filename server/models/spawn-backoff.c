/* SPDX-License-Identifier: MIT */
/* Pauses after failures: see spawn-backoff.h. */
#include "server/models/spawn-backoff.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEAST_NS (SECOND_NS / 100)
#define MOST_NS  SECOND_NS

static int refuse_with(const struct spawn_backoff *backoff, char why[static MODEL_WHY_MAX])
{
    snprintf(why, MODEL_WHY_MAX, "no %s available: %s", backoff->what, strerror(-backoff->error));
    return backoff->error;
}

int spawn_backoff_refusal(const struct spawn_backoff *backoff, char why[static MODEL_WHY_MAX])
{
    if (backoff->pause_ns == 0 || clock_now_ns() >= backoff->retry_ns)
        return 0;
    return refuse_with(backoff, why);
}

int spawn_backoff_failed(struct spawn_backoff *backoff, const struct session *session, int error,
                         uint64_t live, char why[static MODEL_WHY_MAX])
{
    backoff->pause_ns = backoff->pause_ns == 0 ? LEAST_NS : 2 * backoff->pause_ns;
    if (backoff->pause_ns > MOST_NS)
        backoff->pause_ns = MOST_NS;
    backoff->retry_ns = clock_now_ns() + backoff->pause_ns;
    backoff->error = error;
    if (!backoff->reported) {
        backoff->reported = true;
        printer_line(session->shared->printer,
                     "first refusal at session %" PRIu64 ": cannot make a %s: %s (%" PRIu64
                     " live)",
                     session->number, backoff->what, strerror(-error), live);
    }
    return refuse_with(backoff, why);
}

void spawn_backoff_reset(struct spawn_backoff *backoff)
{
    backoff->pause_ns = backoff->retry_ns = 0;
}
