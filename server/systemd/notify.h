/* SPDX-License-Identifier: MIT */
/**
 * @file notify.h
 * Telling the service manager how the server stands, by the protocol of sd_notify(3): a few words
 * in a datagram to the unix socket that NOTIFY_SOCKET names.
 *
 * Nothing here waits and nothing fails: where there is no service manager, or it cannot be reached,
 * nobody is told. Where its socket is full for the moment, the words are kept, and notify_tend()
 * tries again: a server that is never seen to be ready would be ended by its manager.
 *
 * Threads: the loop's only. None may exist yet for notify_open(), since the environment is changed.
 */
#ifndef SERVER_SYSTEMD_NOTIFY_H
#define SERVER_SYSTEMD_NOTIFY_H

#include "common/address.h"

#include <stdint.h>

struct notify {
    int fd; /**< -1: there is nobody to tell */
    struct address manager;
    int64_t watchdog_ns; /**< so often it wants a sign of life; 0: never */
    char unsent[256];    /**< "" or words that did not get through yet */
};

/**
 * Read NOTIFY_SOCKET, a path or @ and an abstract name, and WATCHDOG_USEC with WATCHDOG_PID. They
 * are removed from the environment: what this process starts does not speak for it.
 */
void notify_open(struct notify *notify);

/** Release it; nobody is told any more. Fine for one that was never opened, if its fd is -1. */
void notify_close(struct notify *notify);

/** The server serves, at the start and again after a reload. @param status  for people, one line */
void notify_ready(struct notify *notify, const char *status);

/** It reads its files anew; notify_ready() ends that. */
void notify_reloading(struct notify *notify);

/** It has been told to stop. */
void notify_stopping(struct notify *notify);

/**
 * Say again what did not get through, and give the sign of life that a watchdog wants.
 *
 * @return in how many nanoseconds it wants to be called again; 0: not by itself. To be asked after
 *         each of the functions above, too
 */
int64_t notify_tend(struct notify *notify);

#endif /* SERVER_SYSTEMD_NOTIFY_H */
