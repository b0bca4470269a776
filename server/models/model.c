/* SPDX-License-Identifier: MIT */
/* The list of concurrency designs that this server has. */
#include "server/models/model.h"

const struct model_type *const models[] = {&model_thread, &model_fork, &model_thread_pool,
                                           &model_process_pool, NULL};
const char *const model_words[] = {"thread", "fork", "thread-pool", "process-pool", NULL};
const char *const on_full_words[] = {"pause", "reject", "drop-oldest", "caller-runs", NULL};
const char *const hold_words[] = {"session", "message", NULL};
