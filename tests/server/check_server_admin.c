/* SPDX-License-Identifier: MIT */
/*
 * The real server with --admin: what it tells is true, while sessions come and go, and whatever
 * strangers do to the admin port, echoes go on. check_admin.c has the port by itself.
 */
#include "common/address.h"
#include "tests/kit/http.h"
#include "tests/kit/metrics.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* What places.h and events.h promise; they cannot be included beside kit/harness.h. */
enum { CONNECTIONS_MAX = 128, STREAMS_MAX = 100 };

/* --- asking -------------------------------------------------------------------------------- */

static uint64_t number_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    ck_assert_msg(json_is_integer(value), "%s is no number", key);
    return (uint64_t)json_integer_value(value);
}

static uint64_t sum_of(json_t *counts)
{
    const char *key;
    json_t *value;
    uint64_t sum = 0;

    json_object_foreach(counts, key, value) sum += (uint64_t)json_integer_value(value);
    return sum;
}

/* /stats.json, in which the accounting holds, every time. */
static json_t *ask_stats(uint16_t port)
{
    char *text = http_body(port, "/stats.json", 200);
    json_t *stats = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *connections = json_object_get(stats, "connections");
    uint64_t active;

    ck_assert_msg(stats != NULL, "this is no JSON: %s", text);
    active = number_of(connections, "active");
    ck_assert_uint_eq(number_of(connections, "accepted"),
                      sum_of(json_object_get(connections, "ended")) + active);
    ck_assert_uint_eq(sum_of(json_object_get(json_object_get(stats, "sessions"), "phases")),
                      active);
    return stats;
}

static struct metrics *ask_metrics(uint16_t port)
{
    char *text = http_body(port, "/metrics", 200);
    struct metrics *metrics = metrics_read(text);

    return metrics;
}

/* Ask until `count` sessions are in this phase. */
static json_t *wait_for_phase(uint16_t port, const char *phase, uint64_t sessions)
{
    for (;;) {
        json_t *stats = ask_stats(port);
        json_t *phases = json_object_get(json_object_get(stats, "sessions"), "phases");
        if (number_of(phases, phase) == sessions)
            return stats;
        json_decref(stats);
    }
}

CASE("What is shown")

LOOP_TEST(every_path, MODELS)
{
    struct kit kit = kit_start(MODEL("--admin", "0"));
    uint16_t port = kit_admin_port(&kit);
    struct metrics *metrics = ask_metrics(port);
    json_t *stats = ask_stats(port);
    uint64_t id;
    char *event;
    int fd = http_listen(port);

    ck_assert_str_eq(json_string_value(json_object_get(stats, "schema")), "echo-server/1");
    ck_assert_str_eq(json_string_value(json_object_get(stats, "model")), tested_models[_i].model);
    ck_assert(metrics_value(metrics, "echopool_resident_memory_bytes") > 0);
    ck_assert(metrics_value(metrics, "echopool_open_fds") > 3);
    ck_assert(metrics_value(metrics, "echopool_threads") >= 1);
    event = http_event(fd, &id);
    ck_assert_ptr_nonnull(event);
    json_decref(stats);
    stats = json_loads(event, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(stats, "schema")), "echo-server/1");
    close(fd);
    http_body(port, "/livez", 200);
    http_body(port, "/readyz", 200);
    http_body(port, "/", 200);
    http_body(port, "/nothing", 404);
    json_decref(stats);
    free(metrics);
    kit_finish(&kit, true, NULL);
}

