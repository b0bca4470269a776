/* SPDX-License-Identifier: MIT */
/* Compare servers in interleaved runs: see compare.h. */
#include "bench/compare.h"

#include "bench/load-tls.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WARM_PART       20 /* a twentieth of the work is done first, unmeasured */
#define KERNEL_STACK_KB 16 /* of a thread, on 64-bit machines */

/* A running server. */
struct run {
    const struct side *side;
    struct load_options load;
    struct server server;
    struct command command;
    struct guests guests;
    int errors; /* memfd with its standard error */
    cpu_set_t ours;
};

/* --- One run ------------------------------------------------------------------------------- */

static unsigned sessions_of(const struct contest *contest, const struct extent *extent)
{
    return contest->sessions != 0 ? contest->sessions : extent->sessions;
}

static const char *name_of(const struct side *side)
{
    return side->name != NULL ? side->name : side->candidate->name;
}

static struct company company_of(const struct side *side, const struct extent *extent)
{
    struct company company = side->company;

    if (company.idle > 0)
        company.idle = extent->idle;
    return company;
}

/* Set the CPUs of this thread, which the server or the load that it starts next will inherit. */
static void place(enum placement placement, unsigned cpu, const cpu_set_t *all)
{
    cpus_set(all);
    if (placement == APART)
        pin_to_cpu(cpu);
}

static void run_begin(struct run *run, const struct contest *contest, const struct extent *extent,
                      enum placement placement)
{
    unsigned sessions = sessions_of(contest, extent);

    run->load = (struct load_options){.server = name_of(run->side),
                                      .sessions = sessions,
                                      .served = sessions,
                                      .threads = contest->threads,
                                      .transport = contest->tls ? load_tls : NULL,
                                      .unchanged = run->side->candidate->unchanged};
    run->errors = memfd_create("errors", MFD_CLOEXEC);
    if (run->errors < 0)
        log_fatal("cannot make a file in memory: %s", strerror(errno));
    run->ours = cpus_now();
    candidate_command(run->side->candidate, sessions, run->side->more, &run->command);
    place(placement, 0, &run->ours);
    if (!server_try(run->command.arguments, run->errors, &run->server))
        log_fatal("%s does not start again", name_of(run->side));
    place(placement, 1, &run->ours);
    run->load.port = run->server.port;
}

/* Read the server's last report. @return the number of messages that --print dropped */
static double read_dropped(int errors)
{
    char text[8192];
    ssize_t got = pread(errors, text, sizeof text - 1, 0);
    const char *found;

    text[got > 0 ? got : 0] = '\0';
    found = strstr(text, " messages were not printed");
    while (found != NULL && found > text && found[-1] >= '0' && found[-1] <= '9')
        found--;
    return found != NULL ? strtod(found, NULL) : 0;
}

/* Stop the server. @return the number of messages that it did not print */
static double run_end(struct run *run)
{
    double dropped;

    company_stop(&run->guests);
    server_stop(&run->server);
    dropped = read_dropped(run->errors);
    close(run->errors);
    cpus_set(&run->ours);
    return dropped;
}

/* Measure the cost of `work` to the server, and its speed. */
static void clock_work(struct run *run, double count, struct outcome *outcome,
                       void (*work)(void *context), void *context)
{
    uint64_t scrapes = company_scrapes(&run->guests);
    int64_t cpu = family_cpu_ns(run->server.pid);
    int64_t start = clock_now_ns();
    double seconds;

    work(context);
    seconds = (double)(clock_now_ns() - start) / 1e9;
    cpu = family_cpu_ns(run->server.pid) - cpu;
    scrapes = company_scrapes(&run->guests) - scrapes;
    series_add(&outcome->figure[CPU], (double)cpu / count / 1e3);
    series_add(&outcome->figure[RATE], count / seconds);
    series_add(&outcome->scrapes, (double)scrapes / seconds);
}

/* Do the work of clock_work(): echoes of sessions that stay connected. */
struct echoes {
    struct load *load;
    unsigned messages;
    double *times_ns;
};

static void do_echoes(void *context)
{
    struct echoes *echoes = context;

    load_run_timed(echoes->load, echoes->messages, echoes->times_ns);
}

