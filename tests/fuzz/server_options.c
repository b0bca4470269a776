/* SPDX-License-Identifier: MIT */
/* The command line of echo-server: see options.c of this room. */
#include "config.h"

#include "common/log.h"
#include "server/options.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/options.h"

void options_target(int argc, char **argv)
{
    struct options options;

    log_set_form(LOG_TEXT); /* an earlier line may have changed it */
    options_parse(&options, argc, argv);
    HOLDS(options.hosts.count > 0 && options.port <= UINT16_MAX);
    HOLDS(options.workers > 0 && options.buffer_bytes > 0);
    HOLDS(options.high_water <= options.queue);
    HOLDS(options.low_water < options.high_water || options.high_water == 0);
    HOLDS(options.idle_timeout_ns >= 0 && options.drain_timeout_ns >= 0);
    HOLDS((options.tls_key == NULL) == (options.tls_cert == NULL));
}