/* 2 are served, 3 wait: who has which, and in which order they wait. */
TEST(each_session_and_its_place)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "2", "--queue", "4", "--admin", "0"));
    uint16_t port = kit_admin_port(&kit);
    json_t *stats;
    json_t *list;
    json_t *queue;
    uint64_t served = 0;
    int fds[5];

    for (int i = 0; i < 5; i++) {
        fds[i] = kit_connect(&kit);
        if (i < 2)
            say_hello(fds[i]);
        kit_wait_in_flight(&kit, (uint64_t)i + 1);
    }
    json_decref(wait_for_phase(port, "queued", 3));
    stats = wait_for_phase(port, "receiving", 2);
    list = json_object_get(json_object_get(stats, "workers"), "list");
    ck_assert_uint_eq(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *worker = json_array_get(list, i);
        ck_assert_str_eq(json_string_value(json_object_get(worker, "state")), "receiving");
        ck_assert_uint_eq(number_of(worker, "echoes"), 1);
        served += number_of(worker, "session");
    }
    ck_assert_uint_eq(served, 1 + 2);
    queue = json_object_get(stats, "queue");
    ck_assert_uint_eq(number_of(queue, "depth"), 3);
    ck_assert_uint_eq(number_of(queue, "capacity"), 4);
    list = json_object_get(queue, "list");
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(number_of(json_array_get(list, i), "session"), 3 + i);
    ck_assert_uint_ge(number_of(json_array_get(list, 0), "age_ms"),
                      number_of(json_array_get(list, 2), "age_ms"));
    json_decref(stats);
    for (int i = 0; i < 5; i++)
        say_goodbye(fds[i]);
    kit_finish(&kit, true, NULL);
}

/* Clients that come and go until they are stopped; how many have come is counted. */
struct crowd {
    struct kit *kit;
    pthread_t threads[3];
    atomic_bool enough;
    _Atomic uint64_t sessions;
};

static void *come_and_go(void *argument)
{
    struct crowd *crowd = argument;

    while (!atomic_load(&crowd->enough)) {
        int fd = kit_connect(crowd->kit);
        say_goodbye(fd);
        atomic_fetch_add(&crowd->sessions, 1);
    }
    return NULL;
}

static void crowd_start(struct crowd *crowd, struct kit *kit)
{
    crowd->kit = kit;
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&crowd->threads[i], NULL, come_and_go, crowd), 0);
}

/* Wait until some more have come and gone: echoes go on. */
static void crowd_goes_on(struct crowd *crowd)
{
    uint64_t before = atomic_load(&crowd->sessions);

    while (atomic_load(&crowd->sessions) < before + 20)
        sched_yield();
}

