/* SPDX-License-Identifier: MIT */
/*
 * The server's certificate and key: see credentials.h.
 *
 * DESIGN. A context is never changed; a new one takes its place under the lock. The main process
 * raises the shared generation after it has read good files. Whoever takes a context and finds that
 * its own is of an older generation is in a worker process, and reads the files once for each new
 * generation. Should they be bad by then, it stays with what it has.
 */
#include "server/credentials.h"

#include "common/log.h"
#include "common/must.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct credentials {
    struct tls_server_settings settings; /* set once, then read-only */
    _Atomic uint64_t *generation;        /* of what the main process has read; shared */

    pthread_mutex_t lock;
    /* guarded by lock */
    struct tls_context *context;
    uint64_t own_generation; /* of the context */
};

int credentials_new(const struct tls_server_settings *settings, _Atomic uint64_t *generation,
                    struct credentials **result, char why[static TLS_WHY_MAX])
{
    struct credentials *credentials = calloc(1, sizeof *credentials);
    int rc;

    if (credentials == NULL)
        return -ENOMEM;
    credentials->settings = *settings;
    credentials->generation = generation;
    rc = tls_server_context_new(settings, &credentials->context, why);
    if (rc != 0) {
        free(credentials);
        return rc;
    }
    MUST(pthread_mutex_init(&credentials->lock, NULL));
    *result = credentials;
    return 0;
}

void credentials_free(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    tls_context_unref(credentials->context);
    pthread_mutex_destroy(&credentials->lock);
    free(credentials);
}

static void replace_locked(struct credentials *credentials, struct tls_context *context)
{
    tls_context_unref(credentials->context);
    credentials->context = context;
}

int credentials_reload(struct credentials *credentials, char why[static TLS_WHY_MAX])
{
    struct tls_context *context;
    int rc = tls_server_context_new(&credentials->settings, &context, why);

    if (rc != 0)
        return rc;
    MUST(pthread_mutex_lock(&credentials->lock));
    replace_locked(credentials, context);
    credentials->own_generation = atomic_fetch_add(credentials->generation, 1) + 1;
    MUST(pthread_mutex_unlock(&credentials->lock));
    return 0;
}

/* In a worker process: the main process has read something newer. */
static void catch_up_locked(struct credentials *credentials, uint64_t generation)
{
    struct tls_context *context;
    char why[TLS_WHY_MAX];

    if (tls_server_context_new(&credentials->settings, &context, why) == 0)
        replace_locked(credentials, context);
    else
        log_warn("a worker process keeps the old certificate: %s", why);
    credentials->own_generation = generation;
}

struct tls_context *credentials_take(struct credentials *credentials)
{
    struct tls_context *context;
    uint64_t generation;

    MUST(pthread_mutex_lock(&credentials->lock));
    generation = atomic_load(credentials->generation);
    if (generation != credentials->own_generation)
        catch_up_locked(credentials, generation);
    context = credentials->context;
    tls_context_ref(context);
    MUST(pthread_mutex_unlock(&credentials->lock));
    return context;
}
