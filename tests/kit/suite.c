/* SPDX-License-Identifier: MIT */
/* The common end of the test programs: see suite.h. */
#include "tests/kit/suite.h"

#include <stdlib.h>
#include <string.h>

TCase *suite_case(Suite *suite, const char *name)
{
    static TCase *last;
    static const char *last_name;

    if (last_name == NULL || strcmp(name, last_name) != 0) {
        last = tcase_create(name);
        last_name = name;
        suite_add_tcase(suite, last);
    }
    return last;
}

void suite_add(Suite *suite, const char *name, int times, const TTest *const *tests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (times < 0)
            tcase_add_test(suite_case(suite, name), tests[i]);
        else
            tcase_add_loop_test(suite_case(suite, name), tests[i], 0, times);
}

int suite_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 && getenv("CK_TAP_LOG_FILE_NAME") == NULL ? EXIT_FAILURE : EXIT_SUCCESS;
}
