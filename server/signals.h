/* SPDX-License-Identifier: MIT */
/**
 * @file signals.h
 * Signals, as calls from the event loop:
 *
 *     event = signals_new(base, server);
 *     signals_handle(SIGTERM, drain_on_stop);
 *     event_add(event, NULL);
 *
 * Threads: loop only; all others block these signals. A process has one set of handlers.
 */
#ifndef SERVER_SIGNALS_H
#define SERVER_SIGNALS_H

#include <event2/event.h>

/**
 * Make the event that calls back.
 *
 * @param context  what the callbacks get
 * @return         the caller adds and frees it; NULL: no memory or no descriptor, see errno
 */
struct event *signals_new(struct event_base *base, void *context);

/**
 * Call back for each signal of a number that the kernel has delivered: it merges those that are pending. The number
 * stands in for the descriptor.
 */
void signals_handle(int number, event_callback_fn callback);

/**
 * Let a signal of this number end the process at once, with EXIT_RUN, since the loop is over. If one has come that the
 * loop has not called back for, call back.
 *
 * @param line  goes to standard error before, if that takes it; must stay
 */
void signals_end_at_once(int number, const char *line, void *context);

/** End, after the event was freed. The handlers stay: other signals have no effect from here on. */
void signals_end(void);

#endif /* SERVER_SIGNALS_H */
