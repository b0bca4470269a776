/* SPDX-License-Identifier: MIT */
/**
 * @file store.h
 * Memory for sessions.
 *
 * Where sessions are served by threads that is calloc(). Where they are served by other processes
 * it is a mapping that those share, made before the first of them is forked, so that a session has
 * the same address in all and the loop can see how it fares.
 *
 * Threads: any.
 */
#ifndef SERVER_SESSION_STORE_H
#define SERVER_SESSION_STORE_H

#include <stdbool.h>
#include <stddef.h>

struct session;
struct session_store;

/**
 * @param shared  processes will serve; otherwise `most` means nothing
 * @param most    sessions at once
 * @return        NULL for want of memory
 */
struct session_store *session_store_new(bool shared, size_t most);
void session_store_free(struct session_store *store);

/** @return all zero, or NULL: no memory, or the most sessions are here */
struct session *session_store_take(struct session_store *store);
void session_store_give(struct session_store *store, struct session *session);

#endif /* SERVER_SESSION_STORE_H */
