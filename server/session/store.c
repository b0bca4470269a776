/* SPDX-License-Identifier: MIT */
/*
 * Memory for sessions: see store.h.
 *
 * DESIGN. The mapping is cut into places of one session each. Free places form a list through their
 * first bytes. Places that were never used are taken in order, so that pages are touched only when
 * they are needed. The list belongs to the main process: worker processes neither take nor give.
 */
#include "server/session/store.h"

#include "common/must.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A free place. */
struct place {
    struct place *next;
};

struct store {
    /* set by store_new(), then read-only */
    unsigned char *places; /* NULL: not mapped */
    size_t most;
    size_t size; /* of a place */

    pthread_mutex_t lock;
    /* guarded by lock */
    size_t used;        /* places that were ever taken */
    struct place *free; /* of those, the ones that were given back */
};

struct store *store_new(bool mapped, size_t most, size_t size)
{
    struct store *store = calloc(1, sizeof *store);
    size_t bytes;

    if (store == NULL)
        return NULL;
    store->most = most;
    store->size = size;
    MUST(pthread_mutex_init(&store->lock, NULL));
    if (!mapped)
        return store;
    if (!__builtin_mul_overflow(most, size, &bytes)) {
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory != MAP_FAILED)
            store->places = memory;
    }
    if (store->places == NULL) {
        store_free(store);
        return NULL;
    }
    return store;
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    if (store->places != NULL)
        munmap(store->places, store->most * store->size);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

void *store_take(struct store *store)
{
    void *place;

    if (store->places == NULL)
        return calloc(1, store->size);
    MUST(pthread_mutex_lock(&store->lock));
    place = store->free;
    if (place != NULL)
        store->free = store->free->next;
    else if (store->used < store->most)
        place = store->places + store->used++ * store->size;
    MUST(pthread_mutex_unlock(&store->lock));
    return place == NULL ? NULL : memset(place, 0, store->size);
}

void store_give(struct store *store, void *session)
{
    struct place *place = session;

    if (store->places == NULL) {
        free(session);
        return;
    }
    MUST(pthread_mutex_lock(&store->lock));
    place->next = store->free;
    store->free = place;
    MUST(pthread_mutex_unlock(&store->lock));
}
