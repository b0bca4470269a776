/* SPDX-License-Identifier: MIT */
/* The process from which workers are forked: when it may be made, and what workers have of the program. */
#include "config.h"

#include "pool/echopool.h"
#include "tests/kit/process.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void *wait_for_gate(void *gate)
{
    while (sem_wait(gate) != 0)
        ;
    return NULL;
}

CASE_WITH_SHARED("Core")

TEST(threads_forbid_a_zygote)
{
    struct ep_executor *pool;
    struct ep_zygote *zygote, *other;
    struct ep_options options = {.workers = 1};
    pthread_t thread;

    ck_assert_int_eq(ep_zygote_new(&zygote), 0);
    pthread_create(&thread, NULL, wait_for_gate, &shared->opened);
    ck_assert_int_eq(ep_process_executor_new(&options, &pool), EP_ETHREADS);
    ck_assert_int_eq(ep_zygote_new(&other), EP_ETHREADS);
    options.zygote = zygote; /* made in time */
    pool = processes(&options);
    ck_assert_int_eq(int_result(submit(pool, square_of, &(int){5}, sizeof(int))), 25);
    ep_executor_free(pool);
    sem_post(&shared->opened);
    pthread_join(thread, NULL);
    ep_zygote_free(zygote);
}

/* One zygote, several executors, one after the other and side by side. */
TEST(executors_share_a_zygote)
{
    struct ep_zygote *zygote;
    struct ep_executor *pools[3];

    ck_assert_int_eq(ep_zygote_new(&zygote), 0);
    for (int round = 0; round < 3; round++) {
        struct ep_options options = {.workers = 1, .zygote = zygote};

        for (int i = 0; i < 3; i++)
            pools[i] = processes(&options);
        ep_executor_free(pools[0]);
        for (int i = 1; i < 3; i++)
            ck_assert_int_eq(int_result(submit(pools[i], square_of, &i, sizeof i)), i * i);
        ep_executor_free(pools[1]);
        ep_executor_free(pools[2]);
    }
    ep_zygote_free(zygote);
}

/** What a worker has of the program; its `number` is that of initialize's context. */
struct likeness {
    int number;
    mode_t mask;
    uid_t user;
    rlim_t files;
    char folder[64], word[16];
};

static struct {
    int number;
} context;

static int context_number;

static int keep_context_number(void *of, unsigned worker)
{
    (void)worker;
    context_number = *(const int *)of;
    return 0;
}

static int likeness_of(struct ep_task *task)
{
    struct likeness likeness = {.number = context_number, .user = geteuid()};
    const char *word = getenv("EP_TEST_WORD");
    struct rlimit limit;

    likeness.mask = umask(0);
    umask(likeness.mask);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        getcwd(likeness.folder, sizeof likeness.folder) == NULL || word == NULL)
        return errno;
    likeness.files = limit.rlim_cur;
    snprintf(likeness.word, sizeof likeness.word, "%s", word);
    return ep_task_reply(task, &likeness, sizeof likeness);
}

/** Be one program when the zygote is made, and another later. */
static void become(int number, const char *folder, const char *word, rlim_t files)
{
    struct rlimit limit;

    context.number = number;
    umask((mode_t)number);
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(setenv("EP_TEST_WORD", word, 1), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = files;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Workers are as the program was when it made their zygote, whatever it has become since. */
TEST(workers_are_as_the_program_was)
{
    struct ep_options options = {
        .workers = 1, .initialize = keep_context_number, .context = &context, .grace_ns = 1};
    uid_t user = geteuid();
    struct ep_executor *pool;
    struct ep_future *future;
    struct likeness likeness;
    struct ep_bytes reply;

    become(022, "/", "early", 200);
    ck_assert_int_eq(ep_zygote_new(&options.zygote), 0);
    become(077, "/proc", "late", 100);
    if (user == 0 && setresuid(65534, 65534, 65534) != 0)
        user = geteuid(); /* there is no such user in this namespace */
    pool = processes(&options);
    future = submit(pool, likeness_of, NULL, 0);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply), 0);
    memcpy(&likeness, reply.data, sizeof likeness);
    ck_assert_int_eq(likeness.number, 022);
    ck_assert_uint_eq(likeness.mask, 022);
    ck_assert_uint_eq(likeness.user, user);
    ck_assert_uint_eq(likeness.files, 200);
    ck_assert_str_eq(likeness.folder, "/");
    ck_assert_str_eq(likeness.word, "early");
    ep_future_unref(future);
    /* It may have no right to signal its workers: they end nevertheless. */
    future = submit(pool, hold, NULL, 0);
    await_held(1);
    ep_executor_terminate(pool);
    ck_assert_int_eq(error_of(future).kind, EP_EDIED);
    ep_future_unref(future);
    ep_executor_free(pool);
    ep_zygote_free(options.zygote);
}

/* After daemon(), which forks, the program needs a zygote of its own. */
TEST(a_zygote_serves_the_process_that_made_it)
{
    struct ep_options options = {.workers = 1};
    struct ep_executor *pool;
    int status;
    pid_t child;

    ck_assert_int_eq(ep_zygote_new(&options.zygote), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int rc = ep_process_executor_new(&options, &pool);

        options.zygote = NULL;
        _exit(rc == EP_EFORKED && ep_process_executor_new(&options, &pool) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    pool = processes(&options);
    ep_executor_free(pool);
    ep_zygote_free(options.zygote);
}
