/* SPDX-License-Identifier: MIT */
/* What a state tells of its workers: see workers.h. */
#include "server/admin/workers.h"

#include "server/models/model.h"

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

bool admin_has_pool(const struct state *state)
{
    return state->type->capped || state->type->holds_many;
}

uint64_t admin_workers(const struct state *state)
{
    return admin_has_pool(state) ? state->workers : admin_served(state);
}

uint64_t admin_busy_workers(const struct state *state)
{
    uint64_t workers = admin_workers(state);

    if (!admin_has_pool(state))
        return workers;
    /* Where there are fewer of them from now on, those that are to go still have their sessions. */
    return state->busy < workers ? state->busy : workers;
}

uint64_t admin_idle_workers(const struct state *state)
{
    return admin_workers(state) - admin_busy_workers(state);
}
