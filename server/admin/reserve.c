/* SPDX-License-Identifier: MIT */
/* Memory for libevent when there is none: see reserve.h. Pieces of one size, so that none is ever too small. */
#include "server/admin/reserve.h"

#include "server/admin/places.h"

#include <event2/event.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE_BYTES = 1024,                 /* the largest struct has 600 */
    PIECES = 24 * ADMIN_CONNECTIONS_MAX /* a connection has a dozen, and a header three */
};

static struct {
    alignas(max_align_t) char bytes[PIECES][PIECE_BYTES]; /* takes no memory until it is used */
    atomic_bool taken[PIECES];
} reserve;

/* Set on the thread of the loop: the others have no connections of the admin port. */
static _Thread_local bool may_take;

/* Find the piece at an address. @return PIECES: it is not of the reserve */
static size_t piece_at(const void *memory)
{
    uintptr_t offset = (uintptr_t)memory - (uintptr_t)reserve.bytes;

    return offset < sizeof reserve.bytes ? offset / PIECE_BYTES : PIECES;
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);

    for (size_t i = 0; memory == NULL && may_take && size <= PIECE_BYTES && i < PIECES; i++)
        if (!atomic_exchange(&reserve.taken[i], true))
            memory = reserve.bytes[i];
    return memory;
}

static void release(void *memory)
{
    size_t piece = piece_at(memory);

    if (piece < PIECES)
        atomic_store(&reserve.taken[piece], false);
    else
        free(memory);
}

static void *change(void *memory, size_t size)
{
    void *changed;

    if (piece_at(memory) == PIECES)
        return realloc(memory, size);
    changed = size <= PIECE_BYTES ? memory : malloc(size);
    if (changed != NULL && changed != memory) {
        memcpy(changed, memory, PIECE_BYTES);
        release(memory);
    }
    return changed;
}

void reserve_install(void)
{
    may_take = true;
    event_set_mem_functions(allocate, change, release);
}
