/* SPDX-License-Identifier: MIT */
/*
 * The labs whose program is a server: 1, 2, 4 and 5.
 *
 * DESIGN. Each trial starts a server of its own. To show what happens when a client is gone before the server
 * looks, the server is stopped meanwhile; nothing depends on who is faster.
 */
#include "server.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MANY = 100,   /* clients one after another */
    FEW_FDS = 24, /* descriptors of a server that serves them */
    WORKERS = 4,
    QUEUE = 8,
    KIB = 1024,
    MIB = 1024 * 1024,
};

static bool begin(struct server *server, const char *variable, char why[static WHY_MAX])
{
    server->workers = WORKERS;
    server->queue = QUEUE;
    return server_start(server, variable, why);
}

/* Connect and be served, or say who was not. @return the descriptor or -1 */
static int served(struct server *server, const char *who, char why[static WHY_MAX])
{
    char cause[WHY_MAX];
    int fd = client_connect(server, why);

    if (fd >= 0 && !client_exchange(fd, 100, cause)) {
        wrong(why, "%s: %s", who, server_ended(server) ? "the server has died" : cause);
        close(fd);
        return -1;
    }
    return fd;
}

/* --- every server -------------------------------------------------------------------------- */

static bool echoes(char why[static WHY_MAX])
{
    struct server server = {0};
    int fd;

    return begin(&server, NULL, why) && (fd = client_connect(&server, why)) >= 0 &&
           client_exchange(fd, 6, why) && client_exchange(fd, 6, why);
}

static bool echoes_all_sizes(char why[static WHY_MAX])
{
    struct server server = {0};

    return begin(&server, NULL, why) && echo_client(&server, "-n 1 -m 50 -s 1-64K", why);
}

static bool finishes(char why[static WHY_MAX])
{
    struct server server = {0};
    int fd;

    return begin(&server, NULL, why) && (fd = client_connect(&server, why)) >= 0 &&
           client_finish(fd, 300 * KIB, why);
}

static bool sends_the_rest(char why[static WHY_MAX])
{
    struct server server = {0};
    char cause[WHY_MAX];
    int fd;

    if (!begin(&server, "LAB_SHORT=1", why) || (fd = client_connect(&server, why)) < 0)
        return false;
    return client_exchange(fd, 64 * KIB, cause) ||
           wrong(why,
                 "send() or write() took only a part of the bytes, as it may, and the rest was "
                 "never sent (%s)",
                 cause);
}

/* Say what has become of a server after a client vanished. */
static bool died_of_it(struct server *server, char why[static WHY_MAX])
{
    if (!server_ended(server))
        return false; /* why says it already */
    if (WIFSIGNALED(server->status) && WTERMSIG(server->status) == SIGPIPE)
        return wrong(why,
                     "a client vanished before it had its reply, and the server died: writing to "
                     "such a connection "
                     "raises SIGPIPE, unless send() has MSG_NOSIGNAL or the signal is ignored");
    return wrong(why, "a client vanished before it had its reply, and the server ended: an error "
                      "of one connection must "
                      "end that connection only");
}

/* Stay on one CPU: what is sent from several may arrive in another order on a busy machine. */
static void send_in_order(void)
{
    cpu_set_t here;

    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    (void)sched_setaffinity(0, sizeof here, &here);
}

/*
 * The client sends, ends its half, and breaks the connection while the server looks elsewhere: so its bytes are there,
 * and no client is left to be answered. The last connection comes after all that.
 */
static bool survives_the_vanished(char why[static WHY_MAX])
{
    struct server server = {0};
    int fd;

    if (!begin(&server, NULL, why))
        return false;
    server_freeze(&server);
    send_in_order();
    for (int i = 0; i < 3; i++) {
        fd = client_connect(&server, why);
        if (fd < 0)
            return false;
        if (i < 2) {
            client_flood(&server, fd, 20000);
            shutdown(fd, SHUT_WR);
        }
        client_reset(fd);
    }
    server_thaw(&server);
    for (int i = 0; i < 5; i++) {
        fd = served(&server, "the client after one that had vanished", why);
        if (fd < 0)
            return died_of_it(&server, why);
        close(fd);
    }
    return true;
}

static bool serve_many(struct server *server, int count, char why[static WHY_MAX])
{
    for (int i = 0; i < count; i++) {
        char who[64];
        snprintf(who, sizeof who, "client %d, one after another", i + 1);
        int fd = served(server, who, why);
        if (fd < 0)
            return false;
        shutdown(fd, SHUT_WR);
        if (!client_sees_end(fd))
            return wrong(
                why, "%s, has ended its sending half, and the server does not close its connection",
                who);
        close(fd);
    }
    return true;
}

