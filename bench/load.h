/* SPDX-License-Identifier: MIT */
/**
 * @file load.h
 * A bare closed-loop load: S sessions, a thread each, one message under way per session.
 *
 * It is not echo-client on purpose: what measures the server must not change when the client does,
 * and must cost as little as it can. Replies are still compared, for a server that answers wrong
 * is fast for nothing. Whatever goes wrong ends the program with a sentence.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdint.h>

/** Bytes of a message: small enough that only calls and wake-ups cost. */
#define LOAD_MESSAGE_BYTES 128

struct load;

/** Connect all sessions to 127.0.0.1:port, and echo one message on the first `served` of them. */
struct load *load_open(uint16_t port, unsigned sessions, unsigned served);

/** Echo that many messages on each session, all sessions at once. */
void load_run(struct load *load, unsigned messages);

/** Close all sessions, and wait until the server has closed its side of those that were served. */
void load_close(struct load *load);

#endif /* BENCH_LOAD_H */
