/* SPDX-License-Identifier: MIT */
/* Looking at a server: who is here and in what order, what it takes, and the listener's backlog. */
#include "server/admin/state.h"

#include "common/clock.h"
#include "pool/echopool.h"
#include "server/models/table.h"
#include "server/parts.h"
#include "server/session/session.h"
#include "server/snapshot.h"
#include "tests/kit/suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Server enough to be looked at. */
struct stage_set {
    struct server server;
    struct options options;
    struct state state;
};

static struct stage_set *set_up(uint64_t workers)
{
    static const struct model_type type = {.name = "thread-pool", .capped = true};
    struct stage_set *set = suite_memory(sizeof *set);
    struct server *server = &set->server;

    set->options = (struct options){.queue = 7, .on_full = ON_FULL_REJECT};
    server->options = &set->options;
    server->type = &type;
    server->workers = workers;
    server->started_ns = clock_now_ns();
    server->shared = shared_new();
    ck_assert_ptr_nonnull(server->shared);
    server->shared->accounting = accounting_new(workers, 1000);
    ck_assert_int_eq(printer_new(PRINT_NONE, 1, false, &server->shared->printer), 0);
    return set;
}

static void take_down(struct stage_set *set)
{
    printer_free(set->server.shared->printer);
    accounting_free(set->server.shared->accounting);
    shared_free(set->server.shared);
    free(set);
}

/* A session that is here and stands in a phase. */
static struct session *enter(struct stage_set *set, enum phase phase, unsigned worker)
{
    struct session *session = suite_memory(sizeof *session);

    session->number = atomic_fetch_add(set->server.shared->numbers, 1) + 1;
    accounting_enter(set->server.shared->accounting, &session->entry);
    session_move(session, phase);
    if (phase != PHASE_QUEUED)
        atomic_store(&session->entry.begun_ns, clock_now_ns());
    atomic_store(&session->entry.worker, worker);
    return session;
}

static void leave(struct stage_set *set, struct session *session)
{
    accounting_end(set->server.shared->accounting, &session->entry, OUTCOME_SERVED);
    free(session);
}

CASE("Core")

TEST(served_then_queued_then_parked)
{
    static const enum phase phases[] = {PHASE_QUEUED,  PHASE_PARKED, PHASE_RECEIVING,
                                        PHASE_SENDING, PHASE_QUEUED, PHASE_WORKING};
    static const uint64_t order[] = {3, 4, 6, 1, 5, 2};
    struct stage_set *set = set_up(3);
    struct session *sessions[6];
    const struct state *state = &set->state;

    for (unsigned i = 0; i < 6; i++) {
        sessions[i] = enter(set, phases[i], i);
        atomic_store(&sessions[i]->entry.echoes, i);
    }
    snapshot_take(&set->server, &set->state);
    ck_assert_uint_eq(state->row_count, 6);
    for (int i = 0; i < 6; i++) {
        const struct state_session *row = &state->rows[i];
        ck_assert_uint_eq(row->number, order[i]);
        ck_assert_int_eq(row->phase, phases[order[i] - 1]);
        ck_assert_uint_eq(row->worker, order[i] - 1);
        ck_assert_uint_eq(row->echoes, order[i] - 1);
        ck_assert_int_ge(row->age_ns, row->held_ns);
        ck_assert(row->phase != PHASE_QUEUED || row->held_ns == 0);
    }
    ck_assert_uint_eq(state->counts.in_flight, 6);
    ck_assert_uint_eq(state->counts.echoes, 15);
    ck_assert_uint_eq(state->in_phase[PHASE_QUEUED], 2);
    ck_assert_uint_eq(state->in_phase[PHASE_PARKED], 1);
    ck_assert_uint_eq(state->in_phase[PHASE_HANDSHAKE], 0);
    ck_assert_uint_eq(state->busy, 3); /* not those of whom waits or is parked */
    for (int i = 0; i < 6; i++)
        leave(set, sessions[i]);
    snapshot_take(&set->server, &set->state);
    ck_assert_uint_eq(state->row_count, 0);
    ck_assert_uint_eq(state->in_phase[PHASE_QUEUED], 0);
    ck_assert_uint_eq(state->busy, 0);
    take_down(set);
}

/* Loops have many sessions each, more than there are rows; what the accept loop serves is no worker's. */
TEST(each_busy_worker_once)
{
    enum { SESSIONS = STATE_ROWS_MAX + 44 };
    struct stage_set *set = set_up(EP_WORKERS_MAX);
    struct session *sessions[SESSIONS];

    for (int i = 0; i < SESSIONS; i++)
        sessions[i] = enter(set, PHASE_SENDING, (unsigned)(i % 3));
    atomic_store(&sessions[SESSIONS - 1]->entry.worker, WORKER_LOOP);
    snapshot_take(&set->server, &set->state);
    ck_assert_uint_eq(set->state.busy, 3);
    ck_assert_uint_eq(set->state.sessions_of[0], SESSIONS / 3);
    ck_assert_uint_eq(set->state.sessions_of[2], SESSIONS / 3 - 1);
    ck_assert_uint_eq(set->state.sessions_of[3], 0);
    atomic_store(&sessions[SESSIONS - 1]->entry.worker, EP_WORKERS_MAX - 1);
    snapshot_take(&set->server, &set->state);
    ck_assert_uint_eq(set->state.busy, 4);
    for (int i = 0; i < SESSIONS; i++)
        leave(set, sessions[i]);
    take_down(set);
}

