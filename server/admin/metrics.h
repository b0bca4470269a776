/* SPDX-License-Identifier: MIT */
/**
 * @file metrics.h
 * A state in the text format of Prometheus, version 0.0.4.
 *
 * A pure function of the state. Times are in seconds and sizes in bytes, names of counters end in
 * _total, and no label depends on clients. The names are in the manual page.
 */
#ifndef SERVER_ADMIN_METRICS_H
#define SERVER_ADMIN_METRICS_H

#include <event2/buffer.h>

struct state;

/** The Content-Type of the text. */
#define ADMIN_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/** Append the text. @return 0, or -ENOMEM after a part of it */
int admin_metrics(const struct state *state, struct evbuffer *out);

#endif /* SERVER_ADMIN_METRICS_H */
