/* SPDX-License-Identifier: MIT */
/* The timeouts: which limit holds in which phase, and whose time it is that passes. */
#include "server/session/timeouts.h"

#include "common/clock.h"
#include "server/session/session.h"
#include "tests/kit/suite.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS INT64_C(1000000)

/* A timer over one session that no worker serves. */
struct scene {
    struct event_base *base;
    struct shared *shared;
    struct timeouts *timeouts;
    struct session session;
    int peer;
    unsigned looks;
};

static void count_look(void *context)
{
    struct scene *scene = context;

    scene->looks++;
}

static void set_up(struct scene *scene, const struct timeouts_limits *limits, enum phase phase)
{
    int pair[2];

    *scene = (struct scene){.base = event_base_new(), .shared = shared_new()};
    ck_assert(scene->base != NULL && scene->shared != NULL);
    scene->shared->accounting = accounting_new(1, 1);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    scene->session.fd = pair[0];
    scene->peer = pair[1];
    accounting_enter(scene->shared->accounting, &scene->session.entry);
    if (phase != PHASE_QUEUED)
        atomic_store(&scene->session.entry.begun_ns, clock_now_ns());
    session_move(&scene->session, phase);
    scene->timeouts = timeouts_new(scene->base, scene->shared, limits, count_look, scene);
    ck_assert_ptr_nonnull(scene->timeouts);
}

static void take_down(struct scene *scene)
{
    timeouts_free(scene->timeouts);
    accounting_free(scene->shared->accounting);
    shared_free(scene->shared);
    event_base_free(scene->base);
    close(scene->session.fd);
    close(scene->peer);
}

/* Let the timer look once. */
static void look(struct scene *scene)
{
    unsigned looks = scene->looks;

    while (scene->looks == looks)
        ck_assert_int_eq(event_base_loop(scene->base, EVLOOP_ONCE), 0);
}

static enum outcome verdict(struct scene *scene)
{
    return (enum outcome)atomic_load(&scene->session.verdict);
}

/* The loop does nothing for this long: it was stopped, or had no CPU. */
static void pass(int64_t ns)
{
    int64_t until_ns = clock_now_ns() + ns;

    while (clock_now_ns() < until_ns)
        continue;
}

static const struct {
    enum phase phase;
    struct timeouts_limits limits;
    enum outcome outcome;
} limited[] = {
    {PHASE_HANDSHAKE, {.handshake_ns = 30 * MS}, OUTCOME_HANDSHAKE_TIMEOUT},
    {PHASE_RECEIVING, {.idle_ns = 30 * MS}, OUTCOME_IDLE_TIMEOUT},
    {PHASE_PARKED, {.idle_ns = 30 * MS}, OUTCOME_IDLE_TIMEOUT},
    {PHASE_SENDING, {.write_ns = 30 * MS}, OUTCOME_WRITE_TIMEOUT},
    {PHASE_WORKING, {.session_ns = 30 * MS}, OUTCOME_SESSION_TIMEOUT},
    {PHASE_RECEIVING, {.session_ns = 30 * MS}, OUTCOME_SESSION_TIMEOUT},
};

CASE("Core")

/* Who does not move is judged by the limit of its phase, and not before its time. */
LOOP_TEST(each_phase_has_its_limit, COUNT_OF(limited))
{
    struct scene scene;
    int64_t begun_ns = clock_now_ns();
    char byte;

    set_up(&scene, &limited[_i].limits, limited[_i].phase);
    while (verdict(&scene) == OUTCOME_SERVED)
        look(&scene);
    ck_assert_int_eq(verdict(&scene), limited[_i].outcome);
    ck_assert_int_ge(clock_now_ns() - begun_ns, 30 * MS);
    ck_assert_int_eq(recv(scene.session.fd, &byte, 1, MSG_DONTWAIT),
                     0); /* a blocked reader would wake */
    take_down(&scene);
}

static const struct {
    enum phase phase;
    struct timeouts_limits limits;
} free_of_limits[] = {
    {PHASE_QUEUED, {10 * MS, 10 * MS, 10 * MS, 10 * MS}},
    {PHASE_WORKING, {.handshake_ns = 10 * MS, .idle_ns = 10 * MS, .write_ns = 10 * MS}},
    {PHASE_SENDING, {.handshake_ns = 10 * MS, .idle_ns = 10 * MS}},
    {PHASE_RECEIVING, {.handshake_ns = 10 * MS, .write_ns = 10 * MS}},
};

LOOP_TEST(no_limit_but_its_own, COUNT_OF(free_of_limits))
{
    struct scene scene;

    set_up(&scene, &free_of_limits[_i].limits, free_of_limits[_i].phase);
    for (int i = 0; i < 5; i++)
        look(&scene);
    ck_assert_int_eq(verdict(&scene), OUTCOME_SERVED);
    take_down(&scene);
}

/* As long as it moves, however slowly, it is not idle. */
TEST(an_active_session_is_left_alone)
{
    struct scene scene;

    set_up(&scene, &(const struct timeouts_limits){.idle_ns = 60 * MS}, PHASE_RECEIVING);
    for (int i = 0; i < 15; i++) {
        session_move(&scene.session, PHASE_RECEIVING);
        look(&scene);
    }
    ck_assert_int_eq(verdict(&scene), OUTCOME_SERVED);
    take_down(&scene);
}

/* The server was stopped, and its workers with it: that is not the client's time. */
TEST(time_while_the_server_is_stopped)
{
    struct scene scene;

    set_up(&scene, &(const struct timeouts_limits){.idle_ns = 100 * MS}, PHASE_RECEIVING);
    look(&scene);
    for (int i = 0; i < 3; i++) {
        pass(150 * MS);
        look(&scene);
        ck_assert_int_eq(verdict(&scene), OUTCOME_SERVED);
    }
    while (verdict(&scene) == OUTCOME_SERVED)
        look(&scene);
    ck_assert_int_eq(verdict(&scene), OUTCOME_IDLE_TIMEOUT);
    take_down(&scene);
}

/* However late the first look comes, the verdict is that of the limit that has passed. */
TEST(a_late_look_gives_the_right_name)
{
    struct scene scene;

    set_up(&scene, &(const struct timeouts_limits){.session_ns = 10 * MS}, PHASE_RECEIVING);
    pass(1100 * MS);
    look(&scene);
    ck_assert_int_eq(verdict(&scene), OUTCOME_SESSION_TIMEOUT);
    take_down(&scene);
}
