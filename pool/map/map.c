/* SPDX-License-Identifier: MIT */
/*
 * Maps: one function, many inputs.
 *
 * DESIGN
 *
 *     source -> inputs of a chunk -> submit -> [ chunk, chunk, chunk, ... ] -> current -> caller
 *
 * A map has no thread of its own. The thread that maps fetches inputs and submits chunks, as many
 * as `ahead` allows: first in ep_map(), and then after each result it takes. The chunks under way
 * are a list in the order of their inputs. An ordered map waits for the first of them; an unordered
 * one expects all of them (arrivals-internal.h) and takes the first to arrive.
 *
 * A caller who will not wait for ever (ep_imap_next()) does not wait for room while it could have a
 * result. The inputs of a chunk that found no room stay gathered, and the next call tries again; only
 * when nothing is under way does it wait for room, as long as it would wait for the result.
 *
 * An error of the source, or of a submission after ep_map(), is kept in `ending` and returned after
 * the results of all inputs before it.
 */
#include "pool/map/map-internal.h"

#include "pool/arrivals-internal.h"
#include "pool/clock-internal.h"
#include "pool/executor-internal.h"
#include "pool/map/chunk-internal.h"
#include "pool/map/rows-internal.h"
#include "pool/self-internal.h"
#include "pool/version-internal.h"

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

/** Used by the thread that maps alone, except as arrivals-internal.h says. */
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
    struct rows *rows; /**< the context, if the map owns it; else NULL */

    /* towards the workers */
    struct chunk_inputs inputs;
    bool exhausted;   /**< no more inputs are fetched */
    int ending;       /**< the error to return after the last result; else 0 */
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

/** Free a chunk that is neither expected nor listed. NULL is allowed. */
static void chunk_free(struct map_chunk *chunk)
{
    if (chunk == NULL)
        return;
    ep_future_unref(chunk->future);
    free(chunk);
}

/** End the map: cancel what has not begun. The current chunk stays. */
static void map_end(struct ep_map *map)
{
    struct map_chunk *chunk;

    map->exhausted = true;
    map->ending = 0;
    chunk_inputs_clear(&map->inputs);
    for (chunk = map->first; chunk != NULL; chunk = chunk->next)
        ep_future_cancel(chunk->future);
    /* Withdraw all before freeing the first: arrivals are linked to one another. */
    for (chunk = map->unordered ? map->first : NULL; chunk != NULL; chunk = chunk->next)
        arrival_withdraw(&chunk->arrival);
    while ((chunk = map->first) != NULL) {
        map_unlink(map, chunk);
        chunk_free(chunk);
    }
}

/* --- towards the workers ------------------------------------------------------------------- */

