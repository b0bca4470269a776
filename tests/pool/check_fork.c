/* SPDX-License-Identifier: MIT */
/* What each public function does in a forked child, compared with the table of docs/after-fork.md. */
#include "pool/echopool-mp.h"
#include "tests/kit/kinds.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/** What was made before the fork. One task stands at the gate, the others wait or are finished. */
struct before {
    struct ep_zygote *zygote;
    struct ep_executor *executor;
    struct ep_future *finished, *pending;
    struct ep_completions *completions; /* of the pending one */
    struct ep_map *map, *unordered;     /* each with a result that has not come */
    struct ep_mailbox *mailbox;         /* which has rung, and waits for the pending one */
    struct ep_group *group;             /* with a task */
    struct ep_pool *pool;
    struct ep_async *ready, *call; /* the second is not ready */
};

/** What the child saw; shared with the parent. */
struct answers {
    size_t count;
    struct {
        char function[32], answer[32];
    } list[128];
};

static struct answers *answers;

static void say(const char *function, const char *answer)
{
    snprintf(answers->list[answers->count].function, 32, "%s", function);
    snprintf(answers->list[answers->count++].answer, 32, "%s", answer);
}

static void say_code(const char *function, int rc)
{
    char number[16];

    snprintf(number, sizeof number, "%d", rc);
    say(function, rc == EP_EFORKED ? "EP_EFORKED" : rc == EP_ENOTREADY ? "EP_ENOTREADY" : number);
}

/** As in the parent: it did what was expected of it there. */
static void say_usual(const char *function, bool is_usual)
{
    say(function, is_usual ? "as in the parent" : "wrong");
}

#define CODE(function, ...)       say_code(#function, (int)function(__VA_ARGS__))
#define NOTHING(function, ...)    (function(__VA_ARGS__), say(#function, "nothing"))
#define USUAL(function, is_usual) say_usual(#function, is_usual)

static void never(struct ep_future *future, void *context)
{
    (void)future;
    (void)context;
    _exit(77);
}

static int no_source(void *context, struct ep_bytes *input)
{
    (void)context;
    (void)input;
    return 0;
}

static void use_futures(const struct before *before)
{
    struct ep_future *pending = before->pending, *finished = before->finished, *future;
    struct ep_error error;

    USUAL(ep_future_ref, ep_future_ref(finished) == finished);
    ep_future_unref(finished);
    USUAL(ep_future_unref, ep_future_state(finished) == EP_FINISHED);
    USUAL(ep_future_state, ep_future_state(pending) == EP_RUNNING);
    USUAL(ep_future_done, ep_future_done(finished) && !ep_future_done(pending));
    USUAL(ep_future_running, ep_future_running(pending));
    USUAL(ep_future_cancelled, !ep_future_cancelled(pending));
    USUAL(ep_future_user, ep_future_user(pending) == NULL);
    if (ep_future_result(finished, EP_FOREVER, NULL) == 0)
        CODE(ep_future_result, pending, EP_FOREVER, NULL);
    if (ep_future_error(finished, EP_FOREVER, &error) == 0)
        CODE(ep_future_error, pending, EP_FOREVER, &error);
    CODE(ep_future_cancel, pending);
    CODE(ep_future_add_done_callback, pending, never, NULL);
    CODE(ep_wait, &pending, 1, EP_ALL_COMPLETED, EP_FOREVER, NULL);
    CODE(ep_completions_next, before->completions, &future);
    USUAL(ep_completions_left, ep_completions_left(before->completions) == 1);
    NOTHING(ep_completions_free, before->completions);
    CODE(ep_map_next, before->unordered, NULL);
    CODE(ep_map_next, before->map, NULL);
    CODE(ep_imap_next, before->unordered, EP_FOREVER, NULL);
    ep_map_error(before->map, &error);
    USUAL(ep_map_error, !error.failed);
    ep_map_free(before->unordered);
    NOTHING(ep_map_free, before->map);
    CODE(ep_mailbox_add, before->mailbox, finished, never, NULL);
    USUAL(ep_mailbox_fd, ep_mailbox_fd(before->mailbox) >= 0);
    CODE(ep_mailbox_dispatch, before->mailbox);
    NOTHING(ep_mailbox_free, before->mailbox);
}

