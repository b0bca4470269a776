/* SPDX-License-Identifier: MIT */
/**
 * @file here-internal.h
 * Whether an object was made in this process, and not by the parent of a forked child.
 *
 * After fork() the child has a copy of everything except the threads: waiting may never end there,
 * a lock may be held by a thread that does not exist, and a descriptor or process that two programs
 * share still serves the parent. Every call that would meet one of these asks first.
 */
#ifndef POOL_HERE_INTERNAL_H
#define POOL_HERE_INTERNAL_H

#include <stdbool.h>

/**
 * Make a mark: *mark is true in this process, and false in its forked children. Reading it costs one
 * load; getpid() would be a system call.
 *
 * @return NULL if there is no memory
 */
const bool *here_new(void);

/** Release a mark, also in a forked child. NULL is allowed. */
void here_free(const bool *mark);

#endif /* POOL_HERE_INTERNAL_H */
