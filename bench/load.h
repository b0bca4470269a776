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

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Bytes of a message: small enough that only calls and wake-ups cost. */
#define LOAD_MESSAGE_BYTES 128

/** What carries the bytes of a session. load-tls.h has another one than plain sockets. */
struct load_transport {
    /** The connection is made: what else must happen before bytes. @return what the others get */
    void *(*open)(int fd);
    /** As send(2), of all bytes, and recv(2). @return bytes; 0 at the end; less than 0: failed */
    ssize_t (*send)(void *state, int fd, const void *bytes, size_t size);
    ssize_t (*recv)(void *state, int fd, void *bytes, size_t size);
    /** No more will be sent. */
    void (*finish)(void *state, int fd);
    void (*free)(void *state);
};

struct load_options {
    const char *server; /**< what to call it where it fails; NULL: the server */
    uint16_t port;      /**< of 127.0.0.1 */
    unsigned sessions;
    unsigned served; /**< echo one message on so many of them, one after another */
    const struct load_transport *transport; /**< NULL: plain */
    bool unchanged;                         /**< the server does not make capitals of the letters */
    unsigned
        sources; /**< connect from so many of 127.0.0.2, .3 and so on in turn; 0: let the kernel */
};

struct load;

/** Connect all sessions, and echo one message on the first `served` of them. */
struct load *load_open(const struct load_options *options);

/** Echo that many messages on each session, all sessions at once. */
void load_run(struct load *load, unsigned messages);

/**
 * The same, and how long each echo took.
 *
 * @param times_ns  room for sessions * messages
 */
void load_run_timed(struct load *load, unsigned messages, double *times_ns);

/** Close all sessions, and wait until the server has closed its side of those that were served. */
void load_close(struct load *load);

/**
 * Connect, echo one message, close, over and over: `sessions` threads at once, each so often and
 * from an address of its own, so that ports last.
 */
void load_churn(const struct load_options *options, unsigned times);

#endif /* BENCH_LOAD_H */
