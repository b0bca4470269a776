/* SPDX-License-Identifier: MIT */
/**
 * @file child.h
 * Measured programs as child processes, and their figures from /proc: servers, which run until they
 * are stopped, and clients, which exit on their own.
 *
 * An error ends the program with a message, unless the function says otherwise.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** A measured server. It is killed when this program exits. */
struct server {
    pid_t pid;
    int out; /**< read end of the pipe from its standard output */
    uint16_t port;
};

/**
 * Start a server and wait for its line "listening on 127.0.0.1:PORT".
 *
 * @param arguments  the program's path in the build tree, or a command in PATH, and its arguments;
 *                   ended by NULL
 * @param preload    a library for LD_PRELOAD, in the build tree; may be NULL
 */
struct server server_start(const char *const arguments[], const char *preload);

/** The same with standard error sent to a descriptor. @return false: it did not listen */
bool server_try(const char *const arguments[], int errors, struct server *server);

/** Send SIGTERM, and wait until the process has exited and its children have closed its output. */
void server_stop(struct server *server);

/**
 * Start a server and stop it again. @return whether it starts
 *
 * @param why  if it does not start, its last line of output, or ""
 */
bool server_probe(const char *const arguments[], char *why, size_t size);

/** A program that exits on its own. It is killed when this program exits. */
struct program {
    const char *name;
    pid_t pid;
    int out; /**< read end of the pipe from its standard output */
};

/** Resources used by a program, all threads, from its start to its end. */
struct usage {
    int64_t user_ns;   /**< the kernel estimates how the CPU time splits into user and system, */
    int64_t system_ns; /**< their sum is exact to some microseconds */
    uint64_t sleeps;   /**< voluntary context switches of its threads */
};

/** Start a program; `arguments` and `preload` as for server_start(). */
struct program program_start(const char *const arguments[], const char *preload);

/**
 * Wait for a program's end. An exit status other than 0 ends this program too.
 *
 * @param text  buffer for its output, cut to the size and ended by a null byte; may be NULL
 */
struct usage program_end(struct program *program, char *text, size_t size);

/** Make the path of a file in the build tree: $TOP_BUILDDIR or the current folder. @return path */
const char *build_path(const char *file, char *path, size_t size);

/** @return a port of 127.0.0.1 that was free a moment ago */
uint16_t free_port(void);

/** @return user and system time of all threads so far */
int64_t process_cpu_ns(pid_t pid);
/**
 * @return the same for the process and all its descendants, with those that have exited and were
 * waited for; the latter are counted in hundredths of a second
 */
int64_t family_cpu_ns(pid_t pid);
/** @return voluntary context switches of the live threads */
uint64_t process_sleeps(pid_t pid);
unsigned process_descriptors(pid_t pid);
/** @return the number of descriptors of the process and all its descendants */
unsigned family_descriptors(pid_t pid);
/** @return the number of threads of the process and all its descendants */
unsigned family_threads(pid_t pid);
/** @return the value of a line "Name:  123 kB" in "smaps_rollup" or "status" of the process */
double process_kb(pid_t pid, const char *file, const char *name);
/**
 * @return memory of the process and its descendants: Pss, which counts a shared page once, and page
 * tables
 */
double family_kb(pid_t pid);
/** @return the value of a line of /proc/meminfo */
double system_kb(const char *name);

#endif /* BENCH_CHILD_H */
