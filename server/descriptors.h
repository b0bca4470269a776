/* SPDX-License-Identifier: MIT */
/**
 * @file descriptors.h
 * How many descriptors the server may need, and whether it may have them.
 */
#ifndef SERVER_DESCRIPTORS_H
#define SERVER_DESCRIPTORS_H

#include <stdint.h>

struct server;

/**
 * Raise the limit to what this number of workers may need, or warn that it is too low. Sets
 * descriptors_needed and descriptors_allowed. Threads: loop only.
 */
void descriptors_secure(struct server *server, uint64_t workers);

/** The same, but if the last call has warned, this one does not. */
void descriptors_secure_again(struct server *server, uint64_t workers);

#endif /* SERVER_DESCRIPTORS_H */
