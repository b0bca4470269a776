/* SPDX-License-Identifier: MIT */
/**
 * @file notify.h
 * Reporting the server's state to the service manager, by the protocol of sd_notify(3): a few words in
 * a datagram to the unix socket that NOTIFY_SOCKET names.
 *
 * Nothing here waits and nothing fails: if there is no service manager, or it cannot be reached, nothing
 * is sent. If its socket is full, the words are kept and notify_tend() tries again, because a manager
 * that never learns that the server is ready ends it.
 *
 * Threads: loop only. For notify_open() no thread may exist yet, because it changes the environment.
 */
#ifndef SERVER_SYSTEMD_NOTIFY_H
#define SERVER_SYSTEMD_NOTIFY_H

#include "common/address.h"

#include <stdint.h>

struct notify {
    int fd; /**< -1: there is no service manager */
    struct address manager;
    int64_t watchdog_ns; /**< period of its watchdog; 0: none */
    char unsent[256];    /**< "" or words that could not be sent yet */
};

/**
 * Read NOTIFY_SOCKET, a path or @ and an abstract name, and WATCHDOG_USEC with WATCHDOG_PID. They are
 * removed from the environment, so that child processes do not report in the server's name.
 */
void notify_open(struct notify *notify);

/** Close the socket. Fine for one that was never opened, if its fd is -1. */
void notify_close(struct notify *notify);

/** Report that the server serves, after the start and after a reload. @param status  one line for people */
void notify_ready(struct notify *notify, const char *status);

/** Report that the server reloads its files, until notify_ready(). */
void notify_reloading(struct notify *notify);

/**
 * Report that the server stops.
 *
 * @param status      one line for people
 * @param longest_ns  how long that may take; a shorter TimeoutStopSec= does not apply
 */
void notify_stopping(struct notify *notify, const char *status, int64_t longest_ns);

/**
 * Send again what could not be sent, and keep the watchdog from firing. Call it after each of the
 * functions above, too.
 *
 * @return in how many nanoseconds to call it again; 0: no need
 */
int64_t notify_tend(struct notify *notify);

#endif /* SERVER_SYSTEMD_NOTIFY_H */
