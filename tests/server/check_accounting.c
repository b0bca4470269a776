/* SPDX-License-Identifier: MIT */
/*
 * The accounting: every session once, the identity always, what the peaks mean, and that a stop does not take
 * the last count for the end of the last connection.
 */
#include "server/session/accounting.h"

#include "server/session/linger.h"
#include "server/session/session.h"
#include "server/session/store.h"
#include "tests/kit/suite.h"

#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static void expect_identity(const struct counts *counts)
{
    uint64_t ended = 0;

    for (int i = 0; i < OUTCOME_COUNT; i++)
        ended += counts->ended[i];
    ck_assert_uint_eq(counts->accepted, ended + counts->in_flight);
}

CASE("Core")

TEST(each_outcome_is_counted_once)
{
    struct accounting *accounting = accounting_new(4, 4);
    struct accounting_entry entries[OUTCOME_COUNT];
    struct counts counts;
    char text[200];

    for (int i = 0; i < OUTCOME_COUNT; i++)
        accounting_enter(accounting, &entries[i]);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        atomic_store(&entries[i].echoes, 10);
        accounting_end(accounting, &entries[i], (enum outcome)i);
    }
    accounting_turn_away(accounting);
    accounting_snapshot(accounting, &counts);
    expect_identity(&counts);
    ck_assert_uint_eq(counts.echoes, 10 * OUTCOME_COUNT);
    ck_assert_str_eq(counts_text(&counts, text, sizeof text),
                     "accepted 12 = served 2 + rejected 2 + timed out 6 + failed 2 + in flight 0");
    accounting_free(accounting);
}

/* 3 served at once and 2 waiting; a sixth is rejected and makes no peak. */
TEST(peaks)
{
    struct accounting *accounting = accounting_new(3, 2);
    struct accounting_entry entries[6];
    struct counts counts;

    for (int i = 0; i < 6; i++)
        accounting_enter(accounting, &entries[i]);
    accounting_end(accounting, &entries[5], OUTCOME_REJECTED);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_served, 3);
    ck_assert_uint_eq(counts.peak_waiting, 2);
    for (int i = 0; i < 5; i++)
        accounting_end(accounting, &entries[i], OUTCOME_SERVED);
    accounting_free(accounting);

    accounting = accounting_new(0, 0); /* no cap: no session waits */
    for (int i = 0; i < 6; i++)
        accounting_enter(accounting, &entries[i]);
    accounting_end(accounting, &entries[5], OUTCOME_REJECTED);
    for (int i = 0; i < 5; i++)
        accounting_end(accounting, &entries[i], OUTCOME_SERVED);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_served, 5);
    ck_assert_uint_eq(counts.peak_waiting, 0);
    accounting_free(accounting);
}

static void enter_and_begin(struct accounting *accounting, struct accounting_entry *entry,
                            unsigned worker)
{
    accounting_enter(accounting, entry);
    atomic_store(&entry->worker, worker);
    atomic_store(&entry->begun_ns, entry->accepted_ns);
}

/* Workers that are too many serve their sessions to the end: none of these waits. */
TEST(peaks_with_fewer_workers)
{
    struct accounting *accounting = accounting_new(3, 5);
    struct accounting_entry entries[5];
    struct counts counts;

    for (int i = 0; i < 3; i++)
        enter_and_begin(accounting, &entries[i], (unsigned)i);
    accounting_set_servers(accounting, 1);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_served, 3);
    ck_assert_uint_eq(counts.peak_waiting, 0);
    for (int i = 1; i < 3; i++)
        accounting_end(accounting, &entries[i], OUTCOME_SERVED);
    accounting_enter(accounting, &entries[3]); /* the one worker that is left is busy */
    accounting_enter(accounting, &entries[4]);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_served, 3);
    ck_assert_uint_eq(counts.peak_waiting, 2);
    for (int i = 0; i < 5; i += i == 0 ? 3 : 1)
        accounting_end(accounting, &entries[i], OUTCOME_SERVED);
    accounting_free(accounting);
}