static void use_executor(const struct before *before)
{
    struct ep_executor *executor = before->executor;
    struct ep_future *future;
    struct ep_stats stats;
    struct ep_error error;
    struct ep_group *group;
    struct ep_map *map;
    struct ep_column none = {NULL, 1};

    CODE(ep_submit, executor, nothing_task, NULL, 0, &future);
    CODE(ep_try_submit, executor, nothing_task, NULL, 0, NULL);
    CODE(ep_submit_with, executor, nothing_task, NULL, 0, NULL, NULL);
    CODE(ep_map, executor, nothing_task, no_source, NULL, NULL, &map);
    CODE(ep_map_columns, executor, nothing_task, &none, 1, 0, NULL, &map);
    CODE(ep_executor_shutdown, executor, EP_WAIT | EP_CANCEL);
    CODE(ep_executor_join, executor, EP_FOREVER);
    NOTHING(ep_executor_terminate, executor);
    CODE(ep_executor_pause, executor);
    CODE(ep_executor_resume, executor);
    CODE(ep_executor_resize, executor, 3);
    CODE(ep_executor_wait_idle, executor, EP_FOREVER);
    CODE(ep_executor_room, executor);
    USUAL(ep_executor_broken, !ep_executor_broken(executor, NULL));
    ep_executor_stats(executor, &stats);
    say("ep_executor_stats",
        stats.accepted == 0 && stats.workers == 0 && stats.running == 0 ? "zeros" : "wrong");
    CODE(ep_group_new, executor, 0, &group);
    CODE(ep_group_submit, before->group, nothing_task, NULL, 0, NULL, &future);
    CODE(ep_group_wait, before->group, EP_FOREVER);
    USUAL(ep_group_left, ep_group_left(before->group) == 1);
    ep_group_error(before->group, &error);
    USUAL(ep_group_error, !error.failed);
    NOTHING(ep_group_cancel, before->group);
    NOTHING(ep_group_free, before->group);
    CODE(ep_executor_observe, executor, NULL, NULL, 0);
    NOTHING(ep_executor_free, executor);
}

static void use_pool(const struct before *before)
{
    struct ep_pool *pool = before->pool;
    struct ep_column none = {NULL, 1};
    struct ep_bytes reply;
    struct ep_async *call;
    struct ep_map *map;

    CODE(ep_pool_apply, pool, nothing_task, NULL, 0, &reply, &call);
    CODE(ep_pool_apply_async, pool, nothing_task, NULL, 0, NULL, &call);
    CODE(ep_pool_map, pool, nothing_task, NULL, 1, 0, 0, &call);
    CODE(ep_pool_map_async, pool, nothing_task, NULL, 1, 0, 0, NULL, &call);
    CODE(ep_pool_starmap, pool, nothing_task, &none, 1, 0, 0, &call);
    CODE(ep_pool_starmap_async, pool, nothing_task, &none, 1, 0, 0, NULL, &call);
    CODE(ep_pool_imap, pool, nothing_task, no_source, NULL, 0, 0, &map);
    CODE(ep_pool_imap_unordered, pool, nothing_task, no_source, NULL, 0, 0, &map);
    USUAL(ep_pool_executor, ep_pool_executor(pool) != NULL);
    USUAL(ep_async_ready, ep_async_ready(before->ready) && !ep_async_ready(before->call));
    CODE(ep_async_successful, before->call);
    NOTHING(ep_async_wait, before->call, EP_FOREVER);
    if (ep_async_get(before->ready, 0, &reply) == 0)
        CODE(ep_async_get, before->call, EP_FOREVER, &reply);
    USUAL(ep_async_count, ep_async_count(before->call) == 1);
    CODE(ep_async_item, before->call, 0, &reply, NULL);
    ep_async_free(before->ready);
    NOTHING(ep_async_free, before->call);
    CODE(ep_pool_join, pool);
    NOTHING(ep_pool_close, pool);
    NOTHING(ep_pool_terminate, pool);
    NOTHING(ep_pool_free, pool);
}

