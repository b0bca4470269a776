/* SPDX-License-Identifier: MIT */
/*
 * Memory for sessions: see store.h.
 *
 * DESIGN. The shared mapping is cut into places of one session each. Free places form a list through
 * their first bytes; those never used yet are taken in order, so that pages are touched only when they
 * are needed. The list is this process's own business: worker processes neither take nor give.
 */
#include "server/session/store.h"

#include "common/must.h"
#include "server/session/session.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A place: a session, or, while it is free, a link. */
union place {
    struct session session;
    union place *next;
};

struct session_store {
    union place *places; /* NULL: not shared */
    size_t most;

    pthread_mutex_t lock;
    /* guarded by lock */
    size_t used;       /* places that were ever taken */
    union place *free; /* of those, the ones that were given back */
};

struct session_store *session_store_new(bool shared, size_t most)
{
    struct session_store *store = calloc(1, sizeof *store);
    size_t bytes;

    if (store == NULL)
        return NULL;
    store->most = most;
    MUST(pthread_mutex_init(&store->lock, NULL));
    if (!shared)
        return store;
    if (!__builtin_mul_overflow(most, sizeof(union place), &bytes)) {
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory != MAP_FAILED)
            store->places = memory;
    }
    if (store->places == NULL) {
        session_store_free(store);
        return NULL;
    }
    return store;
}

void session_store_free(struct session_store *store)
{
    if (store == NULL)
        return;
    if (store->places != NULL)
        munmap(store->places, store->most * sizeof(union place));
    pthread_mutex_destroy(&store->lock);
    free(store);
}

struct session *session_store_take(struct session_store *store)
{
    union place *place;

    if (store->places == NULL)
        return calloc(1, sizeof(struct session));
    MUST(pthread_mutex_lock(&store->lock));
    place = store->free;
    if (place != NULL)
        store->free = place->next;
    else if (store->used < store->most)
        place = &store->places[store->used++];
    MUST(pthread_mutex_unlock(&store->lock));
    if (place == NULL)
        return NULL;
    memset(place, 0, sizeof *place);
    return &place->session;
}

void session_store_give(struct session_store *store, struct session *session)
{
    union place *place = (union place *)session;

    if (store->places == NULL) {
        free(session);
        return;
    }
    MUST(pthread_mutex_lock(&store->lock));
    place->next = store->free;
    store->free = place;
    MUST(pthread_mutex_unlock(&store->lock));
}
