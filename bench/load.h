/* SPDX-License-Identifier: MIT */
/**
 * @file load.h
 * A bare closed-loop load: S sessions, one message in flight per session. Each has a thread, or a few
 * threads have event loops with many sessions each: which of them decides what limits the server.
 *
 * It is deliberately not echo-client: the load for the server must not change when the client does,
 * and must cost little. It still compares the replies, because the speed of wrong replies means
 * nothing. An error ends the program with a message.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Bytes of a message: small, so that only calls and wake-ups matter. */
#define LOAD_MESSAGE_BYTES 128

/** The transport of a session: plain sockets here, TLS in load-tls.h. */
struct load_transport {
    /** Set up a connected session, as by a handshake. @return state for the other functions */
    void *(*open)(int fd);
    /** Send all bytes, or receive some. @return bytes; 0 at end of file; below 0: failed */
    ssize_t (*send)(void *state, int fd, const void *bytes, size_t size);
    ssize_t (*recv)(void *state, int fd, void *bytes, size_t size);
    /** Shut down sending. */
    void (*finish)(void *state, int fd);
    void (*free)(void *state);
};

struct load_options {
    const char *server; /**< its name in error messages; NULL: "the server" */
    uint16_t port;      /**< of 127.0.0.1 */
    unsigned sessions;
    unsigned served; /**< echo one message on this many sessions first, one after another */
    const struct load_transport *transport; /**< NULL: plain */
    bool unchanged;   /**< the server echoes bytes unchanged, not in capitals */
    unsigned sources; /**< number of source addresses, from 127.0.0.2 on; 0: the kernel picks */
    unsigned threads; /**< event loops that share the sessions, plain only; 0: a thread each */
};

struct load;

/** Connect all sessions, and echo one message on the first `served` of them. */
struct load *load_open(const struct load_options *options);

/** Echo this many messages on each session, all sessions at once. */
void load_run(struct load *load, unsigned messages);

/**
 * The same, with the time of each echo.
 *
 * @param times_ns  array of sessions * messages
 */
void load_run_timed(struct load *load, unsigned messages, double *times_ns);

/** Close all sessions, and wait until the server has closed its side of the served ones. */
void load_close(struct load *load);

/**
 * Connect, echo one message and close, `times` times in each of `sessions` threads, each from its
 * own address, so that the ports suffice.
 */
void load_churn(const struct load_options *options, unsigned times);

#endif /* BENCH_LOAD_H */
