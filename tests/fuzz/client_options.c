/* SPDX-License-Identifier: MIT */
/* The command line of echo-client, and of `echo-client report`: see options.c of this room. */
#include "config.h"

#include "client/options.h"
#include "common/log.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/options.h"

#include <string.h>

void options_target(int argc, char **argv)
{
    struct options options;

    log_init("echo-client", LOG_NORMAL);
    if (argc > 1 && strcmp(argv[1], "report") == 0) {
        int first = options_parse_report(argc - 1, argv + 1, &options);

        HOLDS(first > 0 && first < argc - 1);
        return;
    }
    options_parse(argc, argv, &options);
    HOLDS(options.hosts.count > 0 && options.depth > 0 && options.timeout_ns > 0);
    HOLDS(options.size_min > 0 && options.size_min <= options.size_max);
    HOLDS(options.step_count <= STEPS_MAX && options.rate >= 0);
    for (unsigned i = 0; i < options.step_count; i++)
        HOLDS(options.steps[i] > 0 && options.steps[i] <= options.sessions);
    HOLDS((options.key_file == NULL) == (options.certificate_file == NULL));
}
