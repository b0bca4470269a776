/* SPDX-License-Identifier: MIT */
/*
 * Maps: one function, many inputs.
 *
 * DESIGN
 *
 *     source -> inputs of a chunk -> submit -> [ chunk, chunk, chunk, ... ] -> current -> caller
 *
 * No thread of its own: the thread that maps fetches inputs and submits chunks, at the call as many
 * as `ahead` allows, and then after each result it takes. What is under way is a list of chunks in
 * the order of their inputs. An ordered map waits for the first of them; an unordered one expects
 * all of them (arrivals-internal.h) and takes whichever comes.
 *
 * An error of the source, or of a submission later than the call, waits its turn: it is kept in
 * `ending` and handed out after the results of everything before it.
 */
#include "pool/map/map-internal.h"

#include "pool/arrivals-internal.h"
#include "pool/clock-internal.h"
#include "pool/executor-internal.h"
#include "pool/map/chunk-internal.h"
#include "pool/map/rows-internal.h"
#include "pool/self-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Inputs that travel together. */
struct map_chunk {
    struct arrival arrival; /* first, so that the two addresses are one; used by unordered maps */
    struct ep_future *future;
    size_t count;
    struct map_chunk *next, *previous;
};

/** Everything belongs to the thread that maps, but for what arrivals-internal.h says. */
struct ep_map {
    /* set by ep_map(), then read-only */
    struct ep_executor *executor;
    ep_task_fn fn;
    ep_source_fn source;
    void *context;
    size_t chunk;
    size_t ahead;
    bool unordered;
    bool stop_on_failure;
    int64_t deadline_ns;
    struct rows *rows; /**< the context, where the map owns it; else NULL */

    /* towards the workers */
    struct chunk_inputs inputs;
    bool exhausted;   /**< nothing more is fetched */
    int ending;       /**< why, where that is to be told after the last result; else 0 */
    size_t under_way; /**< inputs submitted whose results have not been taken */
    struct map_chunk *first, *last;
    struct arrivals arrivals;

    /* towards the caller */
    struct map_chunk *current; /**< taken off the list, or NULL */
    struct chunk_results results;
    struct ep_error error;
};

/* --- chunks under way ---------------------------------------------------------------------- */

static void map_link(struct ep_map *map, struct map_chunk *chunk)
{
    chunk->next = NULL;
    chunk->previous = map->last;
    *(map->last ? &map->last->next : &map->first) = chunk;
    map->last = chunk;
}

static void map_unlink(struct ep_map *map, struct map_chunk *chunk)
{
    *(chunk->previous ? &chunk->previous->next : &map->first) = chunk->next;
    *(chunk->next ? &chunk->next->previous : &map->last) = chunk->previous;
}

/** It is not expected and not listed any more. */
static void chunk_free(struct map_chunk *chunk)
{
    if (chunk == NULL)
        return;
    ep_future_unref(chunk->future);
    free(chunk);
}

/** Nothing more will come of this map: cancel what has not begun. The current chunk stays. */
static void map_end(struct ep_map *map)
{
    struct map_chunk *chunk;

    map->exhausted = true;
    map->ending = 0;
    for (chunk = map->first; chunk != NULL; chunk = chunk->next)
        ep_future_cancel(chunk->future);
    /* All are withdrawn before the first goes: those that arrive are linked to one another. */
    for (chunk = map->unordered ? map->first : NULL; chunk != NULL; chunk = chunk->next)
        arrival_withdraw(&chunk->arrival);
    while ((chunk = map->first) != NULL) {
        map_unlink(map, chunk);
        chunk_free(chunk);
    }
}

/* --- towards the workers ------------------------------------------------------------------- */

