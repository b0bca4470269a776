/* SPDX-License-Identifier: MIT */
/* The state that the admin port shows: see look.h. */
#include "server/admin/look.h"

#include "common/clock.h"

/* One part in so many of the time may go into looking. */
#define LOOK_SHARE 20

const struct state *admin_look(struct admin_look *look)
{
    int64_t before_ns = clock_now_ns();
    int64_t took_ns;

    if (before_ns < look->good_until_ns)
        return &look->state;
    state_take(look->server, &look->state);
    took_ns = clock_now_ns() - before_ns;
    look->good_until_ns =
        before_ns + (took_ns * LOOK_SHARE > LOOK_AGE_NS ? took_ns * LOOK_SHARE : LOOK_AGE_NS);
    return &look->state;
}
