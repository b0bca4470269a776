/* SPDX-License-Identifier: MIT */
/*
 * The C10k chart: what each design does with 1, 10, 100, 1,000 and 10,000 sessions. scripts/designs draws
 * what this prints, a line of tab-separated values for each design and number of sessions.
 *
 * The designs are the words of --model in the server's --help, and each of them once more with --hold
 * message if it takes that; so a new model needs no line here. How a design gets room for N sessions
 * follows from the line in which the server says what it does: one worker for each session, or a few
 * loops for all. A design that cannot serve N sessions gets a line with the reason.
 *
 * The load is one event loop (load.h). Each run is a process of its own, which is killed if it takes too
 * long, so that a server that fails leaves its line out and not the others. The rounds are interleaved.
 */
#include "bench/candidates.h"
#include "bench/child.h"
#include "bench/compare.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESIGNS_MAX  32
#define NUMBERS_MAX  16 /* of sessions */
#define LOOPS        "1"
#define HOLD_WORKERS "4" /* as in the table of models */

/* How a design gets room for sessions. */
enum room {
    ROOM_ONE,     /* one session */
    ROOM_WORKERS, /* --workers: each holds one */
    ROOM_EACH,    /* --max-sessions: a thread or process is made for each */
    ROOM_MANY,    /* a few workers hold all */
};

struct design {
    char model[32];
    char name[48];
    bool message; /* --hold message */
    enum room room;
    struct candidate candidate;
};

/* The results of one design with one number of sessions. */
struct cell {
    struct series rate, cpu_us, p99_us, memory_mb;
    char why[256]; /* if not "", the reason why there are none */
};

/* What the process of a run gets. The outcomes are in memory that it shares with this program. */
struct job {
    const struct design *design;
    const struct extent *extent;
    enum placement placement;
    unsigned limit_sec;
    struct outcome *outcomes; /* SIDES_MAX */
};

/* --- The designs --------------------------------------------------------------------------- */

/* Find the words of --model in the help: after the colon, up to the default in brackets. */
static size_t read_words(char words[DESIGNS_MAX / 2][32])
{
    static const char *const arguments[] = {"echo-server", "--help", NULL};
    static char help[32768];
    struct program program = program_start(arguments, NULL);
    size_t count = 0;
    char *at, *end;

    (void)program_end(&program, help, sizeof help);
    at = strstr(help, "--model WORD");
    at = at != NULL ? strchr(at, ':') : NULL;
    end = at != NULL ? strchr(at, '[') : NULL;
    if (end == NULL)
        log_fatal("echo-server --help does not list the words of --model");
    *end = '\0';
    for (char *word = strtok(at, ": ,\n"); word != NULL; word = strtok(NULL, ": ,\n"))
        if (strcmp(word, "or") != 0 && count < DESIGNS_MAX / 2)
            snprintf(words[count++], sizeof words[0], "%s", word);
    return count;
}

/* Read from a server up to its line "model NAME: ...". @return false: there is none */
static bool read_model_line(int out, char *line, size_t size)
{
    size_t have = 0;

    while (have < size - 1 && read(out, line + have, 1) == 1) {
        if (line[have] != '\n') {
            have++;
            continue;
        }
        line[have] = '\0';
        if (strncmp(line, "model ", 6) == 0)
            return true;
        have = 0;
    }
    return false;
}

static enum room room_of(const char *line)
{
    if (strstr(line, "one session at a time") != NULL)
        return ROOM_ONE;
    if (strstr(line, "one for each session") != NULL)
        return ROOM_EACH;
    return strstr(line, "sessions at most") != NULL ? ROOM_MANY : ROOM_WORKERS;
}

static void set_arguments(struct design *design)
{
    const char **at = design->candidate.arguments;

    *at++ = "echo-server";
    *at++ = "--port";
    *at++ = "0";
    *at++ = "--model";
    *at++ = design->model;
    if (design->message) {
        *at++ = "--hold";
        *at++ = "message";
    }
    if (design->room == ROOM_MANY || design->room == ROOM_WORKERS) {
        *at++ = "--workers";
        *at++ = design->room == ROOM_WORKERS ? "%n" : design->message ? HOLD_WORKERS : LOOPS;
    }
    if (design->room == ROOM_EACH) {
        *at++ = "--max-sessions";
        *at++ = "%n";
    }
    *at = NULL;
}

/* @return false: the server does not start like that */
static bool design_init(struct design *design, const char *model, bool message, int errors)
{
    struct command command;
    struct server server;
    char line[256];

    *design = (struct design){.message = message, .room = ROOM_ONE};
    snprintf(design->model, sizeof design->model, "%s", model);
    snprintf(design->name, sizeof design->name, "%s%s", model, message ? ", message" : "");
    design->candidate.name = design->name;
    set_arguments(design);
    candidate_command(&design->candidate, 1, NULL, &command);
    if (!server_try(command.arguments, errors, &server)) {
        design->room = ROOM_WORKERS;
        set_arguments(design);
        return false;
    }
    if (!read_model_line(server.out, line, sizeof line))
        log_fatal("echo-server --model %s does not say how it serves", model);
    server_stop(&server);
    design->room = room_of(line);
    set_arguments(design);
    return true;
}

/* A model that does not start here gets its lines, with the reason; that one cannot have --hold message is
 * no news. */