/* @return how many there were */
static uint64_t crowd_stop(struct crowd *crowd)
{
    atomic_store(&crowd->enough, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(crowd->threads[i], NULL);
    return atomic_load(&crowd->sessions);
}

/* Of a list of workers: how many have a session, and how many sessions they have together. */
static void count_list(json_t *list, uint64_t *busy, uint64_t *sessions)
{
    json_t *worker;
    size_t i;

    *busy = *sessions = 0;
    json_array_foreach(list, i, worker)
    {
        uint64_t its = number_of(worker, "sessions");
        ck_assert_uint_eq(number_of(worker, "worker"), i);
        ck_assert_int_eq(its == 0, json_is_null(json_object_get(worker, "session")));
        *busy += its > 0;
        *sessions += its;
    }
}

/*
 * The number of workers counts workers, not sessions: of a pool's, also where sessions
 * have them for a message only, of event loops; and where each session has one, of those.
 */
LOOP_TEST(workers_of_every_model, MODELS)
{
    static const struct {
        uint64_t count, least_busy, most_busy, listed;
    } expected[ALL_MODELS] = {
        {1, 1, 1, 1},       /* iterative */
        {3, 3, 3, 0},       /* thread */
        {3, 3, 3, 0},       /* fork */
        {4, 3, 3, 4},       /* thread-pool */
        {4, 0, 0, 4},       /* thread-pool, held for a message: all are silent */
        {4, 3, 3, 4},       /* process-pool */
        {4, 1, 3, 4},       /* event: whichever loops have them */
        {4, 3, 3, 4},       /* thread-accept */
#ifndef __SANITIZE_THREAD__ /* tests/kit/server.h says why */
        {4, 3, 3, 4},       /* prefork */
#endif
        {4, 1, 3, 4}, /* io-uring: likewise */
    };
    struct kit kit = kit_start(MODEL("--admin", "0"));
    uint16_t port = kit_admin_port(&kit);
    int sessions = tested_models[_i].one_at_a_time ? 1 : 3;
    bool parks = strcmp(tested_models[_i].hold, "message") == 0;
    uint64_t busy, listed_busy, listed_sessions;
    json_t *stats, *workers;
    int fds[3];

    for (int i = 0; i < sessions; i++) {
        fds[i] = kit_connect(&kit);
        tcp_echo(fds[i], "a", 1, true);
    }
    stats = wait_for_phase(port, parks ? "parked" : "receiving", (uint64_t)sessions);
    workers = json_object_get(stats, "workers");
    busy = number_of(workers, "busy");
    ck_assert_uint_eq(number_of(workers, "count"), expected[_i].count);
    ck_assert_uint_ge(busy, expected[_i].least_busy);
    ck_assert_uint_le(busy, expected[_i].most_busy);
    ck_assert_uint_eq(number_of(workers, "idle"), expected[_i].count - busy);
    ck_assert_uint_eq(json_array_size(json_object_get(workers, "list")), expected[_i].listed);
    count_list(json_object_get(workers, "list"), &listed_busy, &listed_sessions);
    if (expected[_i].listed > 0) {
        ck_assert_uint_eq(listed_busy, busy);
        ck_assert_uint_eq(listed_sessions, parks ? 0 : (uint64_t)sessions);
    }
    json_decref(stats);
    close_all(fds, sessions);
    kit_finish(&kit, true, NULL);
}

/* In every answer the accounting holds and counters only grow; at the end all are counted. */
LOOP_TEST(true_under_load, MODELS)
{
    struct kit kit = kit_start(MODEL("--workers", "2", "--admin", "0"));
    struct crowd crowd = {0};
    uint16_t port = kit_admin_port(&kit);
    struct metrics *earlier = ask_metrics(port);
    uint64_t sessions;

    crowd_start(&crowd, &kit);
    while (atomic_load(&crowd.sessions) < 300) {
        struct metrics *later = ask_metrics(port);
        json_decref(ask_stats(port));
        metrics_expect_growth(earlier, later);
        free(earlier);
        earlier = later;
    }
    sessions = crowd_stop(&crowd);
    kit_wait_in_flight(&kit, 0);
    do { /* the answer may be some milliseconds old */
        free(earlier);
        earlier = ask_metrics(port);
    } while (metrics_value(earlier, "echopool_connections_accepted_total") < (double)sessions ||
             metrics_value(earlier, "echopool_connections_active") > 0);
    ck_assert(metrics_value(earlier, "echopool_connections_accepted_total") == (double)sessions);
    ck_assert(metrics_value(earlier, "echopool_connections_ended_total{outcome=\"served\"}") ==
              (double)sessions);
    ck_assert(metrics_value(earlier, "echopool_echoes_total") == (double)sessions);
    ck_assert(metrics_value(earlier, "echopool_bytes_total{direction=\"sent\"}") ==
              5 * (double)sessions);
    ck_assert(metrics_value(earlier, "echopool_queue_wait_seconds_count") == (double)sessions);
    ck_assert(metrics_value(earlier, "echopool_task_duration_seconds_count") == (double)sessions);
    free(earlier);
    kit_finish(&kit, true, NULL);
}

CASE("While they are here")

/* A wait is counted when it ends, and not only when its session does. */
LOOP_TEST(a_wait_is_counted_when_it_ends, MODELS)
{
    struct kit kit = kit_start(MODEL("--admin", "0"));
    int fd = kit_connect(&kit);
    struct metrics *metrics;

    say_hello(fd);
    metrics = ask_metrics(kit_admin_port(&kit));
    ck_assert(metrics_value(metrics, "echopool_queue_wait_seconds_count") == 1);
    ck_assert(metrics_value(metrics, "echopool_task_duration_seconds_count") == 0);
    free(metrics);
    close(fd);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_finish(&kit, true, NULL);
}

/* Memory of a process alone, in bytes. */
static double memory_of(pid_t pid)
{
    unsigned long pages = 0;
    char path[40];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*u %lu", &pages), 1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static const char *const with_processes[] = {"fork", "process-pool"};

/* CPU time and memory are those of the processes that serve, too, while they live. */
LOOP_TEST(processes_are_counted, COUNT_OF(with_processes))
{
    /* The buffer has room for all that kit_finish() sends, since each read costs the time to burn. */
    struct kit kit = kit_start(ARGUMENTS("--model", with_processes[_i], "--workers", "1", "--admin",
                                         "0", "--burn", "100ms", "--buffer", "64K"));
    int fd = kit_connect(&kit);
    struct metrics *metrics;
    pid_t pid;

    for (int i = 0; i < 3; i++)
        say_hello(fd);
    kit_wait_processes(&kit, &pid, 1);
    metrics = ask_metrics(kit_admin_port(&kit));
    ck_assert(metrics_value(metrics, "echopool_cpu_seconds_total") >= 0.25);
    ck_assert(metrics_value(metrics, "echopool_resident_memory_bytes") >
              memory_of(kit.program.pid) + memory_of(pid) / 2);
    free(metrics);
    close(fd);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_finish(&kit, true, NULL);
}

static bool has_come(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* Send a byte, and ask until a session does something, or the byte has its echo: a machine may stall for longer. */
static json_t *send_and_look(uint16_t port, int fd, bool (*like)(json_t *stats))
{
    tcp_send(fd, "a", 1);
    for (;;) {
        bool over = has_come(fd);
        json_t *stats = ask_stats(port);
        if (over || like(stats))
            return stats;
        json_decref(stats);
    }
}

/* The only worker sleeps. */
static bool one_works(json_t *stats)
{
    json_t *phases = json_object_get(json_object_get(stats, "sessions"), "phases");

    return number_of(phases, "working") == 1;
}

static json_t *first_that_waits(json_t *stats)
{
    return json_array_get(json_object_get(json_object_get(stats, "queue"), "list"), 0);
}

static bool the_second_waits(json_t *stats)
{
    json_t *waiting = first_that_waits(stats);

    return waiting != NULL && number_of(waiting, "session") == 2;
}

/* With --hold message a session's wait begins with its bytes, not with its connection. */
TEST(a_wait_begins_with_the_bytes)
{
    struct kit kit = kit_start(
        ARGUMENTS("--hold", "message", "--workers", "1", "--delay", "1s", "--admin", "0"));
    int first = kit_connect(&kit);
    int second = kit_connect(&kit);
    json_t *stats, *waiting;
    char echo;

    say_hello(second);
    for (;;) {
        json_decref(send_and_look(kit_admin_port(&kit), first, one_works));
        stats = send_and_look(kit_admin_port(&kit), second, the_second_waits);
        if (the_second_waits(stats))
            break;
        json_decref(stats);
        tcp_receive(first, &echo, 1);
        tcp_receive(second, &echo, 1);
    }
    waiting = first_that_waits(stats);
    ck_assert_uint_le(number_of(waiting, "waiting_ms") + 900, number_of(waiting, "age_ms"));
    json_decref(stats);
    close(first);
    close(second);
    kit_wait_in_flight(&kit, 0);
    wait_for_descriptors(kit.program.pid, kit.descriptors);
    kit_signal(&kit, SIGTERM); /* kit_finish() would wait for many delays */
    kit_wait_end(&kit, 0, NULL, NULL);
}

CASE("Draining")

/* Send until the server takes no more, since its echo is not taken. @return bytes sent */
static size_t send_until_stuck(int fd, const unsigned char *bytes, size_t size)
{
    struct timeval soon = {.tv_usec = 200000};
    size_t sent = 0;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon), 0);
    for (ssize_t more; sent < size; sent += (size_t)more)
        if ((more = send(fd, bytes + sent, size - sent, MSG_NOSIGNAL)) <= 0)
            break;
    ck_assert_uint_lt(sent, size);
    return sent;
}

/* While a session is still here: not ready, alive, and still answering; and then it ends. */
TEST(while_it_drains)
{
    enum { SIZE = 64 * 1024 * 1024 };
    struct kit kit = kit_start(ARGUMENTS("--workers", "1", "--admin", "0", "--drain-timeout", "60s",
                                         "--write-timeout", "0"));
    uint16_t port = kit_admin_port(&kit);
    unsigned char *bytes = some_bytes(SIZE, 7);
    struct http_reply reply;
    struct metrics *metrics;
    struct outcome outcome;
    int fd = kit_connect(&kit);
    size_t received;
    bool reset;

    send_until_stuck(fd, bytes, SIZE);
    http_body(port, "/readyz", 200);
    ck_assert_int_eq(kill(kit.program.pid, SIGTERM), 0);
    do
        reply = http_get(port, "/readyz");
    while (reply.status == 200);
    ck_assert_int_eq(reply.status, 503);
    ck_assert_ptr_nonnull(strstr(reply.body, "draining"));
    http_body(port, "/livez", 200);
    json_decref(ask_stats(port));
    metrics = ask_metrics(port);
    ck_assert(metrics_value(metrics, "echopool_draining") == 1);
    ck_assert(metrics_value(metrics, "echopool_connections_active") == 1);
    free(metrics);

    shutdown(fd, SHUT_WR);
    received = tcp_receive_all(fd, bytes, SIZE, &reset);
    ck_assert_uint_gt(received, 0);
    close(fd);
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_uint_eq(tally_of(outcome.out).served, 1);
}

/* The last event comes after the last session: nothing is in flight in it. */
LOOP_TEST(the_last_event, MODELS)
{
    struct kit kit = kit_start(MODEL("--admin", "0"));
    int stream = http_listen(kit_admin_port(&kit));
    int fd = kit_connect(&kit);
    const char *last = NULL;
    struct outcome outcome;
    json_t *event;
    uint64_t id;

    say_hello(fd);
    kit_signal(&kit, SIGTERM);
    expect_rest(fd, "", 0);
    for (const char *data; (data = http_event(stream, &id)) != NULL;)
        last = data;
    close(stream);
    outcome = program_wait(&kit.program);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_nonnull(last);
    event = json_loads(last, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(event, "state")), "ended");
    ck_assert_uint_eq(number_of(json_object_get(event, "connections"), "active"), 0);
    json_decref(event);
}

