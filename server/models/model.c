/* SPDX-License-Identifier: MIT */
/* The list of concurrency designs that this server has. */
#include "server/models/model.h"

const struct model_type *const models[] = {&model_thread, &model_thread_pool, NULL};
const char *const model_words[] = {"thread", "thread-pool", NULL};
const char *const on_full_words[] = {"pause", "reject", "drop-oldest", "caller-runs", NULL};
const char *const hold_words[] = {"session", "message", NULL};
