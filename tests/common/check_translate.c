/* SPDX-License-Identifier: MIT */
/* Messages in the user's language, with threads and forks. The words themselves are those of translate.sh. */
#include "common/translate.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENGLISH "yes or no" /* has a translation in each catalogue */

/*
 * Make the system Chinese. C.UTF-8 is always there, and does for it unless the C library takes no other language
 * in it: then a locale is made, which takes seconds. @return false: it cannot be
 */
static bool speak_chinese(void)
{
    const char *build = getenv("TOP_BUILDDIR");
    const char *folder = mkdtemp(suite_template());

    if (build == NULL || folder == NULL)
        return false;
    setenv("TEXTDOMAINDIR", suite_text("%s/po", build), 1);
    setenv("LANGUAGE", "zh_CN", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    translate_start();
    if (strcmp(translate(ENGLISH), ENGLISH) != 0)
        return true;
    translate_stop();
    setenv("LOCPATH", folder, 1);
    setenv("LC_ALL", "zh_CN.UTF-8", 1);
    (void)!system(
        "localedef --no-archive -i zh_CN -f UTF-8 \"$LOCPATH/zh_CN.UTF-8\" >/dev/null 2>&1");
    translate_start();
    return strcmp(translate(ENGLISH), ENGLISH) != 0;
}

CASE("Core")

TEST(without_a_start_texts_stay_as_they_are)
{
    errno = EBUSY;
    ck_assert_str_eq(translate(ENGLISH), ENGLISH);
    ck_assert_str_eq(translate_error(ENOENT), strerror(ENOENT));
    ck_assert_int_eq(errno, EBUSY);
}

TEST(what_programs_read_stays_as_it_is)
{
    char number[16];

    if (!speak_chinese())
        return;
    errno = EBUSY;
    ck_assert_str_ne(translate(ENGLISH), ENGLISH);
    ck_assert_int_eq(errno, EBUSY);
    ck_assert_str_eq(translate(""), "");
    ck_assert_str_eq(translate("not a message"), "not a message");
    ck_assert_str_eq(strerror(ENOENT), "No such file or directory");
    snprintf(number, sizeof number, "%.1f", 1.5);
    ck_assert_str_eq(number, "1.5");
    translate_stop();
    ck_assert_str_eq(translate(ENGLISH), ENGLISH);
}

CASE("Races")

static atomic_bool entered, forking;

/* Be within the C library's catalogues until some time after the fork has been called. */
static void *look_for_long(void *unused)
{
    locale_t before = translate_enter();

    atomic_store(&entered, true);
    while (!atomic_load(&forking))
        sched_yield();
    for (int i = 0; i < 10000; i++)
        sched_yield();
    translate_leave(before);
    return unused;
}

TEST(a_process_that_is_forked_while_a_thread_translates_can_translate)
{
    pthread_t thread;
    pid_t child;
    int status;

    if (!speak_chinese())
        return;
    ck_assert_int_eq(pthread_create(&thread, NULL, look_for_long, NULL), 0);
    while (!atomic_load(&entered))
        sched_yield();
    atomic_store(&forking, true);
    child = fork();
    /* Not _exit(): ThreadSanitizer would complain of the thread, which no thread joins in the child. */
    if (child == 0)
        syscall(SYS_exit_group, strcmp(translate(ENGLISH), ENGLISH) == 0);
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    pthread_join(thread, NULL);
}
