/* SPDX-License-Identifier: MIT */
/* Words that all models have in common, and the choice of one: see model.h. */
#include "server/models/model.h"

const char *const on_full_words[] = {"pause", "reject", "drop-oldest", "caller-runs", NULL};
const char *const hold_words[] = {"session", "message", NULL};

const struct model_type *model_find(int index, enum hold hold)
{
    return hold == HOLD_MESSAGE ? models[index]->hold_message : models[index];
}
