/* SPDX-License-Identifier: MIT */
/* Waiting for adopted processes: those of the model are left to it. */
#include "server/reap.h"

#include "server/parts.h"
#include "tests/kit/suite.h"

#include <event2/event.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the model has made. */
static pid_t own;

static bool owns(struct model *model, pid_t pid)
{
    (void)model;
    return pid == own;
}

/* Make a child, and wait until it has ended; it stays a zombie. */
static pid_t ended_child(void)
{
    siginfo_t ended;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(0);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    return pid;
}

static bool is_zombie(pid_t pid)
{
    siginfo_t ended;

    return waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0;
}

CASE("Core")

TEST(adopted_ones_are_waited_for)
{
    const struct model_type type = {.owns = NULL};
    struct server server = {.type = &type};
    pid_t first = ended_child(), second = ended_child();

    reap_on_child(-1, 0, &server);
    ck_assert(!is_zombie(first));
    ck_assert(!is_zombie(second));
}

/* The model must learn how its own have ended. Others may be behind it: the server looks again. */
TEST(those_of_the_model_are_left_to_it)
{
    const struct model_type type = {.owns = owns};
    struct server server = {.type = &type, .base = event_base_new()};
    pid_t adopted;

    ck_assert_ptr_nonnull(server.base);
    server.events[ON_REAP] = evtimer_new(server.base, reap_on_child, &server);
    own = ended_child();
    adopted = ended_child();
    reap_on_child(-1, 0, &server);
    ck_assert(is_zombie(own));

    ck_assert_int_eq(waitpid(own, NULL, 0), own); /* the model does */
    ck_assert_int_ge(event_base_dispatch(server.base), 0);
    ck_assert(!is_zombie(adopted));
    event_free(server.events[ON_REAP]);
    event_base_free(server.base);
}