/* The end closes what is open on the admin port, and waits for no client there. */
TEST(the_end_closes_all)
{
    struct kit kit = kit_start(ARGUMENTS("--admin", "0"));
    int stream = http_listen(kit_admin_port(&kit));
    int half = tcp_connect(kit_admin_port(&kit));
    struct outcome outcome;
    char bytes[65536];
    bool reset;

    tcp_send(half, "GET /", 5);
    outcome = program_stop(&kit.program);
    outcome_expect(&outcome, 0, NULL, "");
    tcp_receive_all(stream, bytes, sizeof bytes, &reset);
    ck_assert_uint_eq(tcp_receive_all(half, bytes, sizeof bytes, &reset), 0);
    close(stream);
    close(half);
}

CASE("Strangers")

#ifndef EP_SANITIZED
/* Memory that a process has in RAM. */
static size_t resident_bytes(pid_t pid)
{
    size_t pages = 0;
    FILE *file;
    const char *path = suite_text("/proc/%d/statm", (int)pid);

    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*u %zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}
#endif

static void allow_descriptors(rlim_t wanted)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < wanted)
        limit.rlim_cur = wanted;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/*
 * A thousand clients ask for a stream and are then silent: a few get one, the others a refusal or a close. The
 * server holds a bounded number of descriptors, answers others, and echoes go on.
 */
