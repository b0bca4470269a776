/* SPDX-License-Identifier: MIT */
/* What the models have in common: see model.h. */
#include "server/models/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

const char *const on_full_words[] = {"pause", "reject", "drop-oldest", "caller-runs", NULL};
const char *const hold_words[] = {"session", "message", NULL};

bool model_has_room(struct model *model)
{
    if (model->doors != NULL)
        return doors_have_room(model->doors);
    return model->type->has_room == NULL || model->type->has_room(model);
}

bool model_has_worker(struct model *model)
{
    return model->type->has_worker == NULL || model->type->has_worker(model);
}

void model_tend(struct model *model)
{
    if (model->type->tend != NULL)
        model->type->tend(model);
}

void model_catch_up(struct model *model)
{
    if (model != NULL && model->type->catch_up != NULL)
        model->type->catch_up(model);
}

bool model_may_resize(const struct model *model)
{
    return model->type->resize != NULL && (model->doors == NULL || !doors_have_own(model->doors));
}

int model_full(uint64_t workers, uint64_t queue, char why[static MODEL_WHY_MAX])
{
    snprintf(why, MODEL_WHY_MAX,
             "%" PRIu64 " of %" PRIu64 " workers and %" PRIu64 " of %" PRIu64
             " places in the queue are taken",
             workers, workers, queue, queue);
    return -EAGAIN;
}

int model_most(uint64_t max_sessions, char why[static MODEL_WHY_MAX])
{
    snprintf(why, MODEL_WHY_MAX, "at most %" PRIu64 " sessions are allowed", max_sessions);
    return -EAGAIN;
}

int model_no_memory(char why[static MODEL_WHY_MAX])
{
    snprintf(why, MODEL_WHY_MAX, "out of memory");
    return -ENOMEM;
}
