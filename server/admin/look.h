/* SPDX-License-Identifier: MIT */
/**
 * @file look.h
 * The one struct state of the admin port, looked at anew when it has grown old.
 *
 * Taking a state asks the kernel some questions and takes the accounting's lock, which sessions
 * need when they begin and end. However fast the admin port is asked, that happens no more than
 * once in LOOK_AGE_NS, and takes no more than a twentieth of the time where there are so many
 * sessions that it takes long.
 *
 * Threads: the loop's only.
 */
#ifndef SERVER_ADMIN_LOOK_H
#define SERVER_ADMIN_LOOK_H

#include "server/admin/state.h"

#include <stdint.h>

/** A state that is no older than this is shown again; and one that took long, for longer. */
#define LOOK_AGE_NS INT64_C(10000000)

struct admin_look {
    struct server *server;
    int64_t good_until_ns; /**< 0: none was taken yet */
    struct state state;
};

/** @return what is to be shown now; good until the next call */
const struct state *admin_look(struct admin_look *look);

#endif /* SERVER_ADMIN_LOOK_H */