static bool closes_descriptors(char why[static WHY_MAX])
{
    struct server server = {.descriptors = FEW_FDS};

    if (begin(&server, NULL, why) && serve_many(&server, MANY, why))
        return true;
    size_t used = strlen(why);
    snprintf(why + used, WHY_MAX - used, "; the server may have %d descriptors", FEW_FDS);
    return false;
}

static bool serves_two(char why[static WHY_MAX])
{
    struct server server = {0};
    int silent;

    return begin(&server, NULL, why) && (silent = client_connect(&server, why)) >= 0 &&
           served(&server, "a second client, while the first one is silent", why) >= 0 &&
           client_exchange(silent, 100, why);
}

static bool serves_fifty(char why[static WHY_MAX])
{
    struct server server = {0};

    return begin(&server, NULL, why) &&
           echo_client(&server, "-n 50 -m 20 -s 1-4K --barrier none", why);
}

/* --- lab 2 --------------------------------------------------------------------------------- */

static bool releases_threads(char why[static WHY_MAX])
{
    struct server server = {0};
    unsigned before, after;

    if (!begin(&server, NULL, why) || !serve_many(&server, 20, why))
        return false;
    before = server_pieces(&server);
    if (!serve_many(&server, MANY, why))
        return false;
    for (int i = 0; i < 200 && server_threads(&server) > 3; i++)
        poll(NULL, 0, 20);
    if (server_threads(&server) > 3)
        return wrong(why, "all clients are gone, and %u threads still run",
                     server_threads(&server));
    after = server_pieces(&server);
    return after < before + MANY / 2 ||
           wrong(why,
                 "after %d more clients the server has %u more pieces of "
                 "memory: the stack of a thread that has "
                 "ended stays until it is joined, or detached",
                 MANY, after - before);
}

static bool survives_without_thread(char why[static WHY_MAX])
{
    struct server server = {0};
    int first, turned_away;

    /* server_start() has used the first thread, for a look at the port. */
    if (!begin(&server, "LAB_FAIL_THREAD=3", why))
        return false;
    first = served(&server, "the first client", why);
    if (first < 0)
        return false;
    turned_away = client_connect(&server, why);
    if (turned_away < 0)
        return false;
    if (!client_sees_end(turned_away))
        return wrong(
            why, "pthread_create() failed, and the client is left waiting: close its connection");
    if (client_exchange(first, 100, why) &&
        served(&server, "the client after pthread_create() had failed", why) >= 0)
        return true;
    return server_ended(&server) ? wrong(why, "pthread_create() failed, and the server died of it")
                                 : false;
}

/* The sanitizer sees two uses of the same memory only if they are near one another: so there are many. */
static bool has_no_race(char why[static WHY_MAX])
{
    struct server server = {.twin = true};

    return begin(&server, NULL, why) && echo_client(&server, "-n 12 -m 200 --barrier none", why) &&
           echo_client(&server, "-n 12 -m 200 --barrier none", why);
}

/* --- lab 4 --------------------------------------------------------------------------------- */

/* Occupy all workers. */
static bool hold_all(struct server *server, int held[static WORKERS], char why[static WHY_MAX])
{
    for (int i = 0; i < WORKERS; i++) {
        held[i] = served(server, "one of four clients, for four workers", why);
        if (held[i] < 0)
            return false;
    }
    return true;
}

static bool is_bounded(char why[static WHY_MAX])
{
    struct server server = {0};
    int held[WORKERS];

    if (!begin(&server, NULL, why) || !hold_all(&server, held, why))
        return false;
    for (int i = 0; i < QUEUE; i++)
        if (client_connect(&server, why) < 0)
            return false;
    /* A sanitizer may have a thread, and a server one for signals. */
    for (int i = 0; i < 10; i++, poll(NULL, 0, 20))
        if (server_threads(&server) > WORKERS + 3)
            return wrong(why, "with %d workers and %d clients the server has %u threads", WORKERS,
                         WORKERS + QUEUE, server_threads(&server));
    return true;
}

static bool fifth_waits(char why[static WHY_MAX])
{
    struct server server = {0};
    struct pollfd fifth = {.events = POLLIN};
    int held[WORKERS];

    if (!begin(&server, NULL, why) || !hold_all(&server, held, why) ||
        (fifth.fd = client_connect(&server, why)) < 0)
        return false;
    client_flood(&server, fifth.fd, 100);
    if (poll(&fifth, 1, 300) > 0)
        return wrong(why,
                     "four workers each hold a client, and a fifth client is not left waiting");
    close(held[2]);
    return client_drain(fifth.fd, 100, false, why) ||
           wrong(why, "a worker became free, and the client that waited for one is not served");
}