/** Make what only the child has; an executor of processes not from the parent's zygote. */
static void make_own(const struct before *before)
{
    struct ep_options options = {.workers = 1, .zygote = before->zygote};
    struct ep_executor *executor = NULL;
    struct ep_zygote *zygote = NULL;
    struct ep_mailbox *mailbox = NULL;
    struct ep_completions *completions = NULL;
    struct ep_pool *pool = NULL;
    bool usual;

    CODE(ep_process_executor_new, &options, &executor);
    USUAL(ep_zygote_new, ep_zygote_new(&zygote) == 0);
    options.zygote = zygote;
    usual = ep_thread_executor_new(&options, &executor) == 0;
    USUAL(ep_thread_executor_new, usual && stage_submit(executor, NULL) == 0);
    ep_executor_free(executor);
    USUAL(ep_pool_new, ep_pool_new(EP_POOL_PROCESSES, &options, &pool) == 0);
    ep_pool_free(pool);
    USUAL(ep_mailbox_new, ep_mailbox_new(&mailbox) == 0);
    ep_mailbox_free(mailbox);
    USUAL(ep_completions_new, ep_completions_new(NULL, 0, EP_FOREVER, &completions) == 0);
    ep_completions_free(completions);
    ep_zygote_free(zygote);
    NOTHING(ep_zygote_free, before->zygote);
    USUAL(ep_now_ns, ep_now_ns() > 0);
    USUAL(ep_usable_cpus, ep_usable_cpus() > 0);
    USUAL(ep_strerror, strlen(ep_strerror(EP_EFORKED)) > 0);
    USUAL(ep_version, ep_version() > 0);
}

