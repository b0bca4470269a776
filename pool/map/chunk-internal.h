/* SPDX-License-Identifier: MIT */
/**
 * @file chunk-internal.h
 * Several calls of one function as one task.
 *
 * Inputs are packed into a run of bytes that travels as the input of an ordinary task; that task
 * calls the function for each of them and packs the replies and failures into its own reply. So a
 * chunk goes wherever a task goes, to a thread or to a worker process.
 */
#ifndef POOL_MAP_CHUNK_INTERNAL_H
#define POOL_MAP_CHUNK_INTERNAL_H

#include "pool/echopool.h"

/** Bytes that grow. Zero is empty. */
struct pack {
    unsigned char *bytes;
    size_t size;
    size_t room;
};

/** The inputs of the next chunk. Zero is none. Used by one thread. */
struct chunk_inputs {
    struct pack pack;
    size_t count;
};

/** Add a copy of one input. @return 0 or -ENOMEM */
int chunk_inputs_add(struct chunk_inputs *inputs, ep_task_fn fn, const struct ep_bytes *input);
void chunk_inputs_clear(struct chunk_inputs *inputs);

/**
 * Submit what was added, which must not be nothing, and begin anew. One input is submitted as it
 * is, without the packing.
 *
 * @param deadline_ns  as in struct ep_submit_options, but NO_DEADLINE for none
 * @param future       set to the future of the chunk
 * @return             as ep_submit_with(); on failure the inputs are still there
 */
int chunk_submit(struct ep_executor *executor, ep_task_fn fn, struct chunk_inputs *inputs,
                 int64_t deadline_ns, struct ep_future **future);

/** The results of a chunk whose future is done, one after another. Used by one thread. */
struct chunk_results {
    struct ep_future *future; /**< borrowed */
    size_t count;             /**< inputs of the chunk */
    size_t taken;
    size_t offset; /**< of the next record in the reply */
};

/**
 * The next result; taken < count.
 *
 * @param reply  set on success, bytes of the future; may be NULL
 * @param error  set; its message lives as long as the future
 * @return       0, or what went wrong with this one: EP_EFAILED, EP_ECANCELLED, ...
 */
int chunk_results_next(struct chunk_results *results, struct ep_bytes *reply,
                       struct ep_error *error);

#endif /* POOL_MAP_CHUNK_INTERNAL_H */
