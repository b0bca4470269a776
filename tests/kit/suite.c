/* SPDX-License-Identifier: MIT */
/* The suite of a test program: see suite.h. */
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024, DESCRIPTORS_MOST = 4096 };

/** What the lines of a file add, in the order in which their constructors ran. */
static struct step {
    int line;
    void (*run)(void);
} steps[256];
static size_t step_count;

static Suite *suite;
/** The cases to which tests are added: one, or that and the cases that case_begin_too() made. */
static TCase *cases[4];
static size_t case_count;

void suite_add_step(int line, void (*step)(void))
{
    if (step_count == COUNT_OF(steps))
        abort();
    steps[step_count++] = (struct step){line, step};
}

/** What Check does when a test exceeds its limit: it kills the process group of the test. */
static struct sigaction at_limit;

/*
 * Show first, as comments of TAP, where each thread of that group is; with gdb also its functions. The runner only
 * waits when this signal comes, so a handler may do all that a function may.
 */
static void show_what_hangs(int number)
{
    static const char script[] =
        "for stat in /proc/[0-9]*/stat; do"
        "  set -- $(sed 's/.*) //' $stat 2>/dev/null); [ \"${3-}\" = \"$GROUP\" ] || continue;"
        "  of=${stat%/stat}; echo \"a test hangs: process ${of#/proc/}: $(tr '\\0' ' ' "
        "<$of/cmdline)\";"
        "  for task in $of/task/*; do"
        "    echo \"$(cat $task/comm): $(sed 's/.*) //; s/ .*//' $task/stat) in $(cat "
        "$task/wchan), system call\""
        "      \"$(cat $task/syscall)\";"
        "  done;"
        "  ! command -v gdb >/dev/null || timeout 60 gdb -p ${of#/proc/} -batch -ex 'thread apply "
        "all "
        "backtrace';"
        "done 2>&1 </dev/null | sed 's/^/# /'";
    char path[64], group[16] = "";
    FILE *children;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    children = fopen(path, "re"); /* there is one test at a time */
    if (children != NULL && fscanf(children, "%15s", group) == 1 &&
        setenv("GROUP", group, 1) == 0 && fflush(stdout) == 0)
        (void)!system(script);
    if (children != NULL)
        fclose(children);
    at_limit.sa_handler(number);
}

/* Runs in the runner, where Check has installed its handler by now; unless it does not fork. */
static void watch_limit(void)
{
    struct sigaction ours;

    if (at_limit.sa_handler != NULL || sigaction(SIGALRM, NULL, &ours) != 0 ||
        ours.sa_handler == SIG_DFL || ours.sa_handler == SIG_IGN)
        return;
    at_limit = ours;
    ours.sa_handler = show_what_hangs;
    sigaction(SIGALRM, &ours, NULL);
}

void case_begin(const char *name)
{
    case_count = 0;
    case_begin_too(name, NULL, NULL);
}

void case_begin_too(const char *name, void (*setup)(void), void (*teardown)(void))
{
    TCase *tcase = tcase_create(name);

    if (case_count == COUNT_OF(cases))
        abort();
    tcase_add_unchecked_fixture(tcase, watch_limit, NULL);
    if (setup != NULL)
        tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    cases[case_count++] = tcase;
}

void case_fixture(void (*setup)(void), void (*teardown)(void))
{
    for (size_t i = 0; i < case_count; i++)
        tcase_add_checked_fixture(cases[i], setup, teardown);
}

void case_fixture_once(void (*setup)(void), void (*teardown)(void))
{
    for (size_t i = 0; i < case_count; i++)
        tcase_add_unchecked_fixture(cases[i], setup, teardown);
}

void case_time_limit(double seconds)
{
    for (size_t i = 0; i < case_count; i++)
        tcase_set_timeout(cases[i], seconds);
}

void case_test(const TTest *test, int from, int to, int status)
{
    if (case_count == 0)
        abort(); /* a TEST() before the first CASE() */
    for (size_t i = 0; i < case_count; i++)
        tcase_add_loop_exit_test(cases[i], test, status, from, to);
}

void *suite_memory(size_t size)
{
    void *memory = calloc(1, size);

    ck_assert_ptr_nonnull(memory);
    return suite_keep(memory);
}

