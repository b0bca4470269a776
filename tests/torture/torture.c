/* SPDX-License-Identifier: MIT */
/*
 * The fault campaign: runs each subject, a program in one of its ways, again and again; the first time its
 * first call of a class fails, then its second, until a run has none left. Once only that call fails, once
 * all from there on. scripts/check-torture builds and runs it, and makes tables of what it writes.
 *
 *     torture [OPTION]...
 *
 *     --every N     only each Nth call, beginning with the first
 *     --libraries   calls that libevent, OpenSSL and other libraries make, instead of the program's
 *     --only TEXT   only subjects with this in their name
 *     --class NAME  only this class
 *     --call N      only this call, with what the program said
 *     --jobs N      this many at a time (2)
 *     --log FILE    write a line for each run: subject, class, "once" or "from", number of the call, the
 *                   library that made it or "-", the call, how the program ended, and the verdict: "passed".
 *                   Calls that have passed in a line that is there already are not tried again
 *
 * A run passes if no signal and no time limit ends it and no sanitizer reports anything, and
 *
 *   - of a server: if it refuses to start or gives up, its status is 1 and it says why; otherwise the first
 *     client, which meets the failure, gets no wrong byte, and the next client, which comes after it, is
 *     served exactly, on the admin port, too. Then SIGTERM ends it, with status 0, or with 1 and the reason;
 *     calls fail again while it stops;
 *   - of another program: its status is 1 and it says why, or it is 0 and its output is complete.
 *
 * DESIGN. Each series, a subject with a class and one of the two ways, is a process, so that several can
 * run at a time. It talks with its program by pipes, with its shim by shared memory (kit/shim.h), and with main()
 * by its exit status and the lines that it appends to the log. Each wait has a limit of a minute, so that a
 * busy machine is not a failure.
 */
#include "config.h"

#include "tests/kit/shim.h"
#include "tests/torture/program.h"
#include "tests/torture/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERIES_MAX = 512 };

static const char *const class_names[] = {"memory", "descriptors", "threads", "network", "files"};

/* Set by main() before it forks. */
static struct {
    unsigned every;
    unsigned call;
    enum torture_caller caller;
    const char *only;
    const char *class;
    unsigned jobs;
    int log;
    const char *log_path;
} campaign = {.every = 1, .jobs = 2, .log = -1};

/* --- Series -------------------------------------------------------------------------------- */

struct series {
    const struct subject *subject;
    enum torture_class class;
    bool forever;
    pid_t pid;    /* of its process, while that runs */
    bool *passed; /* by number: calls that have passed before */
    unsigned passed_size;
};

/* Check whether a line of the log says that a call of this series has passed. @param number  of the call */
static bool has_passed(const struct series *series, const char *line, unsigned *number)
{
    const char *name = series->subject->name;
    char class[16], way[8], library[48], verdict[8];

    return strncmp(line, name, strlen(name)) == 0 &&
           sscanf(line + strlen(name), "\t%15[^\t]\t%7[^\t]\t%u\t%47[^\t]\t%*[^\t]\t%*d\t%7[^\n]",
                  class, way, number, library, verdict) == 5 &&
           strcmp(class, class_names[series->class]) == 0 &&
           (strcmp(way, "from") == 0) == series->forever &&
           (strcmp(library, "-") != 0) == (campaign.caller == CALLER_LIBRARY) &&
           strcmp(verdict, "passed") == 0;
}

/* Note which calls have passed in earlier runs. */
static void read_log(struct series *series)
{
    FILE *log = fopen(campaign.log_path, "r");
    char line[512];
    unsigned number;

    if (log == NULL)
        die("cannot read %s: %s", campaign.log_path, strerror(errno));
    while (fgets(line, sizeof line, log) != NULL) {
        if (!has_passed(series, line, &number))
            continue;
        if (number >= series->passed_size) {
            unsigned size = 2 * number + 1;
            bool *passed = realloc(series->passed, size);
            if (passed == NULL)
                die("no memory for what has passed");
            memset(passed + series->passed_size, 0, size - series->passed_size);
            series->passed = passed;
            series->passed_size = size;
        }
        series->passed[number] = true;
    }
    fclose(log);
}

/* Show where the call was made that has failed. */
static void show_stack(const struct program *program, const struct orders *orders)
{
    char copy[sizeof orders->stack], command[256], *rest = copy, *line;

    snprintf(copy, sizeof copy, "%s", orders->stack);
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        char *blank = strchr(line, ' ');
        if (blank != line) {
            printf("    %s\n", line);
            continue;
        }
        /* the program itself */
        snprintf(command, sizeof command, "addr2line -spf -e %s%s 2>/dev/null | sed 's/^/    /'",
                 program->name, line);
        fflush(stdout);
        if (system(command) != 0)
            printf("    %s%s\n", program->name, line);
    }
}

/* Print what is wrong with a run, for a person. */
static void report(const struct series *series, const struct program *program,
                   const struct orders *orders, const char *bad)
{
    printf("FAILED %s, %s, %s call %u (%s%s%s): %s\n", series->subject->name,
           class_names[series->class], series->forever ? "from" : "once", orders->first,
           orders->name, *orders->library != '\0' ? " by " : "", orders->library, bad);
    show_stack(program, orders);
    printf("    status %d; standard error:\n%.2000s", program->status, program->err_said);
    if (campaign.call != 0)
        printf("    standard output:\n%.4000s", program->out_said);
    fflush(stdout);
}

