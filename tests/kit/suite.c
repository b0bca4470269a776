/* SPDX-License-Identifier: MIT */
/* The common end of the test programs: see suite.h. */
#include "tests/kit/suite.h"

#include <stdlib.h>

int suite_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 && getenv("CK_TAP_LOG_FILE_NAME") == NULL ? EXIT_FAILURE : EXIT_SUCCESS;
}
