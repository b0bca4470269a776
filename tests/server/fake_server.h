/* SPDX-License-Identifier: MIT */
/**
 * @file fake_server.h
 * An admin port on a loop of its own, in a thread of the test, with a made-up server under it.
 *
 * The server's part is fake_host.
 */
#ifndef TESTS_SERVER_FAKE_SERVER_H
#define TESTS_SERVER_FAKE_SERVER_H

#include "server/admin/admin.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/** All that the admin port asks of a server, by functions that only remember. */
extern const struct admin_host fake_host;

struct fake_server {
    struct event_base *base;
    struct event *stop;
    struct admin *admin;
    pthread_t thread;
    int stop_fd;
    bool has_ended; /**< the thread was joined */
    uint16_t port;
};

/** The one of this test. */
extern struct fake_server fake;

/** Fixtures: open it on a free port, showing what state_fill() has. */
void fake_open(void);
/** The same with --admin-control; and on other addresses than that of "0". */
void fake_open_with_control(void);
void fake_open_on(const char *where);
/** Stop the loop and close everything. */
void fake_close(void);

/** Stop the loop just after it has written the next event, which it has not sent yet. The state is "ended" then. */
void fake_end_at_event(void);

/** What /readyz depends on. */
void fake_set_readiness(bool draining, uint64_t workers);
void fake_set_lame_duck(bool lame_duck);
/** What control.c has asked for: workers added less those taken away, and the last word on accepting. */
int fake_workers_changed(void);
bool fake_is_paused(void);
/** How many visitors it has asked for, of this kind. */
int fake_visitors(bool silent);
/** From now on refuse what control.c asks for. */
void fake_refuse_control(void);
/** How often the state was taken so far. */
unsigned fake_looks(void);

#endif /* TESTS_SERVER_FAKE_SERVER_H */