/* The youngest of those that come last are left out of the rows, never out of the counts. */
TEST(rows_are_bounded)
{
    enum { EACH = STATE_ROWS_MAX * 2 / 3 };
    struct stage_set *set = set_up(EACH);
    struct session *sessions[3 * EACH];
    const struct state *state = &set->state;

    for (int i = 0; i < 3 * EACH; i++)
        sessions[i] = enter(set,
                            i % 3 == 0   ? PHASE_PARKED
                            : i % 3 == 1 ? PHASE_QUEUED
                                         : PHASE_RECEIVING,
                            0);
    snapshot_take(&set->server, &set->state);
    ck_assert_uint_eq(state->row_count, STATE_ROWS_MAX);
    for (int i = 0; i < STATE_ROWS_MAX; i++) {
        ck_assert_int_eq(state->rows[i].phase, i < EACH ? PHASE_RECEIVING : PHASE_QUEUED);
        ck_assert_uint_eq(state->rows[i].number,
                          i < EACH ? 3 * (uint64_t)i + 3 : 3 * (uint64_t)(i - EACH) + 2);
    }
    ck_assert_uint_eq(state->counts.in_flight, 3 * EACH);
    ck_assert_uint_eq(state->in_phase[PHASE_PARKED], EACH);
    for (int i = 0; i < 3 * EACH; i++)
        leave(set, sessions[i]);
    take_down(set);
}

/* The longest wait is that of all sessions that wait, also of one for which there is no row. */
LOOP_TEST(the_longest_wait, 2)
{
    const int served = _i == 0 ? 1 : STATE_ROWS_MAX;
    struct stage_set *set = set_up(STATE_ROWS_MAX);
    struct session *sessions[STATE_ROWS_MAX], *waits;

    for (int i = 0; i < served; i++)
        sessions[i] = enter(set, PHASE_RECEIVING, (unsigned)i);
    snapshot_take(&set->server, &set->state);
    ck_assert_int_eq(set->state.longest_wait_ns, 0);
    waits = enter(set, PHASE_QUEUED, 0);
    waits->entry.accepted_ns -= 5000000000;
    snapshot_take(&set->server, &set->state);
    ck_assert_uint_eq(set->state.in_phase[PHASE_QUEUED], 1);
    ck_assert_int_ge(set->state.longest_wait_ns, 5000000000);
    leave(set, waits);
    snapshot_take(&set->server, &set->state);
    ck_assert_int_eq(set->state.longest_wait_ns, 0);
    for (int i = 0; i < served; i++)
        leave(set, sessions[i]);
    take_down(set);
}

/* How long it has not moved is known from the watch, and only of one that it has seen there. */
TEST(time_in_a_phase)
{
    struct stage_set *set = set_up(1);
    struct session *session = enter(set, PHASE_RECEIVING, 0);

    snapshot_take(&set->server, &set->state);
    ck_assert_int_eq(set->state.rows[0].in_phase_ns, 0);
    session->seen_ns = clock_now_ns() - 5000000000;
    session->progress_seen = atomic_load(&session->progress);
    snapshot_take(&set->server, &set->state);
    ck_assert_int_ge(set->state.rows[0].in_phase_ns, 5000000000);
    session_move(session, PHASE_SENDING);
    snapshot_take(&set->server, &set->state);
    ck_assert_int_eq(set->state.rows[0].in_phase_ns, 0);
    leave(set, session);
    take_down(set);
}

TEST(what_was_asked_for)
{
    static const struct model_type other = {.name = "other"};
    struct stage_set *set = set_up(5);
    const struct state *state = &set->state;

    snapshot_take(&set->server, &set->state);
    ck_assert_str_eq(state->type->name, "thread-pool");
    ck_assert(!state->draining);
    ck_assert_uint_eq(state->workers, 5);
    ck_assert_uint_eq(state->queue, 7);
    ck_assert_str_eq(state->on_full, "reject");
    ck_assert_str_eq(state->hold, "session");
    ck_assert_uint_eq(state->processes, 1);
    atomic_store(set->server.shared->draining, true);
    set->server.type = &other;
    set->server.workers = 0;
    snapshot_take(&set->server, &set->state);
    ck_assert_ptr_eq(state->type, &other);
    ck_assert_uint_eq(state->queue, STATE_UNKNOWN); /* --queue has no effect */
    ck_assert(state->draining);
    ck_assert_uint_eq(state->workers, 0);
    take_down(set);
}

