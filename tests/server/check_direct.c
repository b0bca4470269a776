/* SPDX-License-Identifier: MIT */
/* Accepting in workers that stand by: whom they take, who watches the socket, and how they are recalled. */
#include "server/models/direct.h"

#include "common/address.h"
#include "server/session/store.h"
#include "tests/kit/suite.h"

#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS = 3 };

/* A listening socket, what a session needs, and workers. */
struct scene {
    struct shared *shared;
    struct direct direct;
    struct log_gate gate;
    struct accept_failures failures;
    struct address address;
    int socket;
    atomic_bool stays; /* whether a worker may stand by */
    atomic_uint entered;
    pthread_t workers[WORKERS];
};

static void set_up(struct scene *scene)
{
    const char *cause;

    *scene = (struct scene){.shared = shared_new(), .stays = true};
    ck_assert_ptr_nonnull(scene->shared);
    scene->shared->accounting = accounting_new(WORKERS, 1);
    scene->shared->store = store_new(false, 0, sizeof(struct session));
    ck_assert(address_resolve("127.0.0.1", 0, true, &scene->address, &cause));
    scene->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(scene->socket, (const struct sockaddr *)&scene->address.storage,
                          scene->address.length),
                     0);
    ck_assert_int_eq(listen(scene->socket, 16), 0);
    ck_assert_int_eq(getsockname(scene->socket, (struct sockaddr *)&scene->address.storage,
                                 &scene->address.length),
                     0);
    direct_init(&scene->direct);
    scene->failures.gate = &scene->gate;
    ck_assert_int_eq(direct_start(&scene->direct, scene->socket, &scene->failures), 0);
    direct_open(&scene->direct, true);
}

static void take_down(struct scene *scene)
{
    direct_clear(&scene->direct);
    store_free(scene->shared->store);
    accounting_free(scene->shared->accounting);
    shared_free(scene->shared);
    close(scene->socket);
}

static int connect_one(const struct scene *scene)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(
        connect(fd, (const struct sockaddr *)&scene->address.storage, scene->address.length), 0);
    return fd;
}

/* Wait for a connection in the backlog: its client may take it for made before it is there. */
static void await_backlog(const struct scene *scene)
{
    struct pollfd is_in = {.fd = scene->socket, .events = POLLIN};

    ck_assert_int_eq(poll(&is_in, 1, -1), 1);
}

/* Connect while none accepts. */
static int connect_waiting(const struct scene *scene)
{
    int fd = connect_one(scene);

    await_backlog(scene);
    return fd;
}

static bool may_stand(void *context, unsigned worker)
{
    struct scene *scene = context;

    (void)worker;
    return atomic_load(&scene->stays);
}

static void entered(void *context, struct session *session)
{
    struct scene *scene = context;

    ck_assert_ptr_nonnull(session);
    atomic_fetch_add(&scene->entered, 1);
}

static void *await(void *argument)
{
    struct scene *scene = argument;
    const struct direct_client client = {scene->shared, may_stand, entered, scene};

    return direct_await(&scene->direct, &client, 0);
}

/* How many stand by. */
static unsigned standing(struct scene *scene)
{
    bool none = direct_lock(&scene->direct);
    unsigned count = scene->direct.standing;

    direct_unlock(&scene->direct);
    ck_assert_int_eq(none, count == 0);
    return count;
}

static void wait_standing(struct scene *scene, unsigned count)
{
    while (standing(scene) != count)
        sched_yield();
}

/* Let this many more workers stand by, beside those that do. */
static void stand(struct scene *scene, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        ck_assert_int_eq(pthread_create(&scene->workers[i], NULL, await, scene), 0);
    wait_standing(scene, first + count);
}

static struct session *result(struct scene *scene, unsigned worker)
{
    void *session;

    ck_assert_int_eq(pthread_join(scene->workers[worker], &session), 0);
    return session;
}

/* Whether the loop would wake up. */
static bool loop_sees(const struct scene *scene)
{
    struct pollfd watched = {.fd = direct_watched(&scene->direct), .events = POLLIN};

    return poll(&watched, 1, 0) == 1;
}

