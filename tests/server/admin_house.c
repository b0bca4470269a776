/* SPDX-License-Identifier: MIT */
/* An admin port with a made-up server under it: see admin_house.h. */
#include "tests/server/admin_house.h"

#include "tests/kit/state.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the server under the admin port is said to be. */
static pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;
static struct state shown;
static atomic_uint times_taken;

static void look(struct server *server, struct state *state)
{
    (void)server;
    pthread_mutex_lock(&state_lock);
    shown.uptime_ns += 1000000000; /* so that no two are the same */
    *state = shown;
    pthread_mutex_unlock(&state_lock);
    atomic_fetch_add(&times_taken, 1);
}

/* These only remember, and refuse when a test wants it. */
static atomic_int workers_changed;
static atomic_bool is_paused;
static atomic_bool refuses;

static int resize(struct server *server, bool more, uint64_t *workers,
                  char why[static HOST_WHY_MAX])
{
    (void)server;
    if (atomic_load(&refuses)) {
        snprintf(why, HOST_WHY_MAX, "this house has none");
        return -ENOTSUP;
    }
    *workers = (uint64_t)(4 + atomic_fetch_add(&workers_changed, more ? 1 : -1) + (more ? 1 : -1));
    return 0;
}

static int pause_accepting(struct server *server, bool paused, char why[static HOST_WHY_MAX])
{
    (void)server;
    if (atomic_load(&refuses)) {
        snprintf(why, HOST_WHY_MAX, "this house is closed");
        return -ESHUTDOWN;
    }
    atomic_store(&is_paused, paused);
    return 0;
}

static void on_stop(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(argument);
}

static void *run_loop(void *argument)
{
    event_base_dispatch(argument);
    return NULL;
}

const struct admin_host house_host = {NULL, look, resize, pause_accepting};

static void open_with(struct house *house, bool control)
{
    char why[ADMIN_WHY_MAX] = "";

    signal(SIGPIPE, SIG_IGN); /* as the server does */
    state_fill(&shown);
    house->base = event_base_new();
    house->stop_fd = eventfd(0, EFD_CLOEXEC);
    house->stop = event_new(house->base, house->stop_fd, EV_READ, on_stop, house->base);
    ck_assert_int_eq(event_add(house->stop, NULL), 0);
    ck_assert_msg(admin_new(house->base, "0", control, &house_host, &house->admin, why) == 0, "%s",
                  why);
    ck_assert_int_eq(sscanf(admin_address(house->admin), "127.0.0.1:%hu", &house->port), 1);
    ck_assert_int_eq(pthread_create(&house->thread, NULL, run_loop, house->base), 0);
}

void house_open(struct house *house)
{
    open_with(house, false);
}

void house_open_with_control(struct house *house)
{
    open_with(house, true);
}

void house_close(struct house *house)
{
    ck_assert_int_eq(eventfd_write(house->stop_fd, 1), 0);
    pthread_join(house->thread, NULL);
    admin_free(house->admin);
    event_free(house->stop);
    event_base_free(house->base);
    close(house->stop_fd);
}

void house_set_readiness(bool draining, uint64_t workers)
{
    pthread_mutex_lock(&state_lock);
    shown.draining = draining;
    shown.workers = workers;
    pthread_mutex_unlock(&state_lock);
}

int house_workers_changed(void)
{
    return atomic_load(&workers_changed);
}

bool house_is_paused(void)
{
    return atomic_load(&is_paused);
}

void house_refuse_control(void)
{
    atomic_store(&refuses, true);
}

unsigned house_looks(void)
{
    return atomic_load(&times_taken);
}
