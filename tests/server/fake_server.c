/* SPDX-License-Identifier: MIT */
/* An admin port with a made-up server under it: see fake_server.h. */
#include "tests/server/fake_server.h"

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
static atomic_bool ends_at_look;

static void look(struct server *server, struct state *state)
{
    (void)server;
    pthread_mutex_lock(&state_lock);
    shown.uptime_ns += 1000000000; /* so that no two are the same */
    *state = shown;
    pthread_mutex_unlock(&state_lock);
    atomic_fetch_add(&times_taken, 1);
    if (atomic_load(&ends_at_look))
        event_base_loopbreak(fake.base);
}

/* These only remember, and refuse when a test wants it. */
static atomic_int workers_changed;
static atomic_bool is_paused;
static atomic_int visitors, silent_visitors;
static atomic_bool refuses;

static int resize(struct server *server, bool more, uint64_t *workers,
                  char why[static HOST_WHY_MAX])
{
    (void)server;
    if (atomic_load(&refuses)) {
        snprintf(why, HOST_WHY_MAX, "this server has none");
        return -ENOTSUP;
    }
    *workers = (uint64_t)(4 + atomic_fetch_add(&workers_changed, more ? 1 : -1) + (more ? 1 : -1));
    return 0;
}

static int pause_accepting(struct server *server, bool paused, char why[static HOST_WHY_MAX])
{
    (void)server;
    if (atomic_load(&refuses)) {
        snprintf(why, HOST_WHY_MAX, "this server is closed");
        return -ESHUTDOWN;
    }
    atomic_store(&is_paused, paused);
    return 0;
}

static int visit(struct server *server, unsigned count, bool silent, char why[static HOST_WHY_MAX])
{
    (void)server;
    if (atomic_load(&refuses)) {
        snprintf(why, HOST_WHY_MAX, "this server has had enough");
        return -EBUSY;
    }
    atomic_fetch_add(silent ? &silent_visitors : &visitors, (int)count);
    return (int)count;
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

const struct admin_host fake_host = {NULL, look, resize, pause_accepting, visit};

struct fake_server fake;

static void open_with(const char *where, bool control)
{
    char why[ADMIN_WHY_MAX] = "";

    signal(SIGPIPE, SIG_IGN); /* as the server does */
    state_fill(&shown);
    fake.base = event_base_new();
    fake.stop_fd = eventfd(0, EFD_CLOEXEC);
    fake.stop = event_new(fake.base, fake.stop_fd, EV_READ, on_stop, fake.base);
    ck_assert_int_eq(event_add(fake.stop, NULL), 0);
    ck_assert_msg(admin_new(fake.base, where, control, &fake_host, &fake.admin, why) == 0, "%s",
                  why);
    ck_assert_int_eq(sscanf(admin_address(fake.admin, 0), "127.0.0.1:%hu", &fake.port), 1);
    ck_assert_int_eq(pthread_create(&fake.thread, NULL, run_loop, fake.base), 0);
}

void fake_open(void)
{
    open_with("0", false);
}

void fake_open_with_control(void)
{
    open_with("0", true);
}

void fake_open_on(const char *where)
{
    open_with(where, false);
}

void fake_close(void)
{
    ck_assert_int_eq(eventfd_write(fake.stop_fd, 1), 0);
    if (!fake.has_ended)
        pthread_join(fake.thread, NULL);
    admin_free(fake.admin);
    event_free(fake.stop);
    event_base_free(fake.base);
    close(fake.stop_fd);
}

void fake_end_at_event(void)
{
    atomic_store(&ends_at_look, true);
    pthread_join(fake.thread, NULL);
    fake.has_ended = true;
    shown.ended = true;
}

void fake_set_readiness(bool draining, uint64_t workers)
{
    pthread_mutex_lock(&state_lock);
    shown.draining = draining;
    shown.workers = workers;
    pthread_mutex_unlock(&state_lock);
}

void fake_set_lame_duck(bool lame_duck)
{
    pthread_mutex_lock(&state_lock);
    shown.lame_duck = lame_duck;
    pthread_mutex_unlock(&state_lock);
}

int fake_workers_changed(void)
{
    return atomic_load(&workers_changed);
}

bool fake_is_paused(void)
{
    return atomic_load(&is_paused);
}

int fake_visitors(bool silent)
{
    return atomic_load(silent ? &silent_visitors : &visitors);
}

void fake_refuse_control(void)
{
    atomic_store(&refuses, true);
}

unsigned fake_looks(void)
{
    return atomic_load(&times_taken);
}
