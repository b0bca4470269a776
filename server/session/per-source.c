/* SPDX-License-Identifier: MIT */
/*
 * Counting sessions by address: see per-source.h.
 *
 * DESIGN. A hash table with open addressing. Its size is a power of two and at least twice the number of
 * sessions, so it is never more than half full, never grows, and allocates nothing for a new client. A
 * source without a session is removed: entries behind it move up into its place, so there are no
 * tombstones. The hash has a random seed, or attackers could choose addresses that all collide.
 */
#include "server/session/per-source.h"

#include "common/must.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
    struct per_source_key source;
    uint64_t sessions; /* 0: the place is free */
};

struct per_source {
    /* set by per_source_new(), then read-only */
    uint64_t limit;
    size_t mask; /* places - 1 */
    size_t most; /* entries */
    uint64_t seed;

    pthread_mutex_t lock;
    /* guarded by lock */
    size_t used;
    struct entry *places;
};

struct per_source *per_source_new(uint64_t limit, size_t most)
{
    struct per_source *table = calloc(1, sizeof *table);
    size_t places = 16;

    if (table == NULL)
        return NULL;
    while (places / 2 < most)
        places *= 2;
    table->limit = limit;
    table->mask = places - 1;
    table->most = most;
    table->places = calloc(places, sizeof(struct entry));
    if (table->places == NULL) {
        free(table);
        return NULL;
    }
    if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) < 0)
        table->seed = (uint64_t)(uintptr_t)table; /* early in a boot: better than nothing */
    MUST(pthread_mutex_init(&table->lock, NULL));
    return table;
}

void per_source_free(struct per_source *table)
{
    if (table == NULL)
        return;
    pthread_mutex_destroy(&table->lock);
    free(table->places);
    free(table);
}

struct per_source_key per_source_key(const struct address *address)
{
    struct per_source_key source = {0};

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
static size_t home_of(const struct per_source *table, const struct per_source_key *source)
{
    uint64_t hash;

    memcpy(&hash, source->bytes, sizeof hash); /* the rest is zero in both families */
    hash ^= table->seed ^ source->family;
    for (int i = 0; i < 2; i++) { /* every bit of the address reaches every bit of the place */
        hash ^= hash >> 32;
        hash *= UINT64_C(0x9e3779b97f4a7c15);
    }
    return (size_t)(hash >> 20) & table->mask;
}

/* The place of a source, or the free one where it would be. */
static size_t find_locked(const struct per_source *table, const struct per_source_key *source)
{
    size_t at = home_of(table, source);

    while (table->places[at].sessions > 0 &&
           memcmp(&table->places[at].source, source, sizeof *source) != 0)
        at = (at + 1) & table->mask;
    return at;
}

bool per_source_enter(struct per_source *table, const struct per_source_key *source)
{
    struct entry *entry;
    bool enters;

    if (source->family == 0)
        return true;
    MUST(pthread_mutex_lock(&table->lock));
    entry = &table->places[find_locked(table, source)];
    enters = entry->sessions > 0 ? entry->sessions < table->limit : table->used < table->most;
    if (enters && entry->sessions++ == 0) {
        entry->source = *source;
        table->used++;
    }
    MUST(pthread_mutex_unlock(&table->lock));
    return enters;
}

/* Free a place, and move up entries behind it that belong before their place. */
static void clear_locked(struct per_source *table, size_t free_at)
{
    size_t mask = table->mask;

    for (size_t at = (free_at + 1) & mask; table->places[at].sessions > 0; at = (at + 1) & mask) {
        size_t home = home_of(table, &table->places[at].source);
        /* Only one whose home does not lie between the free place and its own. */
        if (((at - home) & mask) >= ((at - free_at) & mask)) {
            table->places[free_at] = table->places[at];
            free_at = at;
        }
    }
    table->places[free_at].sessions = 0;
    table->used--;
}

void per_source_leave(struct per_source *table, const struct per_source_key *source)
{
    size_t at;

    if (source->family == 0)
        return;
    MUST(pthread_mutex_lock(&table->lock));
    at = find_locked(table, source);
    if (table->places[at].sessions > 1)
        table->places[at].sessions--;
    else if (table->places[at].sessions == 1)
        clear_locked(table, at);
    MUST(pthread_mutex_unlock(&table->lock));
}
