/* SPDX-License-Identifier: MIT */
/**
 * @file session_rig.h
 * One session that a test leads by hand over a real socket, and whose server is the test itself.
 */
#ifndef TESTS_CLIENT_SESSION_RIG_H
#define TESTS_CLIENT_SESSION_RIG_H

#include "client/session/session.h"
#include "common/clock.h"

enum { SIZE = 64, DEPTH_MOST = 4, ROOM = 64 << 10 };

/** A session and its server, which is this test. */
struct rig {
    struct session_target target;
    struct session_plan plan;
    struct session_buffers buffers;
    struct pending pending[DEPTH_MOST];
    unsigned char reply[ROOM];
    unsigned char flat[SESSION_SMALL];
    struct session session;
    struct session_wait wait;
    int listener;
    int peer; /**< -1: not accepted yet */
};

extern struct rig rig;

/** Make a listener and a plan of three messages of that size. */
void lay_out(size_t message_size);

/** Make the session, once the plan is as the test needs it. */
void begin(void);

/** Release everything. */
void clear(void);

/** @return what it needs now */
unsigned advance(unsigned ready);

/** Wait until the session's socket shows one of these. */
void poll_session(short events);

/** Until it is connected, and accepted. @return what it needs then */
unsigned connect_it(void);

/** Receive a message, and answer with `size` bytes of the right reply. */
void answer(size_t size);

void expect_over(enum session_state state, const char *reason);

#endif /* TESTS_CLIENT_SESSION_RIG_H */