/** Fetch the inputs of one chunk, or those that are left. @return 0 or -ENOMEM */
static int map_gather(struct ep_map *map)
{
    while (!map->exhausted && map->inputs.count < map->chunk) {
        struct ep_bytes input = {0};
        int rc = map->source(map->context, &input);

        if (rc > 0 && input.data == NULL && input.size > 0)
            rc = -EINVAL;
        if (rc <= 0) {
            map->exhausted = true;
            map->ending = rc;
        } else if ((rc = chunk_inputs_add(&map->inputs, map->fn, &input)) != 0) {
            return rc;
        }
    }
    return 0;
}

/** Submit what was gathered. @return as ep_submit_with() */
static int map_submit(struct ep_map *map)
{
    struct map_chunk *chunk = calloc(1, sizeof *chunk);
    int rc;

    if (chunk == NULL)
        return -ENOMEM;
    chunk->count = map->inputs.count;
    rc = chunk_submit(map->executor, map->fn, &map->inputs, map->deadline_ns, &chunk->future);
    if (rc != 0) {
        free(chunk);
        return rc;
    }
    map->under_way += chunk->count;
    map_link(map, chunk);
    if (map->unordered)
        arrivals_expect(&map->arrivals, &chunk->arrival, chunk->future);
    return 0;
}

/** Submit as much as there is and `ahead` allows. @return 0, or why it went no further */
static int map_advance(struct ep_map *map)
{
    while (!map->exhausted && (map->ahead == 0 || map->under_way + map->chunk <= map->ahead)) {
        int rc = map_gather(map);

        if (rc == 0 && map->inputs.count > 0)
            rc = map_submit(map);
        if (rc != 0) {
            map->exhausted = true;
            map->ending = rc;
            return rc;
        }
    }
    return 0;
}

/* --- towards the caller -------------------------------------------------------------------- */

/** How long from now until then, as a timeout. */
static int64_t time_until(int64_t deadline_ns)
{
    return deadline_ns == NO_DEADLINE ? EP_FOREVER : deadline_ns - ep_now_ns();
}

/** Whether nothing of what is under way can arrive without the caller. */
static bool all_need_caller(const struct ep_map *map)
{
    const struct map_chunk *chunk = map->first;

    if (!self_serves(map->executor))
        return false;
    while (chunk != NULL && arrival_needs_caller(&chunk->arrival))
        chunk = chunk->next;
    return chunk == NULL;
}

/** Wait for the chunk whose results come next. @return 0, -ETIMEDOUT, -EDEADLK */
static int map_await(struct ep_map *map, int64_t deadline_ns, struct map_chunk **chunk)
{
    struct ep_error error;
    int rc;

    if (map->unordered) {
        *chunk = (struct map_chunk *)arrivals_take(&map->arrivals, 0);
        if (*chunk != NULL)
            return 0;
        if (!executor_is_here(map->executor))
            return EP_EFORKED;
        if (all_need_caller(map) && time_until(deadline_ns) > 0)
            return -EDEADLK;
        *chunk = (struct map_chunk *)arrivals_take(&map->arrivals, deadline_ns);
        return *chunk != NULL ? 0 : -ETIMEDOUT;
    }
    *chunk = map->first;
    /* Its error and not its result, because that tells how the waiting went and nothing else. */
    rc = ep_future_error(map->first->future, time_until(deadline_ns), &error);
    return rc == EP_ECANCELLED ? 0 : rc;
}

/** Have a current chunk with results left. @return 0, or what ep_map_next() returns instead */
static int map_have_current(struct ep_map *map, int64_t patience_ns)
{
    int64_t deadline_ns = map->deadline_ns < patience_ns ? map->deadline_ns : patience_ns;
    struct map_chunk *chunk;
    int rc;

    if (map->current != NULL && map->results.taken < map->results.count)
        return 0;
    chunk_free(map->current);
    map->current = NULL;
    if (map->first == NULL) {
        rc = map->ending != 0 ? map->ending : EP_END;
        map_end(map);
        return rc;
    }
    rc = map_await(map, deadline_ns, &chunk);
    if (rc != 0) {
        if (rc == -ETIMEDOUT && deadline_ns == map->deadline_ns)
            map_end(map);
        return rc;
    }
    map_unlink(map, chunk);
    map->current = chunk;
    map->results = (struct chunk_results){.future = chunk->future, .count = chunk->count};
    return 0;
}

