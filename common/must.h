/* SPDX-License-Identifier: MIT */
/**
 * @file must.h
 * An assertion that stays on, for calls that cannot fail unless the program itself is wrong.
 */
#ifndef COMMON_MUST_H
#define COMMON_MUST_H

#include "common/log.h"

#include <stdlib.h>

/** Evaluate a call that returns 0 on success, such as pthread_mutex_lock(); abort if it fails. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
            log_error("%s:%d: %s failed, which must not happen", __FILE__, __LINE__, #call);       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif /* COMMON_MUST_H */
