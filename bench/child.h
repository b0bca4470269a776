/* SPDX-License-Identifier: MIT */
/**
 * @file child.h
 * Programs under measurement, as child processes, and what /proc says of them: servers, which run
 * until they are stopped, and clients, which end by themselves.
 *
 * Whatever goes wrong ends the program with a sentence, but where it says otherwise.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** A server under measurement. It dies with us. */
struct server {
    pid_t pid;
    int out; /**< the read end of the pipe that is its standard output */
    uint16_t port;
};

/**
 * Start a server and wait for its line "listening on 127.0.0.1:PORT".
 *
 * @param arguments  the program's path within the build tree, or a command in PATH, and its
 *                   arguments; ended by NULL
 * @param preload    a library for LD_PRELOAD, within the build tree; may be NULL
 */
struct server server_start(const char *const arguments[], const char *preload);

/** The same with standard error going to that descriptor. @return false: it did not listen */
bool server_try(const char *const arguments[], int errors, struct server *server);

/** SIGTERM; returns when the process has ended and all it had started has closed its output. */
void server_stop(struct server *server);

/**
 * Whether a server can be started so; it is stopped again.
 *
 * @param why  if not, the last line it said, or ""
 */
bool server_probe(const char *const arguments[], char *why, size_t size);

/** A program that ends by itself. It dies with us. */
struct program {
    const char *name;
    pid_t pid;
    int out; /**< the read end of the pipe that is its standard output */
};

/** What a program has used, all threads, from its start to its end. */
struct usage {
    int64_t user_ns;   /**< which part of the CPU time was whose is an estimate of the kernel's, */
    int64_t system_ns; /**< the sum is exact to some microseconds */
    uint64_t sleeps;   /**< how often its threads have gone to sleep by themselves */
};

/** Start a program; `arguments` and `preload` as for server_start(). */
struct program program_start(const char *const arguments[], const char *preload);

/**
 * Wait for its end. Where its exit status is not 0, ours is not either.
 *
 * @param text  takes what it printed, as far as there is room, ended by a null byte; may be NULL
 */
struct usage program_end(struct program *program, char *text, size_t size);

/** A file in the build tree ($TOP_BUILDDIR, or the current folder). @return path */
const char *build_path(const char *file, char *path, size_t size);

/** A port of 127.0.0.1 that was free a moment ago. */
uint16_t free_port(void);

/** User and system time of all threads so far. */
int64_t process_cpu_ns(pid_t pid);
/**
 * The same of the process and all its descendants, with those that have ended and were waited for.
 * The latter are counted in hundredths of a second.
 */
int64_t family_cpu_ns(pid_t pid);
/** How often the live threads have gone to sleep by themselves. */
uint64_t process_sleeps(pid_t pid);
unsigned process_descriptors(pid_t pid);
/** Descriptors of the process and all its descendants. */
unsigned family_descriptors(pid_t pid);
/** A "Name:  123 kB" line of a file, "smaps_rollup" or "status" of the process. */
double process_kb(pid_t pid, const char *file, const char *name);
/** The process and its descendants: resident memory, a shared page once (Pss), and page tables. */
double family_kb(pid_t pid);
/** The line of /proc/meminfo. */
double system_kb(const char *name);

#endif /* BENCH_CHILD_H */