/* Connect while workers stand by: they hear of it, and the loop does not. */
static int connect_to_workers(struct scene *scene)
{
    int client;

    ck_assert(!direct_lock(&scene->direct)); /* until it is unlocked none accepts */
    client = connect_waiting(scene);
    ck_assert(!loop_sees(scene));
    direct_unlock(&scene->direct);
    return client;
}

/* Which of the clients it is, by its port. */
static void expect_client(struct session *session, int client)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;

    ck_assert_ptr_nonnull(session);
    ck_assert_int_eq(getsockname(client, (struct sockaddr *)&own, &size), 0);
    ck_assert_uint_eq(((const struct sockaddr_in *)&session->peer.storage)->sin_port, own.sin_port);
    session_end(session);
    close(client);
}

CASE("Core")

/* Those that wait already are taken at once, in the order of the backlog. */
TEST(those_that_wait_already)
{
    struct scene scene;
    int clients[2];

    set_up(&scene);
    for (int i = 0; i < 2; i++)
        clients[i] = connect_one(&scene);
    for (unsigned i = 0; i < 2; i++) {
        struct session *session = await(&scene);
        struct counts counts;
        ck_assert_ptr_nonnull(session);
        ck_assert_uint_eq(session->number, i + 1);
        accounting_snapshot(scene.shared->accounting, &counts);
        ck_assert_uint_eq(counts.accepted, i + 1);
        ck_assert_uint_eq(counts.in_flight, 1);
        ck_assert_uint_eq(atomic_load(&scene.entered), i + 1);
        expect_client(session, clients[i]);
    }
    ck_assert_uint_eq(atomic_load(&scene.failures.count), 0);
    take_down(&scene);
}

/* While workers stand by the loop sees nothing; after the last one has a client it sees the next. */
TEST(each_client_has_a_thread_that_watches)
{
    struct scene scene;
    int clients[WORKERS + 1];

    set_up(&scene);
    stand(&scene, 0, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        clients[i] = connect_to_workers(&scene);
        wait_standing(&scene, WORKERS - 1 - i);
    }
    clients[WORKERS] = connect_waiting(&scene);
    ck_assert(loop_sees(&scene));
    for (unsigned i = 0; i < WORKERS; i++) {
        struct session *session = result(&scene, i);
        ck_assert_ptr_nonnull(session);
        session_end(session);
    }
    ck_assert_uint_eq(atomic_load(&scene.entered), WORKERS);
    for (int i = 0; i <= WORKERS; i++)
        close(clients[i]);
    take_down(&scene);
}

