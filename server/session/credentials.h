/* SPDX-License-Identifier: MIT */
/**
 * @file credentials.h
 * The server's certificate and key, which can be replaced while it runs.
 *
 * SIGHUP reloads the files. Sessions that have begun keep the old certificate, later ones get the new one.
 * If the files are invalid, the old certificate stays in use.
 *
 * Worker processes have a copy of this from the moment of their fork. What the main process reads later
 * they get from memory that they share with it, so they do not need the files.
 */
#ifndef SERVER_SESSION_CREDENTIALS_H
#define SERVER_SESSION_CREDENTIALS_H

#include "common/tls.h"

struct credentials;

/**
 * @param settings  the strings stay the caller's, for as long as the credentials live
 * @return          0 and *credentials, or as tls_server_context_new() with a sentence in why; also
 *                  -EINVAL for a file of more than 256 KiB, or if no client could shake hands
 */
int credentials_new(const struct tls_server_settings *settings, struct credentials **credentials,
                    char why[static TLS_WHY_MAX]);
void credentials_free(struct credentials *credentials);

/**
 * Reload the files.
 *
 * @return 0; or as credentials_new(), and then nothing has changed
 *
 * Threads: loop only.
 */
int credentials_reload(struct credentials *credentials, char why[static TLS_WHY_MAX]);

/**
 * Get a reference to the newest that could be read, for tls_context_unref().
 *
 * Threads: any, and in worker processes.
 */
struct tls_context *credentials_take(struct credentials *credentials);

#endif /* SERVER_SESSION_CREDENTIALS_H */
