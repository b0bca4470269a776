/* SPDX-License-Identifier: MIT */
/*
 * --model iterative: one session at a time, in the accept loop.
 *
 * The first design of every textbook: accept, serve to the end, accept the next. No thread is made and
 * nothing is shared. All other clients wait in the kernel's backlog, even while the client that is
 * served sends nothing.
 *
 * In the textbook the process blocks in recv() between two messages. Here the session waits in the
 * event loop like all other events (driven.c), so signals and time limits work while a client is
 * silent. They do not work during --delay and --burn, since this is the only thread.
 */
#include "server/models/driven.h"
#include "server/models/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct iterative_model {
    struct model base;
    struct shared *shared;
    struct driver *driver;
    bool busy; /* it has a session */
};

/* Accept the next one. */
static void ended(void *context)
{
    struct iterative_model *model = context;

    model->busy = false;
    shared_wake(model->shared);
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct iterative_model *model = (struct iterative_model *)base;
    struct driven *driven;

    if (model->busy) {
        snprintf(why, MODEL_WHY_MAX, "another client is being served, one at a time");
        return -EAGAIN;
    }
    driven = driven_new(model->driver, session);
    if (driven == NULL)
        return model_no_memory(why);
    model->busy = true;
    driven_start(driven);
    return 0;
}

static bool has_room(struct model *base)
{
    return !((struct iterative_model *)base)->busy;
}

static void destroy(struct model *base)
{
    struct iterative_model *model = (struct iterative_model *)base;

    driver_free(model->driver);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct iterative_model *model = calloc(1, sizeof *model);

    if (model != NULL)
        model->driver = driver_new(settings->base, settings->shared, 0, ended, model);
    if (model == NULL || model->driver == NULL) {
        free(model);
        return model_no_memory(why);
    }
    model->shared = settings->shared;
    *result = &model->base;
    return 0;
}

const struct model_type model_iterative = {
    .name = "iterative",
    .unit = "accept loop",
    .title = "The accept loop",
    .words = "in the accept loop itself",
    .capped = true,
    .single = true,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .destroy = destroy,
};