/* Run one. @return false: no call has failed */
static bool run_one(const struct series *series, unsigned number, struct orders *orders, int fd,
                    bool *passed)
{
    static struct program program;
    const char *bad;

    *orders = (struct orders){.class = series->class,
                              .caller = campaign.caller,
                              .first = number,
                              .last = series->forever && number != 0 ? UINT_MAX : number};
    atomic_store(&orders->armed, true);
    bad = series->subject->judge(series->subject, &program, orders, fd);
    if (bad == NULL && atomic_load(&orders->failed) == 0 && program.status != 0 &&
        !series->subject->varies)
        bad = "it fails without a fault";
    *passed = bad == NULL;
    if (bad != NULL || campaign.call != 0)
        report(series, &program, orders, bad != NULL ? bad : "passed");
    if (atomic_load(&orders->failed) == 0)
        return false;
    if (campaign.log >= 0)
        dprintf(campaign.log, "%s\t%s\t%s\t%u\t%s\t%s\t%d\t%s\n", series->subject->name,
                class_names[series->class], series->forever ? "from" : "once", number,
                *orders->library != '\0' ? orders->library : "-", orders->name, program.status,
                bad != NULL ? bad : "passed");
    return true;
}

/* Run them all, in a process of its own. @return whether all have passed */
static bool run_series(struct series *series)
{
    int fd = memfd_create("orders", MFD_CLOEXEC);
    struct orders *orders;
    unsigned tried = 0, failed = 0;
    bool passed;

    if (fd < 0 || ftruncate(fd, sizeof *orders) != 0)
        die("no memory for the orders: %s", strerror(errno));
    orders = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (orders == MAP_FAILED)
        die("no memory for the orders: %s", strerror(errno));
    if (run_one(series, 0, orders, fd, &passed) || !passed)
        return false;
    if (campaign.log >= 0 && campaign.call == 0)
        read_log(series);
    for (unsigned number = campaign.call != 0 ? campaign.call : 1;; number += campaign.every) {
        if (number < series->passed_size && series->passed[number])
            continue;
        bool any = run_one(series, number, orders, fd, &passed);
        tried += any;
        failed += !passed;
        if (!any || campaign.call != 0)
            break;
    }
    printf("%s, %s, %s: %u tried, %u failed\n", series->subject->name, class_names[series->class],
           series->forever ? "from each call on" : "each call once", tried, failed);
    fflush(stdout);
    return failed == 0;
}

/* --- The campaign -------------------------------------------------------------------------- */

/* Begin a series, in a process that ends with this one. */
static void start(struct series *series)
{
    fflush(stdout);
    series->pid = fork();
    if (series->pid < 0)
        die("no process: %s", strerror(errno));
    if (series->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    exit(run_series(series) ? 0 : 1);
}

/* Wait for the end of one of these series. @return whether all its runs have passed */
static bool finish_one(struct series series[], unsigned count)
{
    int status;
    pid_t pid = wait(&status);

    for (unsigned i = 0; i < count; i++)
        if (pid > 0 && series[i].pid == pid) {
            series[i].pid = 0;
            return status == 0;
        }
    die("process %d, a server for the clients, has ended with status %d", pid, status);
}

/* Run all series, some at a time. @return how many have failed */
static unsigned run_all(struct series series[], unsigned count)
{
    unsigned running = 0, failed = 0;

    for (unsigned next = 0; next < count || running > 0;)
        if (next < count && running < campaign.jobs) {
            start(&series[next++]);
            running++;
        } else {
            failed += !finish_one(series, next);
            running--;
        }
    return failed;
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"every", required_argument, NULL, 'e'}, {"libraries", no_argument, NULL, 'l'},
        {"only", required_argument, NULL, 'o'},  {"class", required_argument, NULL, 'c'},
        {"call", required_argument, NULL, 'n'},  {"jobs", required_argument, NULL, 'j'},
        {"log", required_argument, NULL, 'f'},   {0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'e')
            campaign.every = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'l')
            campaign.caller = CALLER_LIBRARY;
        else if (option == 'o')
            campaign.only = optarg;
        else if (option == 'c')
            campaign.class = optarg;
        else if (option == 'n')
            campaign.call = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'j')
            campaign.jobs = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'f') {
            campaign.log_path = optarg;
            campaign.log = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
            if (campaign.log < 0)
                die("cannot write %s: %s", optarg, strerror(errno));
        } else
            die("see the beginning of tests/torture/torture.c for its options");
    }
    if (campaign.every == 0 || campaign.jobs == 0)
        die("--every and --jobs are at least 1");
}

int main(int argc, char **argv)
{
    static struct series series[SERIES_MAX];
    unsigned count = 0, failed;

    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    program_shim = open("tests/kit/.libs/shim.so", O_RDONLY);
    if (program_shim < 0)
        die("tests/kit/.libs/shim.so is not here: run it in a build folder, after make check "
            "TESTS=");
    subjects_setup();
    for (size_t i = 0; i < subject_count; i++)
        for (unsigned class = 0; class < CALL_CLASSES; class ++)
            for (unsigned forever = 0; forever < 2; forever++)
                if ((campaign.only == NULL || strstr(subjects[i].name, campaign.only) != NULL) &&
                    (campaign.class == NULL || strcmp(class_names[class], campaign.class) == 0) &&
                    subject_is_possible(&subjects[i]) && count < SERIES_MAX)
                    series[count++] = (struct series){
                        .subject = &subjects[i], .class = class, .forever = forever == 1};
    failed = run_all(series, count);
    subjects_teardown();
    return failed == 0 ? 0 : 1;
}
