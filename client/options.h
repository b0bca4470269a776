/* SPDX-License-Identifier: MIT */
/**
 * @file options.h
 * The command line of echo-client.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include "client/pace.h"
#include "client/sources.h"
#include "common/transform.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** --steps: so many loads one after another, at most. */
enum { STEPS_MAX = 64 };

/** Every member is valid once options_parse() has returned. */
struct options {
    const char *host;
    uint16_t port;
    unsigned sessions;         /**< at once, in the largest step; 0: the prompt */
    unsigned steps[STEPS_MAX]; /**< --steps 4,8,16: sessions of each */
    unsigned step_count;       /**< 0: one load */
    unsigned threads;          /**< loops that share the sessions; 0: a thread for each session */
    uint64_t messages;         /**< per session; UINT64_MAX: as many as the duration has time for */
    int64_t duration_ns;       /**< no message is begun later; 0: no limit */
    size_t size_min;           /**< bytes of a generated message */
    size_t size_max;
    const char *file;    /**< NULL: generated messages */
    bool barrier;        /**< by default true, but with --ramp and --churn false */
    double rate;         /**< messages a second of all sessions together; 0: closed loop */
    bool rate_random;    /**< --rate exp:R: they come at random, as from independent people */
    unsigned depth;      /**< messages of a session that may be under way at once */
    int64_t ramp_ns;     /**< sessions begin spread over so long; 0: at once */
    struct spread think; /**< between a reply and the next message */
    unsigned idle;       /**< further sessions that never speak */
    bool churn;          /**< a session that is through connects anew, until the duration is over */
    int64_t start_at_ns; /**< by CLOCK_REALTIME; 0: at once */
    struct sources sources; /**< local addresses, in turn; count 0: the kernel's choice */
    enum transform transform;
    int64_t timeout_ns; /**< of each operation */
    bool tls;
    const char *ca_file; /**< NULL: trust those of the system */
    bool insecure;       /**< with tls: do not verify */
    const char *expect;  /**< NULL: nothing is expected */
    bool json;
    const char *csv; /**< files; NULL: none */
    const char *ndjson;
    const char *hist;
    const char *timeline;
    bool top;
    bool quiet;
    bool verbose;
};

/**
 * Read the command line. --help and --version are answered here, and what is wrong is said here;
 * both end the program.
 */
void options_parse(int argc, char *argv[], struct options *options);

#endif /* CLIENT_OPTIONS_H */
