/* SPDX-License-Identifier: MIT */
/* Which executor the calling thread works for: see self-internal.h. */
#include "pool/self-internal.h"

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#    define HAS_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define HAS_ASAN 1
#    endif
#endif
#ifdef HAS_ASAN
#    include <sanitizer/asan_interface.h>
#endif

/** NULL in threads of the program. Only compared, never dereferenced. */
static _Thread_local const struct ep_executor *served;
static _Thread_local bool is_manager;
static _Thread_local bool runs_tasks;
static _Thread_local struct self_drop *drops;

void self_serve(const struct ep_executor *executor, bool as_manager)
{
    served = executor;
    is_manager = as_manager;
}

void self_drop_begin(struct self_drop *drop, const struct ep_executor *executor, const void *own)
{
    *drop = (struct self_drop){.executor = executor, .own = own, .outer = drops};
    drops = drop;
}

void self_drop_end(void)
{
    drops = drops->outer;
}

bool self_drops(void)
{
    return drops != NULL;
}

bool self_must_end(const void *own)
{
    const struct self_drop *drop = drops;

    while (drop != NULL && drop->own != own)
        drop = drop->outer;
    return drop != NULL;
}

bool self_works_for(const struct ep_executor *executor)
{
    return served != NULL && served == executor;
}

static bool self_drops_for(const struct ep_executor *executor)
{
    const struct self_drop *drop = drops;

    while (drop != NULL && drop->executor != executor)
        drop = drop->outer;
    return drop != NULL;
}

bool self_serves(const struct ep_executor *executor)
{
    return self_drops_for(executor) || self_works_for(executor);
}

void self_set_runs(bool runs)
{
    runs_tasks = runs;
}

bool self_runs(void)
{
    return runs_tasks;
}

bool self_may_run(const struct ep_executor *executor)
{
    return runs_tasks && self_works_for(executor) && !self_drops_for(executor);
}

bool self_manages(const struct ep_executor *executor)
{
    return is_manager && self_works_for(executor);
}

void self_unwound(void)
{
#ifdef HAS_ASAN
    /* First where the next call has its own variables: it may report the marks that it is called to remove. */
    enum { FRAMES = 4096 };
    const char *here = __builtin_frame_address(0);

    __asan_unpoison_memory_region(here - FRAMES, FRAMES);
    __asan_handle_no_return();
#endif
}
