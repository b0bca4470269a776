/* SPDX-License-Identifier: MIT */
/* What a state tells of its workers: see admin-workers.h. */
#include "server/admin-workers.h"

bool admin_has_worker(enum phase phase)
{
    return phase != PHASE_QUEUED && phase != PHASE_PARKED;
}

uint64_t admin_served(const struct state *state)
{
    uint64_t served = 0;

    for (int phase = 0; phase < PHASE_COUNT; phase++)
        if (admin_has_worker((enum phase)phase))
            served += state->in_phase[phase];
    return served;
}

uint64_t admin_busy_workers(const struct state *state)
{
    uint64_t served = admin_served(state);

    /* An event loop has many sessions, and then there are fewer workers than sessions. */
    return state->capped && served > state->workers ? state->workers : served;
}

uint64_t admin_idle_workers(const struct state *state)
{
    return state->capped ? state->workers - admin_busy_workers(state) : 0;
}