void *suite_keep(void *memory)
{
    /* A list that nothing reads: for a search for leaks, what is on it is in use. */
    static struct kept {
        struct kept *before;
        void *memory;
    } * last;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct kept *kept = malloc(sizeof *kept);

    ck_assert_ptr_nonnull(kept);
    pthread_mutex_lock(&lock);
    *kept = (struct kept){last, memory};
    last = kept;
    pthread_mutex_unlock(&lock);
    return memory;
}

char *suite_text(const char *format, ...)
{
    va_list values;
    char *text;

    va_start(values, format);
    ck_assert_int_ge(vasprintf(&text, format, values), 0);
    va_end(values);
    return suite_keep(text);
}

/** For files of the tests; short enough for the name of a unix socket, whatever TMPDIR was. */
static char folder[64];

char *suite_template(void)
{
    return suite_text("%s/XXXXXX", folder);
}

char *suite_file_that_may_not_grow(void)
{
    struct rlimit limit;
    char *path = suite_template();
    int file = mkstemp(path);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur =
        1 << 20; /* what a program writes when it is measured (make coverage) is smaller */
    ck_assert_int_eq(ftruncate(file, 1 << 20), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    close(file);
    return path;
}

/* Like /tmp it is for every user: tests become another one. */
static bool make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/%.40s.XXXXXX", program_invocation_short_name);
    return mkdtemp(folder) != NULL && chmod(folder, 01777) == 0 && setenv("TMPDIR", folder, 1) == 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

static int by_line(const void *a, const void *b)
{
    return ((const struct step *)a)->line - ((const struct step *)b)->line;
}

/* Take away the variables that would be options of the programs. */
static void unset_options(void)
{
    char name[128];

    for (char **at = environ; *at != NULL;) {
        size_t length = strcspn(*at, "=");
        bool ours = strncmp(*at, "ECHO_SERVER_", 12) == 0 || strncmp(*at, "ECHO_CLIENT_", 12) == 0;
        if (!ours || length >= sizeof name) {
            at++;
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)length, *at);
        unsetenv(name); /* the next one moves up */
    }
}

/*
 * Make the same for every test what a program inherits: standard descriptors are open, no signal is
 * ignored or blocked, files get their usual mode, messages are in English, and no variable is an option. A
 * shell ignores SIGINT for a job in the background, nohup SIGHUP, Python SIGPIPE.
 */
static void inherit_nothing(void)
{
    struct sigaction action;
    sigset_t none;
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    /* A sanitizer has handlers of its own, which stay. */
    for (int number = 1; number < SIGRTMIN; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    setenv("LC_ALL", "C", 1);
    unset_options();
}

/* The real server under every model would complain of fewer. */
static bool needs_most_descriptors(void)
{
    const char *name = program_invocation_short_name;

    return strncmp(name, "check_server_", strlen("check_server_")) == 0 ||
           strcmp(name, "check_page") == 0;
}

/* Allow as many descriptors as a common shell does, and as many as servers raise it to. */
static bool allow_descriptors(void)
{
    struct rlimit limit, higher;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    limit.rlim_cur = limit.rlim_cur < DESCRIPTORS ? DESCRIPTORS : limit.rlim_cur;
    higher = limit;
    higher.rlim_max = limit.rlim_max < DESCRIPTORS_MOST ? DESCRIPTORS_MOST : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &higher) == 0 ||
           (!needs_most_descriptors() && setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

int suite_run(void)
{
    SRunner *runner;
    int failed;

    inherit_nothing();
    if (!allow_descriptors()) {
        printf("1..0 # SKIP %d descriptors cannot be allowed: raise the limit (ulimit -n)\n",
               needs_most_descriptors() ? DESCRIPTORS_MOST : DESCRIPTORS);
        return EXIT_SUCCESS;
    }
    if (!make_folder()) {
        printf("Bail out! no folder in /tmp: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    suite = suite_create(program_invocation_short_name);
    qsort(steps, step_count, sizeof *steps, by_line);
    for (size_t i = 0; i < step_count; i++)
        steps[i].run();
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return failed > 0 && getenv("CK_TAP_LOG_FILE_NAME") == NULL ? EXIT_FAILURE : EXIT_SUCCESS;
}
