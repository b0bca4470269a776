/* SPDX-License-Identifier: MIT */
/*
 * --model one-loop: all sessions by turns, in the accept loop. Not a model of the server: it shows
 * that a new model is one file and one line. See check_extra_model.c.
 */
#include "server/models/driven.h"
#include "server/models/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct one_loop {
    struct model base;
    struct driver *driver;
};

static void ended(void *context)
{
    (void)context;
}

static int dispatch(struct model *base, struct session *session, char why[static MODEL_WHY_MAX])
{
    struct driven *driven = driven_new(((struct one_loop *)base)->driver, session);

    if (driven == NULL) {
        snprintf(why, MODEL_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    driven_start(driven);
    return 0;
}

static bool has_room(struct model *base)
{
    (void)base;
    return true;
}

static void tend(struct model *base)
{
    (void)base;
}

static void destroy(struct model *base)
{
    struct one_loop *model = (struct one_loop *)base;

    driver_free(model->driver);
    free(model);
}

static int create(const struct model_settings *settings, struct model **result,
                  char why[static MODEL_WHY_MAX])
{
    struct one_loop *model = calloc(1, sizeof *model);

    if (model != NULL)
        model->driver = driver_new(settings->base, settings->shared, 0, ended, model);
    if (model == NULL || model->driver == NULL) {
        snprintf(why, MODEL_WHY_MAX, "out of memory");
        free(model);
        return -ENOMEM;
    }
    *result = &model->base;
    return 0;
}

const struct model_type model_one_loop = {
    .name = "one-loop",
    .unit = "loop",
    .title = "The only loop",
    .words = "it serves all sessions by turns",
    .holds_many = true,
    .create = create,
    .dispatch = dispatch,
    .has_room = has_room,
    .tend = tend,
    .destroy = destroy,
};
