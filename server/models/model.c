/* SPDX-License-Identifier: MIT */
/* The list of concurrency designs that this server has. */
#include "server/models/model.h"

const struct model_type *const models[] = {
    &model_iterative,    &model_thread, &model_fork, &model_thread_pool,
    &model_process_pool, &model_event,  NULL};
const char *const model_words[] = {"iterative",    "thread", "fork", "thread-pool",
                                   "process-pool", "event",  NULL};
const char *const on_full_words[] = {"pause", "reject", "drop-oldest", "caller-runs", NULL};
const char *const hold_words[] = {"session", "message", NULL};

const struct model_type *model_find(int index, enum hold hold)
{
    if (hold == HOLD_SESSION)
        return models[index];
    return models[index] == &model_thread_pool ? &model_thread_pool_message : NULL;
}
