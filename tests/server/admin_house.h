/* SPDX-License-Identifier: MIT */
/**
 * @file admin_house.h
 * An admin port on a loop of its own, in a thread of the test, with a made-up server under it.
 *
 * The server's part is house_host.
 */
#ifndef TESTS_SERVER_ADMIN_HOUSE_H
#define TESTS_SERVER_ADMIN_HOUSE_H

#include "server/admin/admin.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/** All that the admin port asks of a server, by functions that only remember. */
extern const struct admin_host house_host;

struct house {
    struct event_base *base;
    struct event *stop;
    struct admin *admin;
    pthread_t thread;
    int stop_fd;
    uint16_t port;
};

/** Open it on a free port, showing what state_fill() has; one at a time. */
void house_open(struct house *house);
/** The same with --admin-control. */
void house_open_with_control(struct house *house);
/** Stop the loop and close everything. */
void house_close(struct house *house);

/** What /readyz depends on. */
void house_set_readiness(bool draining, uint64_t workers);
/** What control.c has asked for: workers added less those taken away, and the last word on accepting. */
int house_workers_changed(void);
bool house_is_paused(void);
/** From now on refuse what control.c asks for. */
void house_refuse_control(void);
/** How often the state was taken so far. */
unsigned house_looks(void);

#endif /* TESTS_SERVER_ADMIN_HOUSE_H */
