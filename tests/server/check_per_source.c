/* SPDX-License-Identifier: MIT */
/* Sessions by address: what is one source, how many it may have, and that none is forgotten. */
#include "server/session/per-source.h"

#include "tests/kit/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The source of an address in numbers. */
static struct per_source_key from(const char *text)
{
    struct address address = {.length = sizeof(struct sockaddr_in6)};
    struct sockaddr_in *in = (struct sockaddr_in *)&address.storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address.storage;

    if (strchr(text, ':') == NULL) {
        in->sin_family = AF_INET;
        in->sin_port = htons(1234);
        ck_assert_int_eq(inet_pton(AF_INET, text, &in->sin_addr), 1);
    } else {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(4321);
        ck_assert_int_eq(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
    }
    return per_source_key(&address);
}

/* The n-th of many IPv4 sources. */
static struct per_source_key numbered(unsigned n)
{
    struct per_source_key source = {.family = 4};

    for (int i = 0; i < 4; i++)
        source.bytes[i] = (unsigned char)(n >> (8 * i));
    return source;
}

static bool enter_key(struct per_source *table, const struct per_source_key *source)
{
    struct per_source_key counted = {0};

    return per_source_enter(table, source, &counted);
}

static bool enter(struct per_source *table, const char *text)
{
    struct per_source_key source = from(text);

    return enter_key(table, &source);
}

CASE("Core")

TEST(so_many_each)
{
    struct per_source *table = per_source_new(2, 100);
    struct per_source_key first = from("192.0.2.1");

    ck_assert(enter(table, "192.0.2.1"));
    ck_assert(enter(table, "192.0.2.1"));
    ck_assert(!enter(table, "192.0.2.1"));
    ck_assert(enter(table, "192.0.2.2"));
    ck_assert(!enter(table, "192.0.2.1"));
    per_source_leave(table, &first); /* those that were not let in were not counted */
    ck_assert(enter(table, "192.0.2.1"));
    ck_assert(!enter(table, "192.0.2.1"));
    per_source_free(table);
}

TEST(what_is_one_source)
{
    struct per_source *table = per_source_new(1, 100);
    struct address nameless = {.storage.ss_family = AF_UNIX, .length = sizeof(sa_family_t)};
    struct per_source_key none = per_source_key(&nameless);

    ck_assert(enter(table, "2001:db8:1:2::1"));
    ck_assert(!enter(table, "2001:db8:1:2:ffff:ffff:ffff:ffff"));
    ck_assert(enter(table, "2001:db8:1:3::1"));
    ck_assert(enter(table, "192.0.2.1"));
    ck_assert(!enter(table, "::ffff:192.0.2.1"));
    ck_assert(enter(table, "::ffff:192.0.2.2"));
    ck_assert(enter(table, "::1"));
    ck_assert(enter(table, "0.0.0.0")); /* not the same as ::, though it has the same bytes */
    for (int i = 0; i < 5; i++)
        ck_assert(enter_key(table, &none));
    per_source_leave(table, &none);
    per_source_free(table);
}

CASE("Limits")

/* Not one more source than was announced, and as many as that again and again. */
TEST(bounded)
{
    enum { MOST = 1000 };
    struct per_source *table = per_source_new(3, MOST);
    struct per_source_key source;

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MOST; i++) {
            source = numbered(round * MOST + i);
            ck_assert(enter_key(table, &source));
        }
        source = numbered(99999);
        ck_assert(!enter_key(table, &source));
        for (unsigned i = 0; i < MOST; i++) {
            source = numbered(round * MOST + i);
            per_source_leave(table, &source);
        }
    }
    per_source_free(table);
}

/* Comings and goings in all orders against a plain array: no address is lost when others move up. */
TEST(no_source_is_forgotten)
{
    enum { SOURCES = 40, LIMIT = 3, ROUNDS = 200000 };
    unsigned here[SOURCES] = {0};
    struct per_source *table = per_source_new(LIMIT, SOURCES);
    uint32_t state = 1;

    for (int round = 0; round < ROUNDS; round++) {
        state = state * 1664525u + 1013904223u;
        unsigned n = (state >> 16) % SOURCES;
        struct per_source_key source = numbered(n * 7919);
        if (state >> 31) {
            bool enters = enter_key(table, &source);
            ck_assert(enters == (here[n] < LIMIT));
            here[n] += enters;
        } else if (here[n] > 0) {
            per_source_leave(table, &source);
            here[n]--;
        }
    }
    per_source_free(table);
}

static void *come_and_go(void *argument)
{
    struct per_source *table = argument;

    for (unsigned i = 0; i < 20000; i++) {
        struct per_source_key source = numbered(i % 5);
        if (enter_key(table, &source))
            per_source_leave(table, &source);
    }
    return NULL;
}

CASE("Races")

TEST(from_several_threads)
{
    struct per_source *table = per_source_new(1, 5);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, table), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 5; i++) {
        struct per_source_key source = numbered(i);
        ck_assert(enter_key(table, &source));
    }
    per_source_free(table);
}

/*
 * A process dies in the middle of counting: it may not write where the session keeps what it counts as. The
 * others get the lock, and the session is not counted.
 */
TEST(a_process_that_is_killed)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct per_source_key *counted =
        mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct per_source *table = per_source_new(2, 2);
    struct per_source_key source = from("192.0.2.1");

    ck_assert_ptr_ne(counted, MAP_FAILED);
    ck_assert(enter(table, "192.0.2.1"));
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        int status;
        if (pid == 0) {
            signal(SIGSEGV, SIG_DFL); /* a sanitizer would report it */
            mprotect(counted, page, PROT_READ);
            per_source_enter(table, i == 0 ? &source : &(struct per_source_key){.family = 6},
                             counted);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
    }
    per_source_leave(table, counted); /* nothing, as it was not counted */
    ck_assert(per_source_enter(table, &source, counted));
    ck_assert(!enter(table, "192.0.2.1"));
    ck_assert(enter(table, "2001:db8::1"));
    per_source_leave(table, counted);
    ck_assert(enter(table, "192.0.2.1"));
    per_source_free(table);
    munmap(counted, page);
}
