/* SPDX-License-Identifier: MIT */
/*
 * tls.h without OpenSSL. No context can be made, and therefore no TLS stream: the other functions
 * are there for the linker.
 */
#include "common/tls.h"

#include <errno.h>
#include <stdio.h>

bool tls_is_built_in(void)
{
    return false;
}

static int refuse(char why[static TLS_WHY_MAX])
{
    snprintf(why, TLS_WHY_MAX,
             "this program was built without TLS; build it where OpenSSL 3 is installed "
             "(./configure --with-openssl=yes)");
    return -ENOTSUP;
}

int tls_server_context_new(const struct tls_server_settings *settings, struct tls_context **context,
                           char why[static TLS_WHY_MAX])
{
    (void)settings;
    *context = NULL;
    return refuse(why);
}

int tls_client_context_new(const struct tls_client_settings *settings, struct tls_context **context,
                           char why[static TLS_WHY_MAX])
{
    (void)settings;
    *context = NULL;
    return refuse(why);
}

int tls_server_context_try(const struct tls_context *context, char why[static TLS_WHY_MAX])
{
    (void)context;
    return refuse(why);
}

void tls_context_ref(struct tls_context *context)
{
    (void)context;
}

void tls_context_unref(struct tls_context *context)
{
    (void)context;
}

int stream_init_tls(struct stream *stream, int fd, struct tls_context *context,
                    const char *server_name)
{
    (void)stream;
    (void)fd;
    (void)context;
    (void)server_name;
    return -ENOTSUP;
}

const char *stream_error_text(const struct stream *stream, char text[static TLS_WHY_MAX])
{
    (void)stream;
    text[0] = '\0';
    return text;
}