/* Another program, with a copy of the socket, takes the connection for which a worker has woken up. */
TEST(woken_up_in_vain)
{
    struct scene scene;
    struct pollfd standby;
    int client, taken;

    set_up(&scene);
    stand(&scene, 0, 1);
    ck_assert(!direct_lock(&scene.direct));
    client = connect_waiting(&scene);
    standby = (struct pollfd){.fd = scene.direct.standby, .events = POLLIN};
    while (poll(&standby, 1, 0) == 1) /* it has not yet got the event */
        sched_yield();
    taken = accept4(scene.socket, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(taken, 0);
    close(taken);
    close(client);
    direct_unlock(&scene.direct);
    client = connect_one(&scene);
    expect_client(result(&scene, 0), client);
    take_down(&scene);
}

CASE("When they must not")

/* A session waits in the queue, or there are fewer workers now: what it leaves is the loop's. */
TEST(a_worker_that_is_needed_elsewhere)
{
    struct scene scene;
    int client;

    set_up(&scene);
    atomic_store(&scene.stays, false);
    client = connect_waiting(&scene);
    ck_assert_ptr_null(await(&scene));
    ck_assert(loop_sees(&scene));
    atomic_store(&scene.stays, true);
    expect_client(await(&scene), client);
    take_down(&scene);
}

/* By a pause, or because they must look at the pool. Afterwards they stand by again, unless it is a pause. */
LOOP_TEST(they_are_recalled, 2)
{
    struct scene scene;
    int client;

    set_up(&scene);
    stand(&scene, 0, WORKERS);
    if (_i == 0)
        direct_open(&scene.direct, false);
    else
        direct_recall(&scene.direct);
    client = connect_waiting(&scene);
    ck_assert(loop_sees(&scene));
    for (unsigned i = 0; i < WORKERS; i++)
        ck_assert_ptr_null(result(&scene, i));
    if (_i == 0) {
        ck_assert_ptr_null(await(&scene));
        direct_open(&scene.direct, true);
    }
    expect_client(await(&scene), client);
    stand(&scene, 0, 1);
    client = connect_one(&scene);
    expect_client(result(&scene, 0), client);
    take_down(&scene);
}

/* One that comes while others have not yet seen the recall would be woken up by their bell. */
TEST(the_bell_rings_for_others)
{
    struct scene scene;
    int client;

    set_up(&scene);
    client = connect_waiting(&scene);
    scene.direct.returning = 1;
    ck_assert_ptr_null(await(&scene));
    ck_assert(loop_sees(&scene));
    scene.direct.returning = 0;
    expect_client(await(&scene), client);
    take_down(&scene);
}

CASE("A moment for the workers")

/* All have sessions, and some have taken clients since: the loop does not see the next until it resumes. */
TEST(the_loop_defers)
{
    struct scene scene;
    int clients[2];

    set_up(&scene);
    ck_assert(!direct_defer(&scene.direct));
    clients[0] = connect_waiting(&scene);
    expect_client(await(&scene), clients[0]);
    clients[0] = connect_waiting(&scene);
    ck_assert(loop_sees(&scene));
    ck_assert(direct_defer(&scene.direct));
    ck_assert(!loop_sees(&scene));
    expect_client(await(&scene), clients[0]);
    clients[1] = connect_waiting(&scene);
    ck_assert(!loop_sees(&scene));
    direct_resume(&scene.direct);
    ck_assert(loop_sees(&scene));
    ck_assert(direct_defer(&scene.direct)); /* one was taken */
    direct_resume(&scene.direct);
    ck_assert(!direct_defer(&scene.direct)); /* none was */
    ck_assert(loop_sees(&scene));
    expect_client(await(&scene), clients[1]);
    take_down(&scene);
}

/* The loop defers, and then a worker stands by. */
static void defer_and_stand(struct scene *scene)
{
    int client;

    set_up(scene);
    client = connect_waiting(scene);
    expect_client(await(scene), client);
    ck_assert(direct_defer(&scene->direct));
    stand(scene, 0, 1);
}

/* What ends meanwhile: workers come to stand by and leave, and the loop sees again what comes then. */
TEST(the_loop_resumes_beside_workers)
{
    struct scene scene;
    int client;

    defer_and_stand(&scene);
    direct_resume(&scene.direct);
    client = connect_to_workers(&scene);
    expect_client(result(&scene, 0), client);
    ck_assert(!loop_sees(&scene));
    client = connect_waiting(&scene);
    ck_assert(loop_sees(&scene));
    close(client);
    take_down(&scene);
}

/* What begins and ends meanwhile: the last of them leaves, and the loop does not see what comes before it resumes. */
TEST(workers_leave_while_the_loop_defers)
{
    struct scene scene;
    int client;

    defer_and_stand(&scene);
    client = connect_one(&scene);
    expect_client(result(&scene, 0), client);
    client = connect_waiting(&scene);
    ck_assert(!loop_sees(&scene));
    direct_resume(&scene.direct);
    ck_assert(loop_sees(&scene));
    close(client);
    take_down(&scene);
}

CASE("Errors")

/* It is counted as the loop's errors are, and the connection is left to the loop, which pauses. */
LOOP_TEST(no_descriptor, 2)
{
    struct scene scene;
    struct rlimit limit, none;
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    set_up(&scene);
    if (_i == 1)
        stand(&scene, 0, 1);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(
        connect(client, (const struct sockaddr *)&scene.address.storage, scene.address.length), 0);
    ck_assert_ptr_null(_i == 1 ? result(&scene, 0) : await(&scene));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    await_backlog(&scene);
    ck_assert_uint_eq(atomic_load(&scene.failures.count), 1);
    ck_assert_uint_eq(scene.failures.in_a_row, 1);
    ck_assert(loop_sees(&scene));
    expect_client(await(&scene), client);
    ck_assert_uint_eq(scene.failures.in_a_row, 0);
    take_down(&scene);
}
