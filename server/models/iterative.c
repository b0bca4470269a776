/* SPDX-License-Identifier: MIT */
/*
 * --model iterative: one session at a time, on the loop's own thread.
 *
 * The first design of every textbook: accept, serve to the end, accept the next. No thread is made,
 * nothing is shared, and all who come meanwhile wait in the kernel's backlog, however little the one
 * who is served has to say.
 *
 * In the textbook the process sleeps in recv() between two messages, deaf to everything else. Here
 * the session waits in the event loop like all other events (driven.c), so that signals and time
 * limits reach the server while a client is silent. They do not while it works: --delay and --burn
 * happen on this thread, and it is the only one.
 */
#include "server/models/model.h"

#include "server/models/driven.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct iterative_model {
    struct model base;
    struct shared *shared;
    struct driver *driver;
    bool busy; /* there is a session */
};

/* The session is over: the next one, please. */
static void ended(void *context)
{
    struct iterative_model *model = context;

    model->busy = false;
    shared_wake(model->shared);
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct iterative_model *model = (struct iterative_model *)base;
    struct driven *driven = NULL;

    if (model->busy) {
        snprintf(why, MODEL_WHY_MAX, "another client is being served, and it is one at a time");
        return -EAGAIN;
    }
    driven = driven_new(model->driver, session);
    if (driven == NULL)
        return -ENOMEM;
    model->busy = true;
    driven_start(driven);
    return 0;
}

static bool has_room(struct model *base)
{
    return !((struct iterative_model *)base)->busy;
}

/* Nothing is left behind by a session. */
static void tend(struct model *base)
{
    (void)base;
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
        snprintf(why, MODEL_WHY_MAX, "no memory");
        free(model);
        return -ENOMEM;
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
    .tend = tend,
    .destroy = destroy,
};
