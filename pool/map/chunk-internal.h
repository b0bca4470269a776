/* SPDX-License-Identifier: MIT */
/**
 * @file chunk-internal.h
 * Several calls of one function as one task.
 *
 * Inputs are packed into one run of bytes, the input of an ordinary task. That task calls the
 * function for each of them and packs the replies and failures into its own reply. So a chunk runs
 * on threads and in worker processes alike.
 */
#ifndef POOL_MAP_CHUNK_INTERNAL_H
#define POOL_MAP_CHUNK_INTERNAL_H

#include "pool/echopool.h"

/** Growing bytes. A zeroed one is empty. */
struct pack {
    unsigned char *bytes;
    size_t size;
    size_t room;
};

/** The inputs of the next chunk. A zeroed one is empty. Used by one thread. */
struct chunk_inputs {
    struct pack pack;
    size_t count;
};

/** Add a copy of one input. @return 0 or -ENOMEM */
int chunk_inputs_add(struct chunk_inputs *inputs, ep_task_fn fn, const struct ep_bytes *input);
void chunk_inputs_clear(struct chunk_inputs *inputs);

/**
 * Submit the added inputs, at least one, and empty `inputs`. A single input is submitted as it is,
 * without packing.
 *
 * @param deadline_ns  as in struct ep_submit_options, with NO_DEADLINE for none
 * @param future       set to the future of the chunk
 * @return             as ep_submit_with(); on failure the inputs are kept
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
 * Get the next result; taken < count.
 *
 * @param reply  set on success, bytes of the future; may be NULL
 * @param error  set; its message lives as long as the future
 * @return       0, or the error of this input: EP_EFAILED, EP_ECANCELLED, ...
 */
int chunk_results_next(struct chunk_results *results, struct ep_bytes *reply,
                       struct ep_error *error);

#endif /* POOL_MAP_CHUNK_INTERNAL_H */
