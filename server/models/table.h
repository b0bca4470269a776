/* SPDX-License-Identifier: MIT */
/**
 * @file table.h
 * The table of models, which the build makes of the list in local.mk.
 */
#ifndef SERVER_MODELS_TABLE_H
#define SERVER_MODELS_TABLE_H

#include "server/models/model.h"

/** All models in the order in which a student should read them, ended by NULL. */
extern const struct model_type *const models[];
/** Their names in the same order, ended by NULL. */
extern const char *const model_words[];

/** Return the model at an index of the table. NULL: it does not support this --hold */
static inline const struct model_type *model_find(int index, enum hold hold)
{
    return hold == HOLD_MESSAGE ? models[index]->hold_message : models[index];
}

#endif /* SERVER_MODELS_TABLE_H */
