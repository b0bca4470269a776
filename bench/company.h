/* SPDX-License-Identifier: MIT */
/**
 * @file company.h
 * Background activity while a server is measured: idle sessions, a scraper that reads /metrics
 * again and again, and a slow reader of the server's output.
 *
 * Each is a separate process on the CPUs of its parent, and is killed when the parent exits.
 */
#ifndef BENCH_COMPANY_H
#define BENCH_COMPANY_H

#include "bench/child.h"

#include <stdint.h>
#include <sys/types.h>

/** What to start; all zero: nothing. */
struct company {
    unsigned idle;           /**< sessions that echo one message and then are silent */
    unsigned scrapes_a_sec;  /**< GET /metrics on one connection */
    unsigned read_bytes_sec; /**< bytes read of the server's output per second */
};

struct shared;

/** The running processes. */
struct guests {
    pid_t holder;
    pid_t scraper;
    pid_t reader;
    struct shared *shared; /**< with the scraper */
};

/**
 * Start the processes, and wait until all idle sessions are connected.
 *
 * @param admin_port  port of the server's --admin, for scrapes_a_sec
 */
struct guests company_start(const struct company *company, const struct server *server,
                            uint16_t admin_port);

/** @return the number of replies that the scraper has received so far */
uint64_t company_scrapes(const struct guests *guests);

/** Stop all processes. */
void company_stop(struct guests *guests);

#endif /* BENCH_COMPANY_H */
