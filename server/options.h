/* SPDX-License-Identifier: MIT */
/**
 * @file options.h
 * The options of echo-server.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "common/log.h"
#include "common/transform.h"
#include "server/limits.h"
#include "server/listen/open.h"
#include "server/models/model.h"
#include "server/output/printer.h"
#include "server/session/service-time.h"

#include <stdbool.h>
#include <stdint.h>

/** Times are nanoseconds; 0: no limit. */
struct options {
    struct hosts hosts;
    uint64_t port; /**< 0: the kernel picks */
    struct socket_rights socket_rights;
    int model; /**< index in models[] */
    uint64_t workers;
    enum hold hold;
    uint64_t queue; /**< 0: no session waits */
    bool wake_all;  /**< a connection wakes all workers that wait to accept */
    enum on_full on_full;
    uint64_t high_water; /**< pause when this many sessions wait: 1 to queue, or 0 if that is 0 */
    uint64_t low_water;  /**< accept again when no more than this many wait: below high_water */
    bool marked;         /**< one of the two was given */
    uint64_t per_source; /**< sessions of one address at once; 0: no limit */
    int64_t queue_timeout_ns;
    int64_t handshake_timeout_ns;
    int64_t idle_timeout_ns;
    int64_t write_timeout_ns;
    int64_t session_timeout_ns;
    int64_t shutdown_delay_ns; /**< how long to accept after the signal to stop */
    int64_t drain_timeout_ns;  /**< 0: sessions are cut at once */
    enum transform transform;
    uint64_t buffer_bytes;
    struct service_time delay;
    struct service_time burn;
    enum print_mode print;
    const char *trace; /**< a file; NULL: none */
    struct limits limits;
    uint64_t max_sessions;
    const char *admin;  /**< [ADDR:]PORT of the admin port; NULL: none */
    const char *agent;  /**< [ADDR:]PORT for the agent-check of HAProxy; NULL: none */
    bool admin_control; /**< requests to the admin port may change something */
    bool allow_uncapped;
    bool proxy_protocol;  /**< every connection begins with a PROXY header */
    const char *tls_cert; /**< NULL: plain */
    const char *tls_key;
    const char *tls_ca; /**< NULL: clients need no certificate */
    enum log_form log;
    bool verbose;
    bool quiet;
    const char *config; /**< the file that options came from; NULL: none */
};

/**
 * Read the command line, and what counts less: the variables ECHO_SERVER_... and the file of --config.
 * Fill in the defaults.
 *
 * Returns only if there is a server to run: --help, --version and --print-config print and exit with
 * status 0, and a mistake is answered with one line on standard error and exit status 2.
 */
void options_parse(struct options *options, int argc, char **argv);

#endif /* SERVER_OPTIONS_H */