/** Fetch the inputs of one chunk, or the remaining ones. @return 0 or -ENOMEM */
static int map_gather(struct ep_map *map)
{
    while (!map->exhausted && map->inputs.count < map->chunk) {
        struct ep_bytes input = {0};
        int rc = map->source(map->context, &input);

        if (rc > 0 && (rc != 1 || (input.data == NULL && input.size > 0)))
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

/** Submit the gathered inputs, before the deadline. @return as ep_submit_with() */
static int map_submit(struct ep_map *map, int64_t deadline_ns)
{
    struct map_chunk *chunk = calloc(1, sizeof *chunk);
    int rc;

    if (chunk == NULL)
        return -ENOMEM;
    chunk->count = map->inputs.count;
    rc = chunk_submit(map->executor, map->fn, &map->inputs, deadline_ns, &chunk->future);
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

/** Ask whether there are inputs that have not been submitted. */
static bool has_inputs(const struct ep_map *map)
{
    return !map->exhausted || map->inputs.count > 0;
}

/** As the patience of map_advance(): do not wait. A time of the clock that is over. */
#define NO_PATIENCE 1

/** Ask whether a submission would wait for room. */
static bool has_to_wait(const struct ep_map *map)
{
    return map->executor->options.when_full == EP_BLOCK &&
           queue_refusal(&map->executor->queue) == 0 && queue_room(&map->executor->queue) == 0;
}

/**
 * Submit as many inputs as `ahead` allows. The rest waits if there is no room until `patience_ns`.
 * @return 0, or the error that ended it
 */
static int map_advance(struct ep_map *map, int64_t patience_ns)
{
    bool may_be_late = patience_ns < map->deadline_ns;

    while (has_inputs(map) && (map->ahead == 0 || map->under_way + map->chunk <= map->ahead)) {
        int rc;

        if (patience_ns == NO_PATIENCE && has_to_wait(map))
            return 0;
        rc = map_gather(map);
        if (rc == 0 && map->inputs.count > 0)
            rc = map_submit(map, may_be_late ? patience_ns : map->deadline_ns);
        if (rc == -ETIMEDOUT && may_be_late)
            return 0;
        if (rc != 0) {
            chunk_inputs_clear(&map->inputs);
            map->exhausted = true;
            map->ending = rc;
            return rc;
        }
    }
    return 0;
}

/* --- towards the caller -------------------------------------------------------------------- */

/** Convert a deadline to a timeout. */
static int64_t time_until(int64_t deadline_ns)
{
    return deadline_ns == NO_DEADLINE ? EP_FOREVER : deadline_ns - ep_now_ns();
}

/** Ask whether no chunk under way can arrive without the calling thread. */
static bool all_need_caller(const struct ep_map *map)
{
    const struct map_chunk *chunk = map->first;

    if (!self_serves(map->executor))
        return false;
    while (chunk != NULL && arrival_needs_caller(&chunk->arrival))
        chunk = chunk->next;
    return chunk == NULL;
}

/**
 * Do the caller's part for one of the chunks, none of which could arrive without it.
 * @return -EDEADLK: it has none. 0: look again; one may have begun elsewhere meanwhile
 */
static int join_one(const struct ep_map *map)
{
    for (const struct map_chunk *chunk = map->first; chunk != NULL; chunk = chunk->next)
        if (!arrival_needs_caller(&chunk->arrival) || arrival_join_in(&chunk->arrival) == 0)
            return 0;
    return -EDEADLK;
}

/** Find a chunk that is done and has not arrived. @return NULL: there is none */
static struct map_chunk *find_done(struct ep_map *map)
{
    for (struct map_chunk *chunk = map->first; chunk != NULL; chunk = chunk->next)
        if (ep_future_done(chunk->future))
            return (struct map_chunk *)arrivals_take_done(&map->arrivals, &chunk->arrival);
    return NULL;
}

/** Wait for the chunk whose results come next. @return 0, -ETIMEDOUT, -EDEADLK */
static int map_await(struct ep_map *map, int64_t deadline_ns, struct map_chunk **chunk)
{
    struct ep_error error;
    int rc;

    if (map->unordered) {
        if (!future_pool_is_here(map->first->future->pool)) {
            *chunk = find_done(map);
            return *chunk != NULL ? 0 : EP_EFORKED;
        }
        *chunk = (struct map_chunk *)arrivals_take(&map->arrivals, 0);
        rc = 0;
        while (*chunk == NULL && rc == 0 && time_until(deadline_ns) > 0 && all_need_caller(map) &&
               (rc = join_one(map)) == 0)
            *chunk = (struct map_chunk *)arrivals_take(&map->arrivals, 0);
        if (*chunk == NULL && rc == 0)
            *chunk = (struct map_chunk *)arrivals_take(&map->arrivals, deadline_ns);
        if (*chunk == NULL)
            *chunk = find_done(map);
        if (*chunk != NULL)
            return 0;
        return rc == 0 || time_until(deadline_ns) <= 0 ? -ETIMEDOUT : rc;
    }
    *chunk = map->first;
    /* Its error and not its result, because the return value then says only how the wait ended. */
    rc = ep_future_error(map->first->future, time_until(deadline_ns), &error);
    return rc == EP_ECANCELLED ? 0 : rc;
}

/** Get a current chunk with results left. @return 0, or the value for ep_map_next() to return */
static int map_have_current(struct ep_map *map, int64_t patience_ns)
{
    int64_t deadline_ns = map->deadline_ns < patience_ns ? map->deadline_ns : patience_ns;
    struct map_chunk *chunk;
    int rc;

    if (map->current != NULL && map->results.taken < map->results.count)
        return 0;
    chunk_free(map->current);
    map->current = NULL;
    /* What was left behind for want of room: wait for room only if no result can come. */
    map_advance(map, map->first != NULL ? NO_PATIENCE : patience_ns);
    if (map->first == NULL && has_inputs(map))
        return -ETIMEDOUT;
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
        map->results.taken = map->results.count; /* kept only for the message of this failure */
    } else {
        /* An error of that is returned in its turn. */
        map_advance(map, patience_ns == NO_DEADLINE ? NO_DEADLINE : NO_PATIENCE);
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
    shares = 4 * (size_t)(stats.workers > 0 ? stats.workers : 1); /* 0: it is broken, or over */
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
    if (executor == NULL || fn == NULL || source == NULL || map == NULL ||
        !NOTHING_RESERVED(options))
        return -EINVAL;
    if (!executor_is_here(executor))
        return EP_EFORKED;
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
    made->error.message = "";
    arrivals_init(&made->arrivals, NULL);

    rc = map_advance(made, NO_DEADLINE);
    if (rc != 0 && rc != -ETIMEDOUT) { /* ep_map_next() returns -ETIMEDOUT */
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