TEST(a_thousand_streams)
{
    enum { STRANGERS = 1000, CROWD = 3 };
    static const char request[] = "GET /events HTTP/1.1\r\nHost: test\r\n\r\n";
    struct kit kit = kit_start(ARGUMENTS("--admin", "0"));
    struct crowd crowd = {0};
    uint16_t port = kit_admin_port(&kit);
    unsigned listening = 0;
    int fds[STRANGERS];

    allow_descriptors(STRANGERS + 100);
    crowd_start(&crowd, &kit);
    for (int i = 0; i < STRANGERS; i++) {
        char start[13] = "";
        fds[i] = tcp_connect(port);
        tcp_send(fds[i], request, sizeof request - 1);
        if (i % 100 == 0)
            ck_assert_uint_le(process_descriptors(kit.program.pid),
                              kit.descriptors + 2 * CONNECTIONS_MAX + CROWD);
        if (recv(fds[i], start, 12, MSG_WAITALL) == 12)
            listening += strcmp(start, "HTTP/1.1 200") == 0;
    }
    ck_assert_uint_eq(listening, STREAMS_MAX);
    crowd_goes_on(&crowd);
    json_decref(ask_stats(port));
    crowd_stop(&crowd);
    kit_wait_in_flight(&kit, 0);
    /* A session is counted before its descriptor is closed. */
    ck_assert_uint_le(process_descriptors(kit.program.pid),
                      kit.descriptors + CONNECTIONS_MAX + CROWD);
    close_all(fds, STRANGERS);
    kit_finish(&kit, true, NULL);
}

