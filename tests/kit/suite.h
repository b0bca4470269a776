/* SPDX-License-Identifier: MIT */
/**
 * @file suite.h
 * The suite of a Check program: its cases and tests, in the order of the file.
 *
 *     CASE("Core")
 *
 *     TEST(first_in_first_out)
 *     {
 *         ...
 *     }
 *
 *     CASE_WITH("Limits", setup, teardown)
 *
 *     LOOP_TEST(every_size, COUNT_OF(sizes))
 *     {
 *         ... sizes[_i] ...
 *     }
 *
 * Each of these lines adds itself to the suite before main() begins. main() is in the kit; a program
 * that needs its own calls suite_run(). The tests of a program are all in one file.
 */
#ifndef TESTS_KIT_SUITE_H
#define TESTS_KIT_SUITE_H

#include <check.h>
#include <stddef.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/** Begin a case: the tests that follow are its tests. Fixtures run before and after each of them. */
#define CASE(name)                       SUITE_STEP(case_begin(name))
#define CASE_WITH(name, setup, teardown) SUITE_STEP(case_begin(name), case_fixture(setup, teardown))
/** What holds for the case that was begun last: another fixture; seconds for each test. */
#define FIXTURE(setup, teardown) SUITE_STEP(case_fixture(setup, teardown))
#define TIME_LIMIT(seconds)      SUITE_STEP(case_time_limit(seconds))

/** A test; one that runs for each _i from 0 up to `count`; for each from `first` to `last`. */
#define TEST(name)                    SUITE_TEST(name, 0, 1, 0)
#define LOOP_TEST(name, count)        SUITE_TEST(name, 0, (int)(count), 0)
#define RANGE_TEST(name, first, last) SUITE_TEST(name, first, (int)(last) + 1, 0)
/** A test whose process must end with this exit status; one that is run only under a condition. */
#define EXIT_TEST(name, status)  SUITE_TEST(name, 0, 1, status)
#define TEST_IF(name, condition) SUITE_TEST(name, 0, (condition) ? 1 : 0, 0)

/** Call functions when the suite is made, in the order of the lines of the file. */
#define SUITE_STEP(...)          SUITE_STEP_ON(__LINE__, __VA_ARGS__)
#define SUITE_STEP_ON(line, ...) SUITE_STEP_NAMED(line, __VA_ARGS__)
#define SUITE_STEP_NAMED(line, ...)                                                                \
    static void suite_step_##line(void)                                                            \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    __attribute__((constructor)) static void suite_add_step_##line(void)                           \
    {                                                                                              \
        suite_add_step(line, suite_step_##line);                                                   \
    }
#define SUITE_TEST(name, from, to, status)                                                         \
    static void name(int _i);                                                                      \
    static const TTest name##_test = {#name, name, __FILE__, __LINE__};                            \
    SUITE_STEP(case_test(&name##_test, from, to, status))                                          \
    static void name(int _i CK_ATTRIBUTE_UNUSED)

void suite_add_step(int line, void (*step)(void));

/** Begin a case. */
void case_begin(const char *name);
/** Begin one beside the last: what follows goes to both. The fixture is its own; NULL: none. */
void case_begin_too(const char *name, void (*setup)(void), void (*teardown)(void));
void case_fixture(void (*setup)(void), void (*teardown)(void));
/** A fixture that runs once for the whole case, outside the processes of its tests. */
void case_fixture_once(void (*setup)(void), void (*teardown)(void));
void case_time_limit(double seconds);
void case_test(const TTest *test, int from, int to, int status);

/**
 * Zeroed memory that lasts as long as the process of the test, so that the test does not release it;
 * memory from malloc() that will. What the kit returns is kept so. Threads: any.
 */
void *suite_memory(size_t size);
void *suite_keep(void *memory);
/** Text as printf() makes it, kept likewise. */
char *suite_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * A template for mkstemp() or mkdtemp() in a folder that is removed, with all that is in it, when the
 * suite has ended: also what a test leaves that fails. TMPDIR is that folder.
 */
char *suite_template(void);
/**
 * Make a file there that is as large as this process and its children may make a file from now on.
 *
 * @return its path
 */
char *suite_file_that_may_not_grow(void);

/**
 * Make and run the suite, and turn the outcome into an exit status.
 *
 * Under automake's TAP driver the status is 0 even where tests failed: the TAP lines say which,
 * and a status that is not 0 is left to mean that the program itself broke, a sanitizer for one.
 */
int suite_run(void);

#endif /* TESTS_KIT_SUITE_H */