static size_t find_designs(struct design designs[DESIGNS_MAX])
{
    char words[DESIGNS_MAX / 2][32];
    size_t words_count = read_words(words);
    int nowhere = memfd_create("errors", MFD_CLOEXEC);
    size_t count = 0;

    for (size_t i = 0; i < words_count; i++) {
        (void)design_init(&designs[count++], words[i], false, nowhere);
        if (design_init(&designs[count], words[i], true, nowhere))
            count++;
    }
    close(nowhere);
    return count;
}

/* --- The runs ------------------------------------------------------------------------------ */

static void run_job(void *context)
{
    struct job *job = context;
    const struct contest contest = {
        .name = "designs", .threads = 1, .sides = {{.candidate = &job->design->candidate}}};

    alarm(job->limit_sec);
    contest_measure(&contest, job->extent, job->placement, job->outcomes);
}

/* Check whether a design can have this many sessions. @return false: `why` says why not */
static bool can_have(const struct design *design, unsigned sessions, char *why, size_t size)
{
    static const char prefix[] = "echo-server: ";
    struct command command;
    size_t skip;

    if (design->room == ROOM_ONE && sessions > 1) {
        snprintf(why, size, "it serves one session at a time");
        return false;
    }
    candidate_command(&design->candidate, sessions, NULL, &command);
    if (server_probe(command.arguments, why, size)) {
        *why = '\0';
        return true;
    }
    skip = strncmp(why, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    memmove(why, why + skip, strlen(why + skip) + 1);
    return false;
}

static void measure(struct job *job, struct cell *cell)
{
    const struct outcome *outcome = &job->outcomes[0];

    if (!in_child(run_job, job) || !outcome->there || outcome->memory_kb.count == 0) {
        snprintf(cell->why, sizeof cell->why, "a run failed, or took more than %u s",
                 job->limit_sec);
        return;
    }
    series_add(&cell->rate, outcome->figure[RATE].value[0]);
    series_add(&cell->cpu_us, outcome->figure[CPU].value[0]);
    series_add(&cell->p99_us, outcome->figure[P99].value[0]);
    series_add(&cell->memory_mb, outcome->memory_kb.value[0] / 1024);
}

static void print_cell(const struct design *design, unsigned sessions, const struct cell *cell)
{
    printf("%s\t%u\t", design->name, sessions);
    if (cell->why[0] != '\0')
        printf("\t\t\t\t%s\n", cell->why);
    else
        printf("%.0f\t%.3f\t%.1f\t%.3f\t\n", series_median(&cell->rate),
               series_median(&cell->cpu_us), series_median(&cell->p99_us),
               series_median(&cell->memory_mb));
}

static void measure_all(struct job *job, const struct extent *extent, const struct design designs[],
                        size_t count)
{
    struct cell(*cells)[DESIGNS_MAX] = calloc(NUMBERS_MAX, sizeof *cells);
    struct extent one = {.rounds = 1, .messages = extent->messages};

    if (cells == NULL)
        log_fatal("out of memory");
    job->extent = &one;
    for (unsigned round = 0; round < extent->rounds; round++) {
        size_t number = 0;
        for (one.sessions = 1; one.sessions <= extent->sessions; one.sessions *= 10, number++)
            for (size_t i = 0; i < count; i++) {
                struct cell *cell = &cells[number][i];
                job->design = &designs[i];
                if (round == 0)
                    (void)can_have(&designs[i], one.sessions, cell->why, sizeof cell->why);
                if (cell->why[0] == '\0')
                    measure(job, cell);
            }
        fprintf(stderr, "bench_designs: round %u of %u is done\n", round + 1, extent->rounds);
    }
    puts("design\tsessions\trate\tcpu_us\tp99_us\tmemory_mb\tleft_out");
    for (size_t i = 0; i < count; i++) {
        unsigned sessions = 1;
        for (size_t number = 0; sessions <= extent->sessions; sessions *= 10)
            print_cell(&designs[i], sessions, &cells[number++][i]);
    }
    free(cells);
}

int main(int argc, char *argv[])
{
    static struct design designs[DESIGNS_MAX];
    uint64_t rounds = 5, sessions = 10000, messages = 50000, placement = 2, limit = 120;
    const struct number_option options[] = {
        {"rounds", 1, ROUNDS_MAX, &rounds, "runs of each; the median counts"},
        {"sessions", 1, 1000000, &sessions,
         "most sessions; from 1 on, ten times as many each time"},
        {"messages", 1, 1000000000, &messages, "echoes per run, over all sessions"},
        {"placement", 1, 2, &placement, "1: unpinned; 2: server and load on a CPU each"},
        {"limit", 1, 3600, &limit, "seconds that a run may take"},
        {.name = NULL},
    };
    struct job job = {.limit_sec = 0};
    struct extent extent;

    if (read_numbers(argc, argv,
                     "bench_designs [OPTION]...\n"
                     "What each design does with few and many sessions, for scripts/designs.",
                     options) < argc)
        log_usage("unexpected argument; see --help");
    (void)raise_descriptor_limit();
    extent = (struct extent){
        .rounds = (unsigned)rounds, .sessions = (unsigned)sessions, .messages = (unsigned)messages};
    job.limit_sec = (unsigned)limit;
    job.placement = placement == 2 && cpus_allowed() > 1 ? APART : ANYWHERE;
    job.outcomes = mmap(NULL, SIDES_MAX * sizeof *job.outcomes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (job.outcomes == MAP_FAILED)
        log_fatal("cannot share memory with the runs: %m");
    measure_all(&job, &extent, designs, find_designs(designs));
    return EXIT_OK;
}
