/* SPDX-License-Identifier: MIT */
/* Replaces load-tls.c in builds without OpenSSL. */
#include "bench/load-tls.h"

#include "common/log.h"

#include <stddef.h>

const struct load_transport *const load_tls = NULL;

void load_tls_make_certificate(const char *key, const char *certificate)
{
    log_fatal("cannot make %s and %s: built without OpenSSL", key, certificate);
}
