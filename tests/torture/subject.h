/* SPDX-License-Identifier: MIT */
/**
 * @file subject.h
 * What the campaign tortures: each program in each of its ways, and how one run of it is judged.
 */
#ifndef TESTS_TORTURE_SUBJECT_H
#define TESTS_TORTURE_SUBJECT_H

#include "tests/kit/shim.h"
#include "tests/torture/program.h"

#include <stdbool.h>
#include <stddef.h>

struct subject {
    const char *name;
    /**
     * Run the program to its end.
     *
     * @param orders  armed; orders->first is 0 in the first run, whose output is that of the others
     * @param fd      of the orders
     * @return        NULL: passed; or what is wrong
     */
    const char *(*judge)(const struct subject *subject, struct program *program,
                         struct orders *orders, int fd);
    bool tls, admin;
    bool
        varies; /**< on a busy machine it may end with status 1 or 4 and a reason, also without a failure */
    const char *const arguments[24]; /**< words in capital letters stand for files and ports */
};

extern const struct subject subjects[];
extern const size_t subject_count;

/** Make files, and servers for the clients; remove the files. The servers end with the calling process. */
void subjects_setup(void);
void subjects_teardown(void);

/** Check whether TLS is there for the subject, or the kernel's rings, if it needs them. */
bool subject_is_possible(const struct subject *subject);

#endif /* TESTS_TORTURE_SUBJECT_H */