static void measure_echoes(struct run *run, unsigned messages, const struct extent *extent,
                           struct outcome *outcome)
{
    struct company company = company_of(run->side, extent);
    unsigned each = messages / run->load.sessions + 1;
    size_t count = (size_t)each * run->load.sessions;
    struct echoes echoes = {.messages = each, .times_ns = malloc(count * sizeof(double))};
    double before, dropped;

    if (echoes.times_ns == NULL)
        log_fatal("no memory for the times of %zu echoes", count);
    memset(echoes.times_ns, 0, count * sizeof(double)); /* no page fault while the clock runs */
    echoes.load = load_open(&run->load);
    before = family_kb(run->server.pid);
    run->guests = company_start(&company, &run->server, run->command.admin_port);
    if (company.idle > 0)
        series_add(&outcome->figure[IDLE_KB], (family_kb(run->server.pid) - before) / company.idle);
    load_run(echoes.load, each / WARM_PART + 1);
    series_add(&outcome->memory_kb,
               family_kb(run->server.pid) + KERNEL_STACK_KB * family_threads(run->server.pid));
    clock_work(run, (double)count, outcome, do_echoes, &echoes);
    load_close(echoes.load);
    series_add(&outcome->p50, times_percentile(echoes.times_ns, count, 50) / 1e3);
    series_add(&outcome->figure[P99], times_percentile(echoes.times_ns, count, 99) / 1e3);
    free(echoes.times_ns);
    dropped = run_end(run);
    series_add(&outcome->figure[DROPPED],
               100 * dropped / (double)(count + run->load.sessions * (each / WARM_PART + 2)));
}

/* Do the work of clock_work(): short connections. */
struct connections {
    const struct load_options *load;
    unsigned times;
};

static void do_connections(void *context)
{
    struct connections *connections = context;

    load_churn(connections->load, connections->times);
}

static void measure_connections(struct run *run, const struct extent *extent,
                                struct outcome *outcome)
{
    struct connections connections = {.load = &run->load,
                                      .times = extent->connections / run->load.sessions + 1};

    run->guests = (struct guests){.holder = 0};
    load_churn(&run->load, connections.times / WARM_PART + 1);
    clock_work(run, (double)connections.times * run->load.sessions, outcome, do_connections,
               &connections);
    (void)run_end(run);
}

/* --- Rounds -------------------------------------------------------------------------------- */

static size_t count_sides(const struct contest *contest)
{
    size_t count = 0;

    while (count < SIDES_MAX && contest->sides[count].candidate != NULL)
        count++;
    return count;
}

/* Find out which sides can start. The table names those that are left out. */
static void look_for_sides(const struct contest *contest, size_t count,
                           struct outcome outcomes[SIDES_MAX])
{
    for (size_t i = 0; i < count; i++) {
        const struct side *side = &contest->sides[i];
        struct outcome *outcome = &outcomes[i];

        memset(outcome, 0, sizeof *outcome);
        if (contest->tls && load_tls == NULL)
            snprintf(outcome->why, sizeof outcome->why, "built without OpenSSL");
        else
            outcome->there =
                candidate_is_there(side->candidate, side->more, outcome->why, sizeof outcome->why);
    }
}

void contest_measure(const struct contest *contest, const struct extent *extent,
                     enum placement placement, struct outcome outcomes[SIDES_MAX])
{
    unsigned messages = extent->messages / (contest->part > 0 ? contest->part : 1);
    size_t count = count_sides(contest);

    candidate_make_files();
    look_for_sides(contest, count, outcomes);
    for (unsigned round = 0; round < extent->rounds; round++)
        for (size_t i = 0; i < count; i++) {
            size_t which = (i + round) % count;
            struct run run = {.side = &contest->sides[which]};
            if (!outcomes[which].there)
                continue;
            run_begin(&run, contest, extent, placement);
            if (contest->work == WORK_ECHO)
                measure_echoes(&run, messages, extent, &outcomes[which]);
            else
                measure_connections(&run, extent, &outcomes[which]);
        }
}

/* --- Printing ------------------------------------------------------------------------------ */

static const char *const figure_names[] = {[CPU] = "CPU",
                                           [RATE] = "rate",
                                           [P99] = "p99",
                                           [IDLE_KB] = "memory of an idle session",
                                           [DROPPED] = "messages dropped"};

