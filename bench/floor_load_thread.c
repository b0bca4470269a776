/* SPDX-License-Identifier: MIT */
/*
 * The floor under loads with a thread for each session: floor_load_thread PORT SESSIONS MESSAGES
 *
 * This is load.c as a program. Unlike floor_load it compares every reply with the same 128 bytes,
 * which costs some nanoseconds per echo.
 */
#include "bench/load.h"
#include "common/log.h"
#include "common/parse.h"

static unsigned number(const char *text, uint64_t most)
{
    uint64_t value;

    if (!parse_number(text, 1, most, &value))
        log_usage("%s is not a number from 1 to %llu", text, (unsigned long long)most);
    return (unsigned)value;
}

int main(int argc, char *argv[])
{
    struct load_options options = {0};
    struct load *load;

    log_init("floor_load_thread", LOG_NORMAL);
    if (argc != 4)
        log_usage("floor_load_thread PORT SESSIONS MESSAGES");
    options.port = (uint16_t)number(argv[1], 65535);
    options.sessions = number(argv[2], 100000);
    load = load_open(&options);
    load_run(load, number(argv[3], 1000000000));
    load_close(load);
    return EXIT_OK;
}
