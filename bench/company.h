/* SPDX-License-Identifier: MIT */
/**
 * @file company.h
 * What goes on beside the load while a server is measured: sessions that say nothing, somebody who
 * reads /metrics over and over, and a slow reader of what the server prints.
 *
 * Each is a process of its own, on the CPUs of who starts it, and dies with it.
 */
#ifndef BENCH_COMPANY_H
#define BENCH_COMPANY_H

#include "bench/child.h"

#include <stdint.h>
#include <sys/types.h>

/** What to have beside; zeroes: nothing. */
struct company {
    unsigned idle;           /**< sessions that have echoed one message and then say nothing */
    unsigned scrapes_a_sec;  /**< GET /metrics on one connection */
    unsigned read_bytes_sec; /**< so much is read of what the server prints, and no more */
};

struct shared;

/** Those who are here. */
struct guests {
    pid_t holder;
    pid_t scraper;
    pid_t reader;
    struct shared *shared; /**< with the scraper */
};

/**
 * Start them; returns when the idle sessions are all there.
 *
 * @param admin_port  of the server; for scrapes_a_sec
 */
struct guests company_start(const struct company *company, const struct server *server,
                            uint16_t admin_port);

/** @return answers that the scraper has had so far */
uint64_t company_scrapes(const struct guests *guests);

/** End them all. */
void company_stop(struct guests *guests);

#endif /* BENCH_COMPANY_H */