/* The last workers leave. Those that stay serve others beside them, whichever session ends first. */
TEST(workers_that_stay_serve_beside_those_that_leave)
{
    struct accounting *accounting = accounting_new(3, 5);
    struct accounting_entry entries[4];
    struct counts counts;

    enter_and_begin(accounting, &entries[0], 0);
    enter_and_begin(accounting, &entries[2], 2);
    accounting_set_servers(accounting, 1);
    accounting_end(accounting, &entries[0], OUTCOME_SERVED);
    enter_and_begin(accounting, &entries[1], 0);
    accounting_help(accounting, true);
    enter_and_begin(accounting, &entries[3], WORKER_LOOP);
    accounting_end(accounting, &entries[3], OUTCOME_SERVED);
    accounting_help(accounting, false);
    accounting_end(accounting, &entries[1], OUTCOME_SERVED);
    enter_and_begin(accounting, &entries[1], 0);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_waiting, 0);
    accounting_end(accounting, &entries[2], OUTCOME_SERVED);
    accounting_enter(accounting, &entries[3]); /* now one worker is left */
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_waiting, 1);
    accounting_end(accounting, &entries[1], OUTCOME_SERVED);
    accounting_end(accounting, &entries[3], OUTCOME_SERVED);
    accounting_free(accounting);
}

/* The accept loop helps: one more is served, and none waits. */
TEST(peaks_with_a_helper)
{
    struct accounting *accounting = accounting_new(1, 5);
    struct accounting_entry entries[3];
    struct counts counts;

    enter_and_begin(accounting, &entries[0], 0);
    accounting_help(accounting, true);
    enter_and_begin(accounting, &entries[1], WORKER_LOOP);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_served, 2);
    ck_assert_uint_eq(counts.peak_waiting, 0);
    accounting_end(accounting, &entries[1], OUTCOME_SERVED);
    accounting_help(accounting, false);
    accounting_enter(accounting, &entries[2]);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_waiting, 1);
    accounting_end(accounting, &entries[0], OUTCOME_SERVED);
    accounting_end(accounting, &entries[2], OUTCOME_SERVED);
    accounting_free(accounting);
}

/* One that is rejected by its PROXY header had a worker: it makes a peak, has waited, and is not served. */
TEST(rejected_by_a_worker)
{
    struct accounting *accounting = accounting_new(3, 2);
    struct accounting_entry entry;
    struct counts counts;

    accounting_enter(accounting, &entry);
    atomic_store(&entry.begun_ns, entry.accepted_ns);
    accounting_end(accounting, &entry, OUTCOME_REJECTED);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.peak_served, 1);
    ck_assert_uint_eq(counts.waits.count, 1);
    ck_assert_uint_eq(counts.services.count, 0);
    accounting_free(accounting);
}

static unsigned visits;
static struct accounting_entry *last_visited;

static void visit(struct accounting_entry *entry, void *context)
{
    (void)context;
    visits++;
    last_visited = entry;
}

