/* SPDX-License-Identifier: MIT */
/* Which executor the calling thread works for: see self-internal.h. */
#include "pool/self-internal.h"

#include <stddef.h>

/** NULL in threads of the program. Only compared, never dereferenced. */
static _Thread_local const struct ep_executor *served;
static _Thread_local bool is_manager;

void self_serve(const struct ep_executor *executor, bool as_manager)
{
    served = executor;
    is_manager = as_manager;
}

bool self_serves(const struct ep_executor *executor)
{
    return served != NULL && served == executor;
}

bool self_manages(const struct ep_executor *executor)
{
    return is_manager && self_serves(executor);
}
