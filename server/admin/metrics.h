/* SPDX-License-Identifier: MIT */
/**
 * @file metrics.h
 * A state as Prometheus reads it: the text format, version 0.0.4.
 *
 * Pure: a state in, text out. Times are in seconds and sizes in bytes, what only grows ends in
 * _total, and nothing is labelled by client. The names are in the manual page.
 */
#ifndef SERVER_ADMIN_METRICS_H
#define SERVER_ADMIN_METRICS_H

#include <event2/buffer.h>

struct state;

/** The Content-Type of the text. */
#define ADMIN_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/** Append the text. @return 0, or -ENOMEM with part of it appended */
int admin_metrics(const struct state *state, struct evbuffer *out);

#endif /* SERVER_ADMIN_METRICS_H */
