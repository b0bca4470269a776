/* SPDX-License-Identifier: MIT */
/**
 * @file credentials.h
 * The server's certificate and key, which can be replaced while it runs.
 *
 * SIGHUP reads the files anew. Sessions that have begun keep what they began with, new ones get the
 * new; where the files are bad, the old ones stay in use.
 *
 * Worker processes have a copy of this from the moment they were forked. They see by a counter in
 * shared memory that there is something newer, and read the files themselves.
 */
#ifndef SERVER_CREDENTIALS_H
#define SERVER_CREDENTIALS_H

#include "common/tls.h"

#include <stdatomic.h>
#include <stdint.h>

struct credentials;

/**
 * @param settings    the strings stay the caller's, for as long as the credentials live
 * @param generation  in memory that worker processes share, zero; counts what was read
 * @return            0 and *credentials, or as tls_server_context_new() with a sentence in why
 */
int credentials_new(const struct tls_server_settings *settings, _Atomic uint64_t *generation,
                    struct credentials **credentials, char why[static TLS_WHY_MAX]);
void credentials_free(struct credentials *credentials);

/**
 * Read the files anew.
 *
 * @return 0; or as tls_server_context_new(), and then nothing has changed
 */
int credentials_reload(struct credentials *credentials, char why[static TLS_WHY_MAX]);

/**
 * The newest that could be read: a reference of the caller's, for tls_context_unref().
 *
 * Threads: any, and in worker processes.
 */
struct tls_context *credentials_take(struct credentials *credentials);

#endif /* SERVER_CREDENTIALS_H */
