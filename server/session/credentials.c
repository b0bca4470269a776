/* SPDX-License-Identifier: MIT */
/*
 * The server's certificate and key: see credentials.h.
 *
 * DESIGN. A context is never changed; a new one takes its place under the lock. When the main
 * process has read good files it also copies them into shared memory, into one of two places in
 * turn, and then raises the generation there. A worker process that takes a context and finds its own to be
 * of an older generation makes a context from the copy, and checks that the generation is still the same
 * afterwards, because two reloads in a row may have overwritten the copy.
 *
 * The copy is read through files in memory (memfd_create(2)), because tls.h reads files.
 */
#include "server/session/credentials.h"

#include "common/log.h"
#include "common/must.h"
#include "common/translate.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES_MAX (256u * 1024)

enum { CERTIFICATE, KEY, CA, FILES };

/* The contents of the files. */
struct copy {
    size_t sizes[FILES];
    unsigned char bytes[FILES][FILE_BYTES_MAX];
};

/* Shared by the main process, which writes, and its workers. */
struct published {
    _Atomic uint64_t generation; /* of what was read; its lowest bit is the place of its copy */
    struct copy copies[2];
};

struct credentials {
    struct tls_server_settings settings; /* set once, then read-only */
    struct published *published;

    pthread_mutex_t lock;
    /* guarded by lock */
    struct tls_context *context;
    uint64_t generation; /* of the context */
};

static const char *file_of(const struct tls_server_settings *settings, int which)
{
    return which == CERTIFICATE ? settings->certificate_file
           : which == KEY       ? settings->key_file
                                : settings->ca_file;
}

/* @return 0 and what is in the file, or -EINVAL and a sentence */
static int copy_file(const char *file, unsigned char *bytes, size_t *size,
                     char why[static TLS_WHY_MAX])
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    *size = 0;
    while (fd >= 0 && got > 0 && *size < FILE_BYTES_MAX) {
        got = read(fd, bytes + *size, FILE_BYTES_MAX - *size);
        *size += got > 0 ? (size_t)got : 0;
    }
    if (fd < 0 || got < 0)
        snprintf(why, TLS_WHY_MAX, _("cannot read %s: %s"), file, translate_error(errno));
    else if (got > 0)
        snprintf(why, TLS_WHY_MAX, _("%s is larger than 256 KiB"), file);
    if (fd >= 0)
        close(fd);
    return fd < 0 || got != 0 ? -EINVAL : 0;
}

/* Find out now, and not with the first client, that no client can shake hands. */
static int try_context(const struct credentials *credentials, const struct tls_context *context,
                       char why[static TLS_WHY_MAX])
{
    char words[TLS_WHY_MAX];
    int rc = tls_server_context_try(context, words);

    if (rc == -EINVAL)
        snprintf(why, TLS_WHY_MAX,
                 _("no client can use the certificate in %.80s: a handshake was tried, and failed: "
                   "%.50s; use an ECDSA or RSA key, or look into openssl.cnf"),
                 credentials->settings.certificate_file, words);
    else if (rc != 0)
        snprintf(why, TLS_WHY_MAX, "%s", words);
    return rc;
}

/* Read the files into a context, and a copy of them into the place of the next generation. */
static int read_files(struct credentials *credentials, struct tls_context **context,
                      char why[static TLS_WHY_MAX])
{
    uint64_t next = atomic_load(&credentials->published->generation) + 1;
    struct copy *copy = &credentials->published->copies[next & 1];
    int rc = tls_server_context_new(&credentials->settings, context, why);

    if (rc != 0)
        return rc;
    rc = try_context(credentials, *context, why);
    memset(copy->sizes, 0, sizeof copy->sizes);
    for (int i = 0; i < FILES && rc == 0; i++) {
        const char *file = file_of(&credentials->settings, i);
        if (file != NULL)
            rc = copy_file(file, copy->bytes[i], &copy->sizes[i], why);
    }
    if (rc != 0)
        tls_context_unref(*context);
    return rc;
}