/* What it computes until it sleeps counts, and not the time, of which a busy machine takes the most. */
static bool sleeps(struct server *server, const char *when, char why[static WHY_MAX])
{
    long before = server_cpu_ms(server);

    while (server_cpu_ms(server) - before < 300)
        if (server_sleeps(server))
            return true;
    return wrong(why, "%s, and the server does not sleep: a thread looks again and again instead",
                 when);
}

static bool is_idle(char why[static WHY_MAX])
{
    struct server server = {0};
    int deaf;

    if (!begin(&server, NULL, why) || served(&server, "a client", why) < 0 ||
        !sleeps(&server, "no client sends", why) || (deaf = client_connect(&server, why)) < 0)
        return false;
    client_flood(&server, deaf, 64 * MIB);
    return sleeps(&server, "a client does not read", why);
}

static bool ends(struct server *server, char why[static WHY_MAX])
{
    int status = server_terminate(server);

    if (status == -1)
        return wrong(why, "it does not end after SIGTERM");
    if (status == -2)
        return wrong(why, "SIGTERM kills it: handle the signal, finish, and return 0 from main()");
    return status == 0 || wrong(why, "after SIGTERM it ends with status %d, not 0", status);
}

static bool stops_idle(char why[static WHY_MAX])
{
    struct server server = {0};

    return begin(&server, NULL, why) && serve_many(&server, 6, why) && ends(&server, why);
}

/*
 * One stop while each worker has something to echo, and a client waits for a worker. All of it has arrived before
 * the server looks again, and finds SIGTERM as well.
 */
static bool stop_once(char why[static WHY_MAX])
{
    struct server server = {0};
    char cause[WHY_MAX];
    int held[WORKERS], waiting;

    if (!begin(&server, NULL, why) || !hold_all(&server, held, why) ||
        (waiting = client_connect(&server, why)) < 0)
        return false;
    server_freeze(&server);
    for (int i = 0; i < WORKERS; i++)
        client_flood(&server, held[i], 40000);
    kill(server.pid, SIGTERM);
    server_thaw(&server);
    for (int i = 0; i < WORKERS; i++)
        if (!client_drain(held[i], 40000, true, cause))
            return wrong(why, "a client had sent 40000 bytes when SIGTERM came: %s", cause);
    return client_sees_end(waiting) ||
           wrong(why, "the client that waited for a worker is left waiting");
}

/* Several times, since a worker may be quicker than the stop. */
static bool stops_in_order(char why[static WHY_MAX])
{
    for (int i = 0; i < 20; i++)
        if (!stop_once(why))
            return false;
    return true;
}

static bool stops_without_race(char why[static WHY_MAX])
{
    struct server server = {.twin = true};

    return begin(&server, NULL, why) && echo_client(&server, "-n 12 -m 200 --barrier none", why) &&
           ends(&server, why);
}

/* --- lab 5 --------------------------------------------------------------------------------- */

static bool serves_beside_silent(char why[static WHY_MAX])
{
    struct server server = {0};

    if (!begin(&server, NULL, why))
        return false;
    for (int i = 0; i < 200; i++)
        if (client_connect(&server, why) < 0)
            return false;
    if (served(&server, "a client beside 200 silent ones", why) < 0)
        return false;
    return getenv("LAB_BUILT") == NULL || server_threads(&server) <= 2 ||
           wrong(why, "it has %u threads: one is enough", server_threads(&server));
}

static bool serves_beside_deaf(char why[static WHY_MAX])
{
    struct server server = {0};
    int deaf;

    if (!begin(&server, NULL, why) || (deaf = client_connect(&server, why)) < 0)
        return false;
    client_flood(&server, deaf, 64 * MIB);
    if (served(&server, "a client beside one that sends and does not read", why) >= 0)
        return true;
    size_t used = strlen(why);
    snprintf(why + used, WHY_MAX - used,
             "; the loop may be blocked in a write: make each connection non-blocking");
    return false;
}

static bool keeps_little(char why[static WHY_MAX])
{
    struct server server = {0};
    size_t taken;
    int deaf;

    if (!begin(&server, NULL, why) || (deaf = client_connect(&server, why)) < 0)
        return false;
    taken = client_flood(&server, deaf, 64 * MIB);
    if (taken >= 64 * MIB)
        return wrong(why, "a client sent 64 MiB and read nothing, and the server took it all: stop "
                          "reading from a client "
                          "while you cannot write to it");
    return client_drain(deaf, taken, false, why);
}

static bool flushes(char why[static WHY_MAX])
{
    struct server server = {0};
    size_t taken;
    int fd;

    if (!begin(&server, NULL, why) || (fd = client_connect(&server, why)) < 0)
        return false;
    taken = client_flood(&server, fd, 64 * MIB);
    shutdown(fd, SHUT_WR);
    return client_drain(fd, taken, true, why);
}

