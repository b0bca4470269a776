/* SPDX-License-Identifier: MIT */
/*
 * Measure the memory of a worker and of a waiting session.
 *
 * Two runs differ only in the number of workers, or of waiting sessions; the result is the
 * difference of their resident memory divided by the difference in number. The kernel's memory is
 * not resident in the process and is shown separately: page tables (VmPTE) and kernel stacks (16 KB
 * per thread on x86-64). The kernel's sockets of sessions are not counted.
 */
#include "bench/child.h"
#include "bench/load.h"
#include "bench/measure.h"
#include "common/log.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define FEW_WORKERS   4
#define MANY_WORKERS  204
#define WAITING       1000
#define WORKER_TARGET 40.0
#define WAITER_TARGET 5.0

/* The memory of a server at one time, in KB. */
struct memory {
    double resident;
    double page_tables;
    double kernel_stacks; /* of the whole system: only differences have a meaning */
};

static struct memory memory_of(pid_t pid)
{
    return (struct memory){.resident = process_kb(pid, "smaps_rollup", "Rss:"),
                           .page_tables = process_kb(pid, "status", "VmPTE:"),
                           .kernel_stacks = system_kb("KernelStack:")};
}

/* Measure a server with a number of workers; if `used`, each worker serves a session first. */
static struct memory with_workers(unsigned workers, bool used)
{
    char number[16];
    const char *const arguments[] = {"echo-server", "--port", "0", "--workers", number, NULL};
    struct server server;
    struct memory memory;

    snprintf(number, sizeof number, "%u", workers);
    server = server_start(arguments, NULL);
    if (used) {
        struct load *load = load_open(
            &(struct load_options){.port = server.port, .sessions = workers, .served = workers});
        load_close(load);
    }
    memory = memory_of(server.pid);
    server_stop(&server);
    return memory;
}

static void print_worker(const char *what, bool used)
{
    struct memory few = with_workers(FEW_WORKERS, used);
    struct memory many = with_workers(MANY_WORKERS, used);
    double workers = MANY_WORKERS - FEW_WORKERS;
    double resident = (many.resident - few.resident) / workers;
    double tables = (many.page_tables - few.page_tables) / workers;
    double stacks = (many.kernel_stacks - few.kernel_stacks) / workers;

    printf("  %-34s %6.1f KB   kernel: page tables %.1f, stack %.1f; total %.1f KB; target <= "
           "%.0f: %s\n",
           what, resident, tables, stacks, resident + tables + stacks, WORKER_TARGET,
           resident + tables + stacks <= WORKER_TARGET ? "met" : "MISSED");
    fflush(stdout);
}

/* Wait until all connections are accepted: only then they have a descriptor. */
static void wait_for_descriptors(pid_t pid, unsigned descriptors)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};

    while (process_descriptors(pid) < descriptors)
        nanosleep(&millisecond, NULL);
}

static struct memory with_waiting(unsigned waiting)
{
    const char *const arguments[] = {"echo-server", "--port",  "0",    "--workers",
                                     "4",           "--queue", "2000", NULL};
    struct server server = server_start(arguments, NULL);
    unsigned before = process_descriptors(server.pid);
    struct load *load = load_open(&(struct load_options){
        .port = server.port, .sessions = FEW_WORKERS + waiting, .served = FEW_WORKERS});
    struct memory memory;

    wait_for_descriptors(server.pid, before + FEW_WORKERS + waiting);
    memory = memory_of(server.pid);
    load_close(load);
    server_stop(&server);
    return memory;
}

int main(int argc, char *argv[])
{
    struct memory none, many;
    double each;

    (void)argv;
    log_init("bench_memory", LOG_NORMAL);
    if (argc > 1)
        log_usage("there are no options");
    (void)raise_descriptor_limit();
    printf("Memory per worker: thread-pool, %d workers minus %d, divided by %d\n", MANY_WORKERS,
           FEW_WORKERS, MANY_WORKERS - FEW_WORKERS);
    print_worker("just started", false);
    print_worker("after a session each", true);

    none = with_waiting(0);
    many = with_waiting(WAITING);
    each = (many.resident - none.resident + many.page_tables - none.page_tables) / WAITING;
    printf("\nMemory per waiting session: %d workers busy, %d waiting minus none\n", FEW_WORKERS,
           WAITING);
    printf("  %-34s %6.2f KB   (without the kernel's socket); target <= %.0f: %s\n",
           "connected, in the queue", each, WAITER_TARGET,
           each <= WAITER_TARGET ? "met" : "MISSED");
    return EXIT_OK;
}
