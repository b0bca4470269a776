/* SPDX-License-Identifier: MIT */
/**
 * @file load-tls.h
 * TLS for load.h, with OpenSSL directly: the load must stay the same when common/tls.c changes.
 *
 * Builds without OpenSSL have load-tls-none.c instead.
 */
#ifndef BENCH_LOAD_TLS_H
#define BENCH_LOAD_TLS_H

#include "bench/load.h"

/** The TLS transport; it verifies nothing and keeps no tickets. NULL: built without OpenSSL. */
extern const struct load_transport *const load_tls;

/**
 * Make a key (P-256) and a self-signed certificate as PEM files.
 *
 * @param key,certificate  file names; the files are overwritten
 */
void load_tls_make_certificate(const char *key, const char *certificate);

#endif /* BENCH_LOAD_TLS_H */
