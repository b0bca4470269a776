/* SPDX-License-Identifier: MIT */
/**
 * @file store.h
 * Memory for sessions.
 *
 * If threads serve the sessions, it is calloc(). If other processes serve them, it is a mapping that
 * those share, made before the first of them is forked: a session has the same address in all of
 * them, and the loop sees how it proceeds.
 *
 * Threads: any.
 */
#ifndef SERVER_SESSION_STORE_H
#define SERVER_SESSION_STORE_H

#include <stdbool.h>
#include <stddef.h>

struct store;

/**
 * @param mapped  other processes serve; otherwise `most` is ignored
 * @param most    sessions at once
 * @param size    of each, in bytes
 * @return        NULL: out of memory
 */
struct store *store_new(bool mapped, size_t most, size_t size);
void store_free(struct store *store);

/** @return all zero, or NULL: out of memory, or `most` are taken */
void *store_take(struct store *store);
void store_give(struct store *store, void *session);

#endif /* SERVER_SESSION_STORE_H */