/** A task whose child uses it. */
static int fork_task(struct ep_task *task)
{
    size_t size;
    int status, n;
    pid_t child = fork();

    if (child == 0) {
        memcpy(&n, ep_task_input(task, &size), sizeof n);
        USUAL(ep_task_input, size == sizeof n && n == 5);
        USUAL(ep_task_worker, ep_task_worker(task) == 0);
        USUAL(ep_task_stopping, !ep_task_stopping(task));
        USUAL(ep_task_fd, ep_task_fd(task, 0) == -1);
        USUAL(ep_task_take_fd, ep_task_take_fd(task, 0) == -1);
        CODE(ep_task_reply, task, "child", 5);
        USUAL(ep_task_fail, ep_task_fail(task, 3, "child") == 3);
        USUAL(ep_task_failf, ep_task_failf(task, 3, "child %d", 1) == 3);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        ;
    return ep_task_reply(task, "parent", 6);
}

static const char *answer_to(const char *function)
{
    for (size_t i = 0; i < answers->count; i++)
        if (strcmp(answers->list[i].function, function) == 0)
            return answers->list[i].answer;
    return "not asked";
}

/** Open a file of the source tree. */
static FILE *source(const char *name)
{
    const char *top = getenv("TOP_SRCDIR");
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", top != NULL ? top : "..", name);
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    return file;
}

/** Compare each row of the table with what the child saw. @return the rows */
static size_t compare_table(void)
{
    FILE *table = source("docs/after-fork.md");
    char line[512], function[32], answer[32];
    size_t rows = 0;

    while (fgets(line, sizeof line, table) != NULL) {
        if (sscanf(line, "| %31[a-z_] | %31[^|]", function, answer) != 2)
            continue;
        while (answer[strlen(answer) - 1] == ' ')
            answer[strlen(answer) - 1] = '\0';
        if (strncmp(function, "ep_", 3) != 0)
            continue;
        ck_assert_msg(strcmp(answer_to(function), answer) == 0,
                      "%s: %s in the child, %s in the table", function, answer_to(function),
                      answer);
        rows++;
    }
    fclose(table);
    return rows;
}

/** Check that a header declares no function that was not asked. @return how many there are */
static size_t compare_header(const char *name)
{
    FILE *header = source(name);
    char line[512];
    size_t functions = 0;

    while (fgets(line, sizeof line, header) != NULL) {
        char *start = strstr(line, "EP_API") == line ? strstr(line, "ep_") : NULL, *end;

        /* The name is the last word before the bracket; types before it have the prefix as well. */
        if (start == NULL || (end = strchr(start, '(')) == NULL)
            continue;
        *end = '\0';
        while (end > line && end[-1] != ' ' && end[-1] != '*')
            end--;
        ck_assert_msg(strcmp(answer_to(end), "not asked") != 0, "%s was not asked", end);
        functions++;
    }
    fclose(header);
    return functions;
}

static struct before make_before(void)
{
    struct ep_options options = {.workers = 1}, pool_options = {.workers = 1};
    struct ep_map_options unordered = {.unordered = true};
    struct gate *gate = &stage->gate;
    struct ep_column column = {&gate, sizeof gate};
    struct before before;

    ck_assert_int_eq(ep_zygote_new(&before.zygote), 0);
    options.zygote = pool_options.zygote = before.zygote;
    before.executor = executor_with(&options);
    ck_assert_int_eq(ep_pool_new(kind == PROCESSES ? EP_POOL_PROCESSES : EP_POOL_THREADS,
                                 &pool_options, &before.pool),
                     0);
    before.finished = submit_bytes(before.executor, nothing_task, NULL, 0);
    ck_assert_int_eq(ep_future_result(before.finished, EP_FOREVER, NULL), 0);
    ck_assert_int_eq(ep_pool_apply(before.pool, nothing_task, NULL, 0, NULL, &before.ready), 0);
    before.pending = submit_gate(before.executor, gate);
    ck_assert_int_eq(
        ep_pool_apply_async(before.pool, gate_task, &gate, sizeof gate, NULL, &before.call), 0);
    gate_await(gate, 2);
    ck_assert_int_eq(ep_completions_new(&before.pending, 1, EP_FOREVER, &before.completions), 0);
    ck_assert_int_eq(ep_map_columns(before.executor, gate_task, &column, 1, 1, NULL, &before.map),
                     0);
    ck_assert_int_eq(
        ep_map_columns(before.executor, gate_task, &column, 1, 1, &unordered, &before.unordered),
        0);
    ck_assert_int_eq(ep_mailbox_new(&before.mailbox), 0);
    ck_assert_int_eq(ep_group_new(before.executor, 0, &before.group), 0);
    ck_assert_int_eq(ep_group_submit(before.group, gate_task, &gate, sizeof gate, NULL, NULL), 0);
    return before;
}

static void count_letter(struct ep_future *future, void *count)
{
    (void)future;
    ++*(int *)count;
}

/** Check that the parent's objects do what they did, and end them. */
static void end_before(struct before *before)
{
    struct ep_options options = {.workers = 1, .zygote = before->zygote};
    struct pollfd rings = {.fd = ep_mailbox_fd(before->mailbox), .events = POLLIN};
    struct ep_executor *other;
    struct ep_future *future;

    ck_assert_int_eq(poll(&rings, 1, 0), 1); /* the child has taken nothing away */
    ck_assert_uint_eq(ep_mailbox_dispatch(before->mailbox), 1);
    gate_open(&stage->gate, 5);
    ck_assert_int_eq(ep_completions_next(before->completions, &future), 0);
    ep_future_unref(future);
    ck_assert_int_eq(ep_map_next(before->map, NULL), 0);
    ck_assert_int_eq(ep_map_next(before->unordered, NULL), 0);
    ck_assert_int_eq(ep_async_get(before->call, EP_FOREVER, NULL), 0);
    ck_assert_int_eq(ep_process_executor_new(&options, &other), 0); /* the zygote lives */
    ck_assert_int_eq(stage_submit(other, NULL), 0);
    ep_executor_free(other);
    ck_assert_int_eq(ep_group_wait(before->group, EP_FOREVER), 0);
    ep_group_free(before->group);
    ep_completions_free(before->completions);
    ep_map_free(before->map);
    ep_map_free(before->unordered);
    ep_mailbox_free(before->mailbox);
    ep_async_free(before->ready);
    ep_async_free(before->call);
    ep_future_unref(before->finished);
    ep_future_unref(before->pending);
    ep_pool_free(before->pool);
    ep_executor_free(before->executor);
    ep_zygote_free(before->zygote);
}

CASE_FOR_KINDS("Table")

TEST(each_function_does_what_the_table_says)
{
    struct before before;
    struct ep_future *future;
    struct ep_bytes reply;
    size_t functions;
    int letters = 0, status, five = 5;
    pid_t child;

    answers = shared_memory(sizeof *answers);
    before = make_before();
    ck_assert_int_eq(ep_mailbox_add(before.mailbox, before.finished, count_letter, &letters), 0);
    child = fork();
    if (child == 0) {
        use_futures(&before);
        use_executor(&before);
        use_pool(&before);
        make_own(&before);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    end_before(&before);
    ck_assert_int_eq(letters, 1);

    before.executor = executor_that(1, 8, EP_BLOCK);
    future = submit_bytes(before.executor, fork_task, &five, sizeof five);
    ck_assert_int_eq(ep_future_result(future, EP_FOREVER, &reply),
                     0); /* the parent's, not the child's */
    ck_assert_uint_eq(reply.size, 6);
    ep_future_unref(future);
    ep_executor_free(before.executor);

    functions = compare_header("pool/echopool.h") + compare_header("pool/echopool-mp.h");
    ck_assert_uint_gt(functions, 70);
    ck_assert_uint_eq(compare_table(), functions);
}

int main(void)
{
#ifdef __SANITIZE_THREAD__
    puts("1..0 # SKIP ThreadSanitizer allows a forked child no thread of its own");
    return 0;
#else
    return suite_run();
#endif
}