TEST(the_list_holds_the_live_sessions)
{
    struct accounting *accounting = accounting_new(4, 4);
    struct accounting_entry entries[3];

    for (int i = 0; i < 3; i++)
        accounting_enter(accounting, &entries[i]);
    accounting_end(accounting, &entries[2], OUTCOME_SERVED);
    accounting_end(accounting, &entries[0], OUTCOME_SERVED);
    accounting_each(accounting, visit, NULL);
    ck_assert_uint_eq(visits, 1);
    ck_assert_ptr_eq(last_visited, &entries[1]);
    accounting_end(accounting, &entries[1], OUTCOME_SERVED);
    accounting_each(accounting, visit, NULL);
    ck_assert_uint_eq(visits, 1);
    accounting_free(accounting);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *come_and_go(void *argument)
{
    struct accounting *accounting = argument;
    struct accounting_entry entry;

    for (int i = 0; i < ROUNDS; i++) {
        accounting_enter(accounting, &entry);
        atomic_store(&entry.echoes, 1);
        accounting_end(accounting, &entry, (enum outcome)(i % OUTCOME_COUNT));
    }
    return NULL;
}

CASE("Races")

TEST(the_identity_holds_at_every_instant)
{
    struct accounting *accounting = accounting_new(2, 2);
    pthread_t threads[THREADS];
    struct counts counts;

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, accounting), 0);
    do {
        accounting_snapshot(accounting, &counts);
        expect_identity(&counts);
        ck_assert_uint_le(counts.in_flight, THREADS);
    } while (counts.accepted < THREADS * ROUNDS);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    accounting_snapshot(accounting, &counts);
    ck_assert_uint_eq(counts.in_flight, 0);
    ck_assert_uint_eq(counts.echoes, THREADS * ROUNDS);
    accounting_free(accounting);
}

/* Begins as if the model had counted all sessions at once. */
enum { HELD = THREADS * ROUNDS };
static _Atomic uint64_t held = HELD;

static void *end_many(void *accounting)
{
    struct accounting_entry entry;

    for (int i = 0; i < ROUNDS; i++) {
        accounting_enter(accounting, &entry);
        entry.held = &held;
        accounting_end(accounting, &entry, OUTCOME_SERVED);
    }
    return NULL;
}

/* The model has a place for another session when the end of one is counted, neither later nor sooner. */
TEST(the_place_is_free_when_the_end_is_counted)
{
    struct accounting *accounting = accounting_new(2, 2);
    struct counts counts;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, end_many, accounting), 0);
    do {
        uint64_t freed = HELD - atomic_load(&held);

        accounting_snapshot(accounting, &counts);
        ck_assert_uint_ge(counts.ended[OUTCOME_SERVED], freed);
        freed = HELD - atomic_load(&held);
        ck_assert_uint_ge(freed, counts.ended[OUTCOME_SERVED]);
    } while (counts.ended[OUTCOME_SERVED] < HELD);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    accounting_free(accounting);
}

CASE("The last one")

static void *reject(void *session)
{
    session_drop(session, OUTCOME_REJECTED);
    return NULL;
}

/* Called with the lock, so that the session cannot be counted: its connection is announced all the same. */
static void expect_announcement(struct accounting_entry *entry, void *worker)
{
    struct session *session = (struct session *)entry;
    struct lingerer *lingerer = session->shared->lingerer;

    ck_assert(lingerer_is_idle(lingerer));
    ck_assert_int_eq(pthread_create(worker, NULL, reject, session), 0);
    while (lingerer_is_idle(lingerer))
        sched_yield();
}

/* A stop that sees no session any more sees that a connection lingers, until the client has ended it. */
TEST(a_stop_waits_for_what_was_sent_last)
{
    struct shared *shared = shared_new();
    struct event_base *base = event_base_new();
    struct address peer;
    struct session *session;
    struct counts counts;
    pthread_t worker;
    int pair[2];

    memset(&peer, 0, sizeof peer);
    shared->accounting = accounting_new(1, 0);
    shared->store = store_new(false, 0, sizeof *session);
    shared->lingerer = lingerer_new(base);
    shared->wake_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    session = session_new(shared, pair[0], &peer);
    session->lingers = true;
    accounting_each(shared->accounting, expect_announcement, &worker);
    ck_assert_int_eq(pthread_join(worker, NULL), 0);
    accounting_snapshot(shared->accounting, &counts);
    ck_assert_uint_eq(counts.in_flight, 0);
    ck_assert(!lingerer_is_idle(shared->lingerer));
    close(pair[1]);
    while (!lingerer_is_idle(shared->lingerer))
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);

    lingerer_free(shared->lingerer);
    store_free(shared->store);
    accounting_free(shared->accounting);
    close(shared->wake_fd);
    shared_free(shared);
    event_base_free(base);
}
