/* SPDX-License-Identifier: MIT */
/* Functions that the measurements share: see measure.h. */
#include "bench/measure.h"

#include "common/log.h"
#include "common/parse.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Series -------------------------------------------------------------------------------- */

void series_add(struct series *series, double value)
{
    if (series->count == ROUNDS_MAX)
        log_fatal("more than %d rounds", ROUNDS_MAX);
    series->value[series->count++] = value;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

double series_percentile(const struct series *series, double percent)
{
    struct series sorted = *series;

    return times_percentile(sorted.value, sorted.count, percent);
}

double series_median(const struct series *series)
{
    return series_percentile(series, 50);
}

struct series series_ratio(const struct series *series, const struct series *base)
{
    struct series ratio = {.count = 0};

    for (size_t i = 0; i < series->count && i < base->count; i++)
        series_add(&ratio, series->value[i] / base->value[i]);
    return ratio;
}

double times_percentile(double *times, size_t count, double percent)
{
    double place = percent / 100 * (double)(count - 1);
    size_t below;

    if (count == 0)
        return 0;
    qsort(times, count, sizeof times[0], ascending);
    below = (size_t)place;
    if (below + 1 == count)
        return times[below];
    return times[below] + (place - (double)below) * (times[below + 1] - times[below]);
}

void verdict(bool met, const char *format, ...)
{
    va_list arguments;

    fputs("  target ", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    puts(met ? ": met" : ": MISSED");
}

/* --- The command line ---------------------------------------------------------------------- */

enum { OPTIONS_MAX = 8 };

static _Noreturn void print_help(const char *usage, const struct number_option *options)
{
    printf("Usage: %s\n\n", usage);
    for (const struct number_option *option = options; option->name != NULL; option++) {
        printf("  --%s%-*s %s (%" PRIu64 ")\n", option->name, (int)(14 - strlen(option->name)),
               " N", option->help, *option->value);
    }
    printf("  --%-15s%s\n", "help", "print this and exit");
    exit(EXIT_OK);
}

int read_numbers(int argc, char *argv[], const char *usage, const struct number_option *options)
{
    struct option known[OPTIONS_MAX + 2] = {{0}};
    size_t count = 0;
    int at, code;

    log_init(argv[0] == NULL ? "bench" : program_invocation_short_name, LOG_NORMAL);
    for (; options[count].name != NULL; count++) {
        if (count == OPTIONS_MAX)
            log_fatal("more than %d options", OPTIONS_MAX);
        known[count].name = options[count].name;
        known[count].has_arg = required_argument;
    }
    known[count].name = "help";
    while ((code = getopt_long(argc, argv, "", known, &at)) != -1) {
        const struct number_option *option = &options[code == 0 ? at : 0];
        if (code != 0)
            exit(EXIT_USAGE); /* getopt_long() has printed the reason */
        if ((size_t)at == count)
            print_help(usage, options);
        if (!parse_number(optarg, option->least, option->most, option->value))
            log_usage("--%s %s is not a number from %" PRIu64 " to %" PRIu64 "; see --help",
                      option->name, optarg, option->least, option->most);
    }
    return optind;
}

/* --- Placement ----------------------------------------------------------------------------- */

cpu_set_t cpus_now(void)
{
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        log_fatal("cannot read the set of CPUs: %s", strerror(errno));
    return allowed;
}

void cpus_set(const cpu_set_t *cpus)
{
    if (sched_setaffinity(0, sizeof *cpus, cpus) != 0)
        log_fatal("cannot pin to the CPUs: %s", strerror(errno));
}

unsigned cpus_allowed(void)
{
    cpu_set_t allowed = cpus_now();

    return (unsigned)CPU_COUNT(&allowed);
}

void pin_to_cpu(unsigned number)
{
    cpu_set_t allowed = cpus_now();
    size_t cpu = 0;

    for (unsigned passed = 0; passed <= number; cpu++) {
        if (cpu == CPU_SETSIZE)
            log_fatal("there is no CPU %u to pin to", number);
        passed += CPU_ISSET(cpu, &allowed) ? 1 : 0;
    }
    CPU_ZERO(&allowed);
    CPU_SET(cpu - 1, &allowed);
    cpus_set(&allowed);
}

void pin_to_first_cpu(void)
{
    pin_to_cpu(0);
}

bool in_child(void (*run)(void *context), void *context)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(context);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        log_fatal("cannot fork a process for the measurement: %s", strerror(errno));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The argument for the two processes of compare_placements(). */
struct placed {
    void (*compare)(void *context);
    void *context;
    bool pinned;
};

static void compare_placed(void *argument)
{
    const struct placed *placed = argument;

    if (placed->pinned)
        pin_to_first_cpu();
    printf("\n%s\n", placed->pinned ? "All on one CPU:" : "Unpinned:");
    placed->compare(placed->context);
}

bool compare_placements(void (*compare)(void *context), void *context)
{
    struct placed placed = {.compare = compare, .context = context};
    bool good = in_child(compare_placed, &placed);

    placed.pinned = true;
    return in_child(compare_placed, &placed) && good;
}

unsigned raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_fatal("cannot read the descriptor limit: %s", strerror(errno));
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max < UINT_MAX ? (unsigned)limit.rlim_max : UINT_MAX;
}