/* --- the tables ---------------------------------------------------------------------------- */

#define ECHOES                                                                                     \
    {                                                                                              \
        "echo", "messages come back", 2, "labs/1-echo/README.md", echoes, NULL, false              \
    }
#define SIZES                                                                                      \
    {                                                                                              \
        "sizes", "messages of all sizes come back", 2, "lessons/09-framing", echoes_all_sizes,     \
            NULL, false                                                                            \
    }
#define FINISHES                                                                                   \
    {                                                                                              \
        "half-close", "a client that ends its sending half gets everything, and then the end", 3,  \
            "lessons/08-half-close", finishes, NULL, false                                         \
    }
#define SHORT                                                                                      \
    {                                                                                              \
        "short", "what one send does not take is sent by the next", 3, "send(2)", sends_the_rest,  \
            NULL, true                                                                             \
    }
#define VANISHED                                                                                   \
    {                                                                                              \
        "vanished", "a client that vanishes takes no other with it", 3, "send(2), MSG_NOSIGNAL",   \
            survives_the_vanished, NULL, false                                                     \
    }
#define DESCRIPTORS                                                                                \
    {                                                                                              \
        "descriptors", "each connection is closed in the end", 2, "lessons/03-exhaustion",         \
            closes_descriptors, NULL, false                                                        \
    }
#define FIFTY                                                                                      \
    {                                                                                              \
        "fifty", "fifty clients at once are served", 3, "lessons/02-thread-per-client",            \
            serves_fifty, NULL, false                                                              \
    }

static const struct requirement lab1[] = {ECHOES, SIZES, FINISHES, SHORT, VANISHED, DESCRIPTORS};
static const struct requirement lab2[] = {
    ECHOES,
    {"two", "a silent client holds up no other", 3, "lessons/01-iterative", serves_two, NULL,
     false},
    FIFTY,
    FINISHES,
    VANISHED,
    DESCRIPTORS,
    {"threads", "a thread that has ended leaves nothing behind", 3, "pthread_detach(3)",
     releases_threads, NULL, false},
    {"no-thread", "without a thread the client is turned away, and the others go on", 3,
     "lessons/03-exhaustion", survives_without_thread, NULL, true},
    {"race", "no memory is used by two threads without a lock", 3,
     "pthread_create(3): what becomes of its argument", has_no_race, NULL, true},
};
static const struct requirement lab4[] = {
    ECHOES,
    FIFTY,
    {"bound", "there are as many threads as workers", 3, "lessons/04-the-pool", is_bounded, NULL,
     true},
    {"fifth", "a fifth client waits for one of four workers, and gets it", 3,
     "lessons/05-the-fifth-client", fifth_waits, NULL, false},
    FINISHES,
    VANISHED,
    DESCRIPTORS,
    {"idle", "it uses no CPU time while no client sends", 2, "labs/3-queue/README.md", is_idle,
     NULL, false},
    {"stop", "it ends after SIGTERM, with status 0", 2, "sigaction(2)", stops_idle, NULL, false},
    {"order", "what was received before SIGTERM is sent back", 4, "lessons/12-stopping",
     stops_in_order, NULL, false},
    {"race", "no memory is used by two threads without a lock", 3, "labs/3-queue/README.md",
     stops_without_race, NULL, true},
};
static const struct requirement lab5[] = {
    ECHOES,
    SIZES,
    {"silent", "200 silent clients hold up no other, with one thread", 3, "lessons/15-event-loop",
     serves_beside_silent, NULL, false},
    FIFTY,
    {"deaf", "a client that does not read holds up no other", 3, "lessons/10-echo-deadlock",
     serves_beside_deaf, NULL, false},
    {"memory", "it stops reading from a client that does not read", 3, "lessons/10-echo-deadlock",
     keeps_little, NULL, false},
    {"flush", "what is left is sent before the connection is closed", 3, "lessons/08-half-close",
     flushes, NULL, false},
    SHORT,
    VANISHED,
    DESCRIPTORS,
    {"idle", "it uses no CPU time while no client sends", 2, "lessons/15-event-loop", is_idle, NULL,
     false},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))
static const struct lab table[] = {
    [1] = {"an echo for one client", lab1, COUNT(lab1)},
    [2] = {"a thread for each client", lab2, COUNT(lab2)},
    [4] = {"a pool of workers", lab4, COUNT(lab4)},
    [5] = {"an event loop", lab5, COUNT(lab5)},
};

int main(int count, char **arguments)
{
    unsigned number = count > 1 ? (unsigned)atoi(arguments[1]) : 0;

    if (number >= COUNT(table) || table[number].title == NULL) {
        fputs("grade: usage: grade 1|2|4|5\n", stderr);
        return 2;
    }
    return grade(number, &table[number]);
}