/* The table of models is made of the names of files; each model has its name, too. */
TEST(every_model_has_its_words)
{
    size_t i = 0;

    for (; models[i] != NULL; i++) {
        ck_assert_str_eq(models[i]->name, model_words[i]);
        ck_assert_ptr_nonnull(models[i]->unit);
        ck_assert_ptr_nonnull(models[i]->title);
        ck_assert_ptr_nonnull(models[i]->words);
    }
    ck_assert_ptr_null(model_words[i]);
    ck_assert_uint_ge(i, 6);
}

/* Open descriptors, without the one that is used to count them. */
static uint64_t descriptors_here(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;

    ck_assert_ptr_nonnull(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1;
}

static void *wait_at(void *argument)
{
    pthread_barrier_wait(argument);
    pthread_barrier_wait(argument);
    return NULL;
}

TEST(what_it_takes)
{
    struct stage_set *set = set_up(1);
    struct state *before = suite_memory(sizeof *before);
    struct state *now = &set->state;
    struct rlimit limit = {.rlim_cur = 0};
    pthread_barrier_t barrier;
    pthread_t thread;
    int fds[3];

    snapshot_take(&set->server, before);
    ck_assert_uint_eq(before->descriptors, descriptors_here());
    for (int i = 0; i < 3; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pthread_barrier_init(&barrier, NULL, 2);
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_at, &barrier), 0);
    pthread_barrier_wait(&barrier);
    snapshot_take(&set->server, now);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    ck_assert_uint_eq(now->descriptors, before->descriptors + 3);
    ck_assert_uint_ge(now->threads, before->threads + 1);
    ck_assert_uint_ge(now->resident_bytes, 100000);
    ck_assert_uint_gt(now->virtual_bytes, now->resident_bytes);
    ck_assert_int_gt(now->uptime_ns, 0);
    ck_assert_int_ge(now->cpu_ns, before->cpu_ns);
    getrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_uint_eq(now->descriptor_limit, limit.rlim_cur);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    take_down(set);
}

/* Wait for this many in the backlog, where a client may be later than connect() returns. */
static void await_backlog(struct stage_set *set, unsigned count)
{
    do
        snapshot_take(&set->server, &set->state);
    while (set->state.listener.backlog < count);
    ck_assert_uint_eq(set->state.listener.backlog, count);
}

/*
 * Nothing accepts here: those who connect are in the kernel's hands, and it says how many; of all
 * sockets together, except for a unix socket.
 */
TEST(the_backlog)
{
    struct stage_set *set = set_up(1);
    struct event_base *base = event_base_new();
    const struct listener_state *seen = &set->state.listener;
    struct listening_socket sockets[3];
    struct address address;
    const char *cause;
    int clients[3];

    ck_assert(address_resolve("127.0.0.1", 0, true, &address, &cause));
    ck_assert_int_eq(listening_socket_open(&address, &sockets[0]), 0);
    ck_assert_int_eq(listening_socket_open(&address, &sockets[1]), 0);
    const char *name = suite_text("@check_state.%d", (int)getpid());
    ck_assert(address_of_path(name, &address));
    ck_assert_int_eq(listening_socket_open(&address, &sockets[2]), 0);
    ck_assert_int_eq(listener_new(base, sockets, 3, set->server.shared, &set->server.listener), 0);
    for (int i = 0; i < 3; i++) {
        await_backlog(set, (unsigned)i);
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        address = sockets[i % 2].address;
        ck_assert_int_eq(
            connect(clients[i], (const struct sockaddr *)&address.storage, address.length), 0);
    }
    await_backlog(set, 3);
    ck_assert_uint_gt(seen->backlog_max, 3);
    ck_assert(!seen->backlog_unknown);
    ck_assert(seen->paused);
    ck_assert_uint_eq(seen->pauses, 0);
    ck_assert_uint_eq(seen->errors, 0);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    listener_free(set->server.listener);
    event_base_free(base);
    take_down(set);
}

/* Of unix sockets alone the kernel tells nothing, and that is not 0. */
TEST(a_backlog_that_is_not_known)
{
    struct stage_set *set = set_up(1);
    struct event_base *base = event_base_new();
    struct listening_socket socket;
    struct address address;

    ck_assert(address_of_path(suite_text("@check_state.%d", (int)getpid()), &address));
    ck_assert_int_eq(listening_socket_open(&address, &socket), 0);
    ck_assert_int_eq(listener_new(base, &socket, 1, set->server.shared, &set->server.listener), 0);
    snapshot_take(&set->server, &set->state);
    ck_assert(set->state.listener.backlog_unknown);
    listener_free(set->server.listener);
    event_base_free(base);
    take_down(set);
}