/* A mebibyte of header, of line, of chunk, again and again: refused, and nothing grows. */
TEST(a_mebibyte_of_header)
{
    static const char *const starts[] = {
        "GET /",
        "GET /livez HTTP/1.1\r\nX: ",
        "POST /livez HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n",
    };
    enum { SIZE = 1024 * 1024, ROUNDS = 30 };
    struct kit kit = kit_start(ARGUMENTS("--admin", "0"));
    struct crowd crowd = {0};
    uint16_t port = kit_admin_port(&kit);
    char *bytes = suite_memory(SIZE);

    crowd_start(&crowd, &kit);
#ifndef EP_SANITIZED
    size_t before = resident_bytes(kit.program.pid);
#endif
    for (int i = 0; i < ROUNDS; i++) {
        const char *start = starts[i % 3];
        struct http_reply reply;
        memset(bytes, 'x', SIZE);
        memcpy(bytes, start, strlen(start));
        reply = http_send(port, bytes, SIZE);
        ck_assert_msg(reply.status == 0 || (reply.status >= 400 && reply.status < 500), "%s",
                      reply.head);
    }
    crowd_goes_on(&crowd);
#ifndef EP_SANITIZED
    ck_assert_uint_lt(resident_bytes(kit.program.pid), before + 8 * SIZE);
#endif
    crowd_stop(&crowd);
    kit_finish(&kit, true, NULL);
}

/* Those who listen leave in the middle of an event, by a reset and in order. */
TEST(gone_in_the_middle)
{
    struct kit kit = kit_start(ARGUMENTS("--admin", "0"));
    struct crowd crowd = {0};
    uint16_t port = kit_admin_port(&kit);
    char byte;

    crowd_start(&crowd, &kit);
    for (int i = 0; i < 60;) {
        static const char request[] = "GET /events HTTP/1.0\r\n\r\n";
        char start[13] = "";
        int fd = tcp_connect(port);
        tcp_send(fd, request, sizeof request - 1);
        tcp_receive(fd, start, 12);
        if (strcmp(start, "HTTP/1.0 200") == 0) { /* otherwise the last ones were not missed yet */
            tcp_receive(fd, &byte, 1);
            i++;
        }
        if (i % 2 == 0)
            tcp_reset(fd);
        else
            close(fd);
    }
    crowd_goes_on(&crowd);
    crowd_stop(&crowd);
    kit_finish(&kit, true, NULL);
}

CASE("The option")

TEST(public_address_is_warned_of)
{
    struct kit kit = kit_start(ARGUMENTS("--admin", "0.0.0.0:0"));

    ck_assert_ptr_nonnull(strstr(program_output(&kit.program), "\nadmin on http://0.0.0.0:"));
    kit_finish(&kit, true, "all machines that can reach it");
}

TEST(wrong_values)
{
    struct outcome outcome =
        program_run(ARGUMENTS("echo-server", "--port", "0", "--admin", "[]:0"), NULL);
    uint16_t port;
    int fd;

    ck_assert_int_eq(outcome.status, 2);
    ck_assert_ptr_nonnull(strstr(outcome.err, "--admin []:0: "));
    fd = tcp_listen(&port);
    const char *text = suite_text("%u", (unsigned)port);
    outcome = program_run(ARGUMENTS("echo-server", "--port", "0", "--admin", text), NULL);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_ptr_nonnull(strstr(outcome.err, "cannot listen on 127.0.0.1:"));
    ck_assert_str_eq(outcome.out, "");
    close(fd);
}

static uint64_t descriptors_needed(struct kit *kit)
{
    static const char words[] = "descriptors: up to ";
    const char *line = strstr(program_output(&kit->program), words);
    uint64_t needed = 0;

    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(sscanf(line + sizeof words - 1, "%" SCNu64, &needed), 1);
    return needed;
}

/* Who plans for descriptors plans for these, too. */
TEST(descriptors_are_planned_for)
{
    struct kit with = kit_start(ARGUMENTS("--admin", "0"));
    struct kit without = kit_start(NULL);

    ck_assert_uint_eq(descriptors_needed(&with),
                      descriptors_needed(&without) + CONNECTIONS_MAX + ADDRESSES_MAX);
    kit_finish(&with, true, NULL);
    kit_finish(&without, true, NULL);
}
