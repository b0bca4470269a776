/* SPDX-License-Identifier: MIT */
/**
 * @file metrics.h
 * A state as Prometheus reads it: in its text format, version 0.0.4, or in OpenMetrics 1.0.0.
 *
 * A pure function of the state. Times are in seconds and sizes in bytes, names of counters end in
 * _total, and no label depends on clients. The names are in the manual page, and are the same in both
 * formats.
 */
#ifndef SERVER_ADMIN_METRICS_H
#define SERVER_ADMIN_METRICS_H

#include <event2/buffer.h>

struct state;

enum metrics_format { METRICS_TEXT, METRICS_OPEN };

/** The Content-Type of a format, by the enum. */
extern const char *const admin_metrics_types[2];

/**
 * Choose the format that a client prefers: OpenMetrics only for one that names it with the version above,
 * and does not prefer the other.
 *
 * @param accept  the value of its Accept header, or NULL
 */
enum metrics_format admin_metrics_format(const char *accept);

/** Append the text. @return 0, or -ENOMEM after a part of it */
int admin_metrics(const struct state *state, enum metrics_format format, struct evbuffer *out);

#endif /* SERVER_ADMIN_METRICS_H */
