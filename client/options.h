/* SPDX-License-Identifier: MIT */
/**
 * @file options.h
 * The command line of echo-client.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include "common/transform.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Every member is valid once options_parse() has returned. */
struct options {
    const char *host;
    uint16_t port;
    unsigned sessions; /**< 0: the prompt */
    uint64_t messages; /**< per session */
    size_t size_min;   /**< bytes of a generated message */
    size_t size_max;
    const char *file; /**< NULL: generated messages */
    bool barrier;
    enum transform transform;
    int64_t timeout_ns; /**< of each operation */
    bool tls;
    const char *ca_file; /**< NULL: trust those of the system */
    bool insecure;       /**< with tls: do not verify */
    bool json;
    bool quiet;
    bool verbose;
};

/**
 * Read the command line. --help and --version are answered here, and what is wrong is said here;
 * both end the program.
 */
void options_parse(int argc, char *argv[], struct options *options);

#endif /* CLIENT_OPTIONS_H */