/* Print the figures that only some contests have. */
static void print_extras(const struct outcome *outcome)
{
    if (series_median(&outcome->scrapes) > 0)
        printf("  %.0f scrapes/s", series_median(&outcome->scrapes));
    if (series_median(&outcome->figure[DROPPED]) > 0)
        printf("  %.1f %% not printed", series_median(&outcome->figure[DROPPED]));
    if (outcome->figure[IDLE_KB].count > 0)
        printf("  %.2f KB per idle session", series_median(&outcome->figure[IDLE_KB]));
    puts("");
}

static void print_side(const struct contest *contest, const struct side *side,
                       const struct outcome *outcome, const struct outcome *base)
{
    const struct series *cpu = &outcome->figure[CPU];
    const struct series *rate = &outcome->figure[RATE];
    struct series cpu_ratio = series_ratio(cpu, &base->figure[CPU]);
    struct series rate_ratio = series_ratio(rate, &base->figure[RATE]);

    if (!outcome->there) {
        printf("  %-22s left out: %s\n", name_of(side), outcome->why);
        return;
    }
    printf("  %-22s %7.2f (%6.2f to %6.2f) %6.3f  %8.0f (%6.0f to %6.0f) %6.3f", name_of(side),
           series_median(cpu), series_percentile(cpu, 25), series_percentile(cpu, 75),
           series_median(&cpu_ratio), series_median(rate), series_percentile(rate, 25),
           series_percentile(rate, 75), series_median(&rate_ratio));
    if (contest->work == WORK_ECHO)
        printf("  %6.0f %6.0f", series_median(&outcome->p50), series_median(&outcome->figure[P99]));
    print_extras(outcome);
}

static void judge(const struct contest *contest, const struct target *target,
                  const struct outcome outcomes[SIDES_MAX])
{
    const struct side *side = &contest->sides[target->side];
    const struct side *base = &contest->sides[target->base];
    const char *figure = figure_names[target->figure];
    const struct series *value = &outcomes[target->side].figure[target->figure];
    struct series ratio = series_ratio(value, &outcomes[target->base].figure[target->figure]);

    if (!outcomes[target->side].there || !outcomes[target->base].there) {
        printf("  not judged: %s, %s / %s: one side is left out\n", figure, name_of(side),
               name_of(base));
        return;
    }
    if (target->figure == IDLE_KB) {
        verdict(series_median(value) <= target->bound, "%s <= %.0f KB (%.2f; %.2f to %.2f)", figure,
                target->bound, series_median(value), series_percentile(value, 25),
                series_percentile(value, 75));
        return;
    }
    if (target->figure == DROPPED) {
        /* The load would have ended the program if an echo were missing. */
        verdict(
            series_median(value) >= target->bound,
            "%s: every echo came back, and messages that were not printed were counted (%.1f %%)",
            name_of(side), series_median(value));
        return;
    }
    verdict(target->figure == RATE ? series_median(&ratio) >= target->bound
                                   : series_median(&ratio) <= target->bound,
            "%s, %s / %s %s %.2f (%.3f; %.3f to %.3f)", figure, name_of(side), name_of(base),
            target->figure == RATE ? ">=" : "<=", target->bound, series_median(&ratio),
            series_percentile(&ratio, 25), series_percentile(&ratio, 75));
}

void contest_print(const struct contest *contest, const struct extent *extent,
                   enum placement placement, const struct outcome outcomes[SIDES_MAX])
{
    size_t count = count_sides(contest);
    const struct outcome *base = &outcomes[0];

    printf("\n%s: %s\n%u %s, %s\n", contest->name, contest->title, sessions_of(contest, extent),
           contest->work == WORK_ECHO ? "sessions" : "clients that connect, echo once, and close",
           placement == ANYWHERE ? "unpinned" : "server on one CPU, load on another");
    for (size_t i = 0; i < count && !base->there; i++)
        base = &outcomes[i]; /* the first side that was measured */
    printf("  %-22s %7s (%s) %6s  %8s (%s) %6s%s\n", "", "CPU us", "   quartiles   ", "ratio",
           contest->work == WORK_ECHO ? "echoes/s" : "a second", "   quartiles   ", "ratio",
           contest->work == WORK_ECHO ? "  p50 us p99 us" : "");
    for (size_t i = 0; i < count; i++)
        print_side(contest, &contest->sides[i], &outcomes[i], base);
    for (size_t i = 0; i < TARGETS_MAX && contest->targets[i].bound > 0; i++)
        judge(contest, &contest->targets[i], outcomes);
    fflush(stdout);
}
