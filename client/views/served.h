/* SPDX-License-Identifier: MIT */
/**
 * @file served.h
 * Since when the server has worked for a session, as far as the client can know it.
 */
#ifndef CLIENT_VIEWS_SERVED_H
#define CLIENT_VIEWS_SERVED_H

#include "client/views/mark.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * Set served_ns of each mark: from when its session was served, or below 0 if it was not.
 *
 * @return false for want of memory
 */
bool served_find(struct mark *marks, size_t count);

#endif /* CLIENT_VIEWS_SERVED_H */
