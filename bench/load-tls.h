/* SPDX-License-Identifier: MIT */
/**
 * @file load-tls.h
 * TLS for load.h, on OpenSSL directly: the load must stay the same when common/tls.c changes.
 *
 * Only where configure has found OpenSSL; load-tls-none.c takes its place elsewhere.
 */
#ifndef BENCH_LOAD_TLS_H
#define BENCH_LOAD_TLS_H

#include "bench/load.h"

/** NULL: built without OpenSSL. Verifies nothing, keeps no tickets. */
extern const struct load_transport *const load_tls;

/**
 * Make a key (P-256) and a certificate signed by itself, as PEM files.
 *
 * @param key,certificate  names of files, which are overwritten
 */
void load_tls_make_certificate(const char *key, const char *certificate);

#endif /* BENCH_LOAD_TLS_H */