/* Make this the context. Raises the generation. */
static void replace(struct credentials *credentials, struct tls_context *context)
{
    MUST(pthread_mutex_lock(&credentials->lock));
    tls_context_unref(credentials->context);
    credentials->context = context;
    credentials->generation = atomic_fetch_add(&credentials->published->generation, 1) + 1;
    MUST(pthread_mutex_unlock(&credentials->lock));
}

int credentials_new(const struct tls_server_settings *settings, struct credentials **result,
                    char why[static TLS_WHY_MAX])
{
    struct credentials *credentials = calloc(1, sizeof *credentials);
    void *memory = mmap(NULL, sizeof(struct published), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct tls_context *context;
    int rc = -ENOMEM;

    if (credentials != NULL && memory != MAP_FAILED) {
        credentials->settings = *settings;
        credentials->published = memory;
        MUST(pthread_mutex_init(&credentials->lock, NULL));
        rc = read_files(credentials, &context, why);
    } else {
        snprintf(why, TLS_WHY_MAX, _("no memory for the certificate"));
    }
    if (rc == 0) {
        replace(credentials, context);
        *result = credentials;
        return 0;
    }
    if (memory != MAP_FAILED)
        munmap(memory, sizeof(struct published));
    free(credentials);
    return rc;
}

void credentials_free(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    tls_context_unref(credentials->context);
    munmap(credentials->published, sizeof(struct published));
    pthread_mutex_destroy(&credentials->lock);
    free(credentials);
}

int credentials_reload(struct credentials *credentials, char why[static TLS_WHY_MAX])
{
    struct tls_context *context;
    int rc = read_files(credentials, &context, why);

    if (rc == 0)
        replace(credentials, context);
    return rc;
}

/* --- in a worker process ------------------------------------------------------------------- */

/* Put the copies into files in memory. @return false: not all of them can be made */
static bool copies_to_files(const struct copy *copy, int fds[static FILES])
{
    bool made = true;

    for (int i = 0; i < FILES; i++) {
        size_t size = copy->sizes[i] < FILE_BYTES_MAX ? copy->sizes[i] : FILE_BYTES_MAX;

        fds[i] = memfd_create("echopool-tls", MFD_CLOEXEC);
        made = made && fds[i] >= 0 && write(fds[i], copy->bytes[i], size) == (ssize_t)size;
    }
    return made;
}

/* Make a context of a copy. @return NULL and why not */
static struct tls_context *context_of(const struct credentials *credentials,
                                      const struct copy *copy, char why[static TLS_WHY_MAX])
{
    char paths[FILES][32];
    int fds[FILES];
    struct tls_context *context = NULL;
    struct tls_server_settings settings = {.certificate_file = paths[CERTIFICATE],
                                           .key_file = paths[KEY]};

    snprintf(why, TLS_WHY_MAX, _("no memory or descriptors for its copy"));
    if (copies_to_files(copy, fds)) {
        for (int i = 0; i < FILES; i++)
            snprintf(paths[i], sizeof paths[i], "/proc/self/fd/%d", fds[i]);
        if (credentials->settings.ca_file != NULL)
            settings.ca_file = paths[CA];
        if (tls_server_context_new(&settings, &context, why) != 0)
            context = NULL;
    }
    for (int i = 0; i < FILES; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return context;
}

/* Use what the main process has read meanwhile. */
static void catch_up_locked(struct credentials *credentials)
{
    struct published *published = credentials->published;
    struct tls_context *context;
    char why[TLS_WHY_MAX];
    uint64_t generation;

    for (;;) {
        generation = atomic_load(&published->generation);
        context = context_of(credentials, &published->copies[generation & 1], why);
        if (atomic_load(&published->generation) == generation)
            break;
        tls_context_unref(context);
    }
    if (context == NULL) {
        log_warn("a worker process keeps the old certificate: %s", why);
        return;
    }
    tls_context_unref(credentials->context);
    credentials->context = context;
    credentials->generation = generation;
}

struct tls_context *credentials_take(struct credentials *credentials)
{
    struct tls_context *context;

    MUST(pthread_mutex_lock(&credentials->lock));
    if (atomic_load(&credentials->published->generation) != credentials->generation)
        catch_up_locked(credentials);
    context = credentials->context;
    tls_context_ref(context);
    MUST(pthread_mutex_unlock(&credentials->lock));
    return context;
}
