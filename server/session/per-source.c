/* SPDX-License-Identifier: MIT */
/*
 * Counting sessions by address: see per-source.h.
 *
 * DESIGN. A table with open addressing, of a power of two and at least twice as large as the number
 * of sessions, so that it is never more than half full, never grows, and allocates nothing when
 * somebody comes. A source that has no session is not in it: the entries behind it move up into its
 * place, so that no graves are left. Where an address lands depends on a number drawn at the start,
 * or strangers could choose addresses that all land on one place.
 */
#include "server/session/per-source.h"

#include "common/must.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
    struct source source;
    uint64_t sessions; /* 0: the place is free */
};

struct sources {
    /* set by sources_new(), then read-only */
    uint64_t limit;
    size_t mask; /* places - 1 */
    size_t most; /* entries */
    uint64_t seed;

    pthread_mutex_t lock;
    /* guarded by lock */
    size_t used;
    struct entry *places;
};

struct sources *sources_new(uint64_t limit, size_t most)
{
    struct sources *sources = calloc(1, sizeof *sources);
    size_t places = 16;

    if (sources == NULL)
        return NULL;
    while (places / 2 < most)
        places *= 2;
    sources->limit = limit;
    sources->mask = places - 1;
    sources->most = most;
    sources->places = calloc(places, sizeof(struct entry));
    if (sources->places == NULL) {
        free(sources);
        return NULL;
    }
    if (getrandom(&sources->seed, sizeof sources->seed, GRND_NONBLOCK) < 0)
        sources->seed = (uint64_t)(uintptr_t)sources; /* early in a boot: better than nothing */
    MUST(pthread_mutex_init(&sources->lock, NULL));
    return sources;
}

void sources_free(struct sources *sources)
{
    if (sources == NULL)
        return;
    pthread_mutex_destroy(&sources->lock);
    free(sources->places);
    free(sources);
}

struct source source_of(const struct address *address)
{
    struct source source = {0};

    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
        source.family = 4;
        memcpy(source.bytes, &in->sin_addr, 4);
    } else if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        source.family = mapped ? 4 : 6;
        memcpy(source.bytes, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
    }
    return source;
}

/* Where the search for a source begins. */
static size_t home_of(const struct sources *sources, const struct source *source)
{
    uint64_t hash;

    memcpy(&hash, source->bytes, sizeof hash); /* the rest is zero in both families */
    hash ^= sources->seed ^ source->family;
    for (int i = 0; i < 2; i++) { /* every bit of the address reaches every bit of the place */
        hash ^= hash >> 32;
        hash *= UINT64_C(0x9e3779b97f4a7c15);
    }
    return (size_t)(hash >> 20) & sources->mask;
}

/* The place of a source, or the free one where it would be. */
static size_t find_locked(const struct sources *sources, const struct source *source)
{
    size_t at = home_of(sources, source);

    while (sources->places[at].sessions > 0 &&
           memcmp(&sources->places[at].source, source, sizeof *source) != 0)
        at = (at + 1) & sources->mask;
    return at;
}

bool sources_enter(struct sources *sources, const struct source *source)
{
    struct entry *entry;
    bool enters;

    if (source->family == 0)
        return true;
    MUST(pthread_mutex_lock(&sources->lock));
    entry = &sources->places[find_locked(sources, source)];
    enters = entry->sessions > 0 ? entry->sessions < sources->limit : sources->used < sources->most;
    if (enters && entry->sessions++ == 0) {
        entry->source = *source;
        sources->used++;
    }
    MUST(pthread_mutex_unlock(&sources->lock));
    return enters;
}

/* Free a place, and let those behind it that would rather be here move up. */
static void clear_locked(struct sources *sources, size_t free_at)
{
    size_t mask = sources->mask;

    for (size_t at = (free_at + 1) & mask; sources->places[at].sessions > 0; at = (at + 1) & mask) {
        size_t home = home_of(sources, &sources->places[at].source);
        /* Only one whose home does not lie between the free place and its own. */
        if (((at - home) & mask) >= ((at - free_at) & mask)) {
            sources->places[free_at] = sources->places[at];
            free_at = at;
        }
    }
    sources->places[free_at].sessions = 0;
    sources->used--;
}

void sources_leave(struct sources *sources, const struct source *source)
{
    size_t at;

    if (source->family == 0)
        return;
    MUST(pthread_mutex_lock(&sources->lock));
    at = find_locked(sources, source);
    if (sources->places[at].sessions > 1)
        sources->places[at].sessions--;
    else if (sources->places[at].sessions == 1)
        clear_locked(sources, at);
    MUST(pthread_mutex_unlock(&sources->lock));
}
