/* SPDX-License-Identifier: MIT */
/* --model io-uring in a build without liburing: a sentence. */
#include "server/models/model.h"

#include <errno.h>
#include <stdio.h>

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    (void)settings;
    (void)result;
    snprintf(why, MODEL_WHY_MAX,
             "this echo-server was built without it; install liburing-dev and "
             "build again, or use --model event");
    return -ENOTSUP;
}

const struct model_type model_io_uring = {
    .name = "io-uring",
    .unit = "ring",
    .title = "Rings",
    .words = "none, in this build",
    .holds_many = true,
    .create = create,
};