int map_next_until(struct ep_map *map, int64_t patience_ns, struct ep_bytes *reply)
{
    int rc;

    map->error = (struct ep_error){.message = ""};
    rc = map_have_current(map, patience_ns);
    if (rc != 0)
        return rc;
    rc = chunk_results_next(&map->results, reply, &map->error);
    map->under_way--;
    if (rc != 0 && map->stop_on_failure) {
        map_end(map);
        map->results.taken = map->results.count; /* kept for the words of this failure alone */
    } else {
        map_advance(map); /* a failure of that is told in its turn */
    }
    return rc;
}

int ep_map_next(struct ep_map *map, struct ep_bytes *reply)
{
    return map_next_until(map, NO_DEADLINE, reply);
}

void ep_map_error(const struct ep_map *map, struct ep_error *error)
{
    *error = map->error;
}

/* --- life ---------------------------------------------------------------------------------- */

size_t map_chunk_size(struct ep_executor *executor, size_t chunk, size_t count)
{
    struct ep_stats stats;
    size_t shares;

    if (chunk != EP_CHUNK_AUTO || count == 0)
        return chunk == 0 || chunk == EP_CHUNK_AUTO ? 1 : chunk;
    ep_executor_stats(executor, &stats);
    shares = 4 * (size_t)(stats.workers > 0 ? stats.workers : 1); /* none: it is broken, or over */
    return count / shares + (count % shares != 0);
}

int ep_map(struct ep_executor *executor, ep_task_fn fn, ep_source_fn source, void *context,
           const struct ep_map_options *options, struct ep_map **map)
{
    static const struct ep_map_options usual = {0};
    struct ep_map *made;
    int rc;

    if (options == NULL)
        options = &usual;
    if (executor == NULL || fn == NULL || source == NULL || map == NULL)
        return -EINVAL;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    made->executor = executor;
    made->fn = fn;
    made->source = source;
    made->context = context;
    made->ahead = options->ahead;
    made->chunk = map_chunk_size(executor, options->chunk, options->count);
    if (made->ahead > 0 && made->chunk > made->ahead)
        made->chunk = made->ahead;
    made->unordered = options->unordered;
    made->stop_on_failure = options->stop_on_failure;
    made->deadline_ns =
        options->timeout_ns == 0 ? NO_DEADLINE : deadline_after(options->timeout_ns);
    arrivals_init(&made->arrivals, NULL);

    rc = map_advance(made);
    if (rc != 0 && rc != -ETIMEDOUT) { /* its time being over is told by ep_map_next() */
        ep_map_free(made);
        return rc;
    }
    *map = made;
    return 0;
}

void ep_map_free(struct ep_map *map)
{
    if (map == NULL)
        return;
    map_end(map);
    chunk_free(map->current);
    chunk_inputs_clear(&map->inputs);
    rows_free(map->rows);
    free(map);
}

/* --- columns ------------------------------------------------------------------------------- */

int ep_map_columns(struct ep_executor *executor, ep_task_fn fn, const struct ep_column *columns,
                   size_t column_count, size_t count, const struct ep_map_options *options,
                   struct ep_map **map)
{
    struct ep_map_options with_count = {0};
    struct rows *rows;
    int rc = rows_new(columns, column_count, count, &rows);

    if (rc != 0)
        return rc;
    if (options != NULL)
        with_count = *options;
    with_count.count = count;
    rc = ep_map(executor, fn, rows_next, rows, &with_count, map);
    if (rc == 0)
        (*map)->rows = rows;
    else
        rows_free(rows);
    return rc;
}
