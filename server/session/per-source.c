/* SPDX-License-Identifier: MIT */
/*
 * Counting sessions by address: see per-source.h.
 *
 * DESIGN. A hash table with open addressing. Its size is a power of two and at least twice the number of
 * sessions, so it is never more than half full, never grows, and allocates nothing for a new client. A
 * source without a session is removed: entries behind it move up into its place, so there are no
 * tombstones. The hash has a random seed, or attackers could choose addresses that all collide.
 *
 * With --proxy-protocol worker processes enter sessions, and may be killed at any point. The mutex is robust:
 * the next that takes it gets to know, and takes back what was half done, by a note that is written before
 * the first change and cleared after the last. Only the main process removes entries, and it is not survived.
 */
#include "server/session/per-source.h"

#include "common/must.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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
    size_t bytes; /* of the mapping */
    char refusal[64];

    pthread_mutex_t lock;
    /* guarded by lock */
    size_t used;
    struct {
        struct per_source_key *counted; /* the session that is being entered; NULL: none is */
        size_t at;
        uint64_t sessions; /* before */
        size_t used;       /* before */
    } entering;
    struct entry places[];
};

/* Make a mutex for several processes, of which any may be killed while it holds it. */
static void init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    MUST(pthread_mutexattr_init(&attributes));
    MUST(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
    MUST(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
    MUST(pthread_mutex_init(lock, &attributes));
    pthread_mutexattr_destroy(&attributes);
}

struct per_source *per_source_new(uint64_t limit, size_t most)
{
    struct per_source *table;
    size_t places = 16;
    size_t bytes;

    while (places / 2 < most)
        places *= 2;
    bytes = sizeof *table + places * sizeof(struct entry);
    table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
    if (table == MAP_FAILED)
        return NULL;
    table->bytes = bytes;
    table->limit = limit;
    table->mask = places - 1;
    table->most = most;
    snprintf(table->refusal, sizeof table->refusal, "your address has %" PRIu64 " sessions already",
             limit);
    if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) < 0)
        table->seed = (uint64_t)(uintptr_t)table; /* early in a boot: better than nothing */
    init_lock(&table->lock);
    return table;
}

void per_source_free(struct per_source *table)
{
    if (table == NULL)
        return;
    pthread_mutex_destroy(&table->lock);
    munmap(table, table->bytes);
}

const char *per_source_refusal(const struct per_source *table)
{
    return table->refusal;
}

/* Take back what a process that was killed has begun. */
static void undo_locked(struct per_source *table)
{
    struct per_source_key *counted = table->entering.counted;

    if (counted == NULL)
        return;
    table->places[table->entering.at].sessions = table->entering.sessions;
    table->used = table->entering.used;
    *counted = (struct per_source_key){0};
    table->entering.counted = NULL;
}

static void lock(struct per_source *table)
{
    int rc = pthread_mutex_lock(&table->lock);

    if (rc == EOWNERDEAD) {
        undo_locked(table);
        rc = pthread_mutex_consistent(&table->lock);
    }
    MUST(rc);
}

static void unlock(struct per_source *table)
{
    MUST(pthread_mutex_unlock(&table->lock));
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

/* Count a session in a place. The compiler must not move a change in front of the note, or behind its end. */
static void enter_locked(struct per_source *table, size_t at, const struct per_source_key *source,
                         struct per_source_key *counted)
{
    struct entry *entry = &table->places[at];

    table->entering.at = at;
    table->entering.sessions = entry->sessions;
    table->entering.used = table->used;
    atomic_signal_fence(memory_order_seq_cst);
    table->entering.counted = counted;
    atomic_signal_fence(memory_order_seq_cst);
    entry->source = *source;
    if (entry->sessions++ == 0)
        table->used++;
    atomic_signal_fence(memory_order_seq_cst);
    *counted = *source;
    atomic_signal_fence(memory_order_seq_cst);
    table->entering.counted = NULL;
}

bool per_source_enter(struct per_source *table, const struct per_source_key *source,
                      struct per_source_key *counted)
{
    uint64_t sessions;
    bool enters;
    size_t at;

    if (source->family == 0)
        return true;
    lock(table);
    at = find_locked(table, source);
    sessions = table->places[at].sessions;
    enters = sessions > 0 ? sessions < table->limit : table->used < table->most;
    if (enters)
        enter_locked(table, at, source, counted);
    unlock(table);
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

void per_source_leave(struct per_source *table, const struct per_source_key *counted)
{
    size_t at;

    lock(table); /* and take back what the process of this very session has begun */
    if (counted->family != 0) {
        at = find_locked(table, counted);
        if (table->places[at].sessions > 1)
            table->places[at].sessions--;
        else if (table->places[at].sessions == 1)
            clear_locked(table, at);
    }
    unlock(table);
}
