/* SPDX-License-Identifier: MIT */
/* --agent: the line for each state. check_server_agent.c has it in the real server. */
#include "server/admin/agent.h"

#include "server/admin/state.h"
#include "server/models/model.h"
#include "tests/kit/state.h"
#include "tests/kit/suite.h"

#include <string.h>

static struct state state;

/* A server of four workers and a thousand sessions, of which none is live. */
static void empty(void)
{
    state_fill(&state);
    state.settings.max_sessions = 1000;
    state.busy = 0;
    memset(state.in_phase, 0, sizeof state.in_phase);
}

static void expect_line(const char *expected)
{
    char text[AGENT_LINE];

    ck_assert_str_eq(agent_line(&state, text), expected);
}

CASE_WITH("Lines", empty, NULL)

static const struct {
    unsigned busy, waiting, parked;
    const char *line;
} loads[] = {
    {0, 0, 0, "up 100%\n"},  {1, 0, 0, "up 75%\n"},   {4, 0, 0, "up 1%\n"},
    {4, 16, 0, "up 1%\n"},   {0, 0, 900, "up 10%\n"}, {3, 0, 500, "up 25%\n"},
    {0, 0, 1000, "up 1%\n"}, {0, 0, 2000, "up 1%\n"},
};

LOOP_TEST(the_part_that_is_free, COUNT_OF(loads))
{
    state.busy = loads[_i].busy;
    state.in_phase[PHASE_QUEUED] = loads[_i].waiting;
    state.in_phase[PHASE_PARKED] = loads[_i].parked;
    expect_line(loads[_i].line);
}

/* An event loop has many sessions: that it has one says nothing. */
TEST(workers_that_hold_many)
{
    struct model_type loops = {.name = "event", .holds_many = true};

    state.type = &loops;
    state.busy = 4;
    state.in_phase[PHASE_PARKED] = 250;
    expect_line("up 75%\n");
}

TEST(without_a_bound)
{
    struct model_type threads = {.name = "thread"};

    state.type = &threads;
    state.settings.max_sessions = 0;
    state.in_phase[PHASE_PARKED] = 5000;
    expect_line("up 100%\n");
}

LOOP_TEST(no_more_sessions, 4)
{
    state.lame_duck = _i == 0;
    state.draining = _i == 1;
    state.listener.why_person = _i == 2;
    state.workers = _i == 3 ? 0 : 4;
    expect_line("stopped\n");
}
