/* SPDX-License-Identifier: MIT */
/**
 * @file options.h
 * The command line of echo-client.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include "client/session/pace.h"
#include "client/session/session.h"
#include "client/session/sources.h"
#include "common/transform.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The most loads of --steps. */
enum { STEPS_MAX = 64 };

/** The values of --host. */
struct hosts {
    unsigned count; /**< at least 1 */
    const char *at[TARGETS_MAX];
};

/** Every member is valid once options_parse() has returned. */
struct options {
    struct hosts hosts;
    bool all_addresses;        /**< each address of a name is a target */
    uint16_t port;             /**< of those that have none of their own */
    unsigned sessions;         /**< at once, in the largest step; 0: the prompt */
    unsigned steps[STEPS_MAX]; /**< --steps 4,8,16: the sessions of each load */
    unsigned step_count;       /**< 0: one load */
    unsigned threads;          /**< loops that share the sessions; 0: a thread for each session */
    uint64_t messages;         /**< per session; UINT64_MAX: as many as the duration has time for */
    int64_t duration_ns;       /**< no message is begun later; 0: no limit */
    int64_t warm_up_ns;        /**< at the beginning, in no time and in no rate; 0: none */
    size_t size_min;           /**< bytes of a generated message */
    size_t size_max;
    const char *file; /**< NULL: generated messages */
    bool barrier;     /**< no session sends until all have connected */
    double rate;      /**< messages a second of all sessions together; 0: closed loop */
    bool rate_random; /**< --rate exp:R: at random times, as from independent people */
    const char
        *find_rate;      /**< clauses: search for the highest rate, from `rate` on; NULL: do not */
    unsigned depth;      /**< messages of a session that may be under way at once */
    int64_t ramp_ns;     /**< the sessions begin spread over this time; 0: at once */
    struct spread think; /**< between a reply and the next message */
    unsigned idle;       /**< further sessions that never send */
    bool churn; /**< each session reconnects when it finishes, until the duration is over */
    bool
        reconnect; /**< after a close by the server, each session goes on with another connection */
    int64_t start_at_ns;    /**< by CLOCK_REALTIME; 0: at once */
    const char *clock_of;   /**< a server's admin port, to compare the clock with; NULL: none */
    struct sources sources; /**< local addresses, in turn; count 0: the kernel's choice */
    enum transform transform;
    int64_t timeout_ns; /**< of each operation */
    bool tls;
    const char *ca_file;          /**< NULL: trust the CAs of the system */
    bool insecure;                /**< with tls: do not verify */
    const char *certificate_file; /**< the client's own; NULL: it has none */
    const char *key_file;         /**< of it; not NULL if that is not */
    const char *expect;           /**< NULL: nothing is expected */
    bool json;
    const char *csv; /**< files; NULL: none */
    const char *ndjson;
    const char *hist;
    const char *timeline;
    const char *curve;
    bool top; /**< on a terminal, and not --quiet */
    bool quiet;
    bool verbose;
    const char *config; /**< the file that options came from; NULL: none */
};

/**
 * Read the command line, and what counts less: the variables ECHO_CLIENT_... and the file of --config.
 * Fill in the defaults. Returns only if there is something to do: --help, --version and --print-config
 * print and exit with status 0, and a mistake is answered with one line on standard error and exit
 * status 2.
 */
void options_parse(int argc, char *argv[], struct options *options);

/**
 * The same for `echo-client report`: sets json and expect.
 *
 * @param argv  from "report" on
 * @return      index of the first file in argv; there is at least one
 */
int options_parse_report(int argc, char *argv[], struct options *options);

#endif /* CLIENT_OPTIONS_H */
