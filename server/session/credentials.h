/* SPDX-License-Identifier: MIT */
/**
 * @file credentials.h
 * The server's certificate and key, which can be replaced while it runs.
 *
 * SIGHUP reads the files anew. Sessions that have begun keep what they began with, new ones get the
 * new; where the files are bad, the old ones stay in use.
 *
 * Worker processes have a copy of this from the moment they were forked. What the main process has
 * read since then they find in memory that they share with it, so that it does not matter to them
 * what has become of the files.
 */
#ifndef SERVER_SESSION_CREDENTIALS_H
#define SERVER_SESSION_CREDENTIALS_H

#include "common/tls.h"

struct credentials;

/**
 * @param settings  the strings stay the caller's, for as long as the credentials live
 * @return          0 and *credentials, or as tls_server_context_new() with a sentence in why; also
 *                  -EINVAL for a file of more than 256 KiB
 */
int credentials_new(const struct tls_server_settings *settings, struct credentials **credentials,
                    char why[static TLS_WHY_MAX]);
void credentials_free(struct credentials *credentials);

/**
 * Read the files anew.
 *
 * @return 0; or as credentials_new(), and then nothing has changed
 *
 * Threads: the loop's.
 */
int credentials_reload(struct credentials *credentials, char why[static TLS_WHY_MAX]);

/**
 * The newest that could be read: a reference of the caller's, for tls_context_unref().
 *
 * Threads: any, and in worker processes.
 */
struct tls_context *credentials_take(struct credentials *credentials);

#endif /* SERVER_SESSION_CREDENTIALS_H */
