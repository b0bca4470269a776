/* SPDX-License-Identifier: MIT */
/* Listening sockets, and what becomes of the file of a unix socket. */
#include "common/clock.h"
#include "server/listen/listening-socket.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[96];

/* No process of the tests is in this group. */
enum { FOREIGN_GROUP = 12345 };

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s", suite_template());
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/echo", folder);
}

static void remove_folder(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct address at(const char *name)
{
    struct address address;

    ck_assert(address_of_path(name, &address));
    return address;
}

static bool is_listened_on(const struct address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM, 0);
    int rc = connect(fd, (const struct sockaddr *)&address->storage, address->length);

    close(fd);
    return rc == 0;
}

static mode_t mode_of(const char *name)
{
    struct stat file;

    return lstat(name, &file) == 0 ? file.st_mode : 0;
}

/* A socket whose file is there and without a listener. */
static void leave_stale_file(void)
{
    struct address address = at(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address.storage, address.length), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    close(fd);
}

CASE_WITH("Core", make_folder, remove_folder)

TEST(a_socket_on_a_port)
{
    struct address any;
    struct listening_socket first, second;
    const char *cause;

    ck_assert(address_resolve("127.0.0.1", 0, true, &any, &cause));
    ck_assert_int_eq(listening_socket_open(&any, &first), 0);
    ck_assert_uint_ne(address_port(&first.address), 0);
    ck_assert(is_listened_on(&first.address));
    ck_assert_int_ne(fcntl(first.fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(first.fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(listening_socket_open(&first.address, &second), -EADDRINUSE);
    any = first.address;
    listening_socket_close(&first);
    ck_assert(!is_listened_on(&any));
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    ck_assert_int_eq(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

/* A client may read nothing for as long as --write-timeout says. */
static const struct {
    int64_t write_timeout_ns;
    int give_up_ms;
} patience[] = {{0, 0}, {30 * SECOND_NS, 120000}, {120 * SECOND_NS, 120000}, {121 * SECOND_NS, 0}};

/* Echoes leave at once, and who vanishes is found out: no session has to ask for either. */
LOOP_TEST(accepted_sockets_inherit, COUNT_OF(patience))
{
    struct address any;
    struct listening_socket listening;
    const char *cause;
    int client, accepted;

    ck_assert(address_resolve("127.0.0.1", 0, true, &any, &cause));
    ck_assert_int_eq(listening_socket_open(&any, &listening), 0);
    listening_socket_limit_loss(&listening, patience[_i].write_timeout_ns);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(client, (const struct sockaddr *)&listening.address.storage,
                             listening.address.length),
                     0);
    accepted = accept(listening.fd, NULL, NULL);
    ck_assert_int_ge(accepted, 0);
    ck_assert_int_ne(option_of(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
    ck_assert_int_ne(option_of(accepted, SOL_SOCKET, SO_KEEPALIVE), 0);
    ck_assert_int_le(option_of(accepted, IPPROTO_TCP, TCP_KEEPIDLE) +
                         option_of(accepted, IPPROTO_TCP, TCP_KEEPINTVL) *
                             option_of(accepted, IPPROTO_TCP, TCP_KEEPCNT),
                     120);
    ck_assert_int_eq(option_of(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), patience[_i].give_up_ms);
    close(accepted);
    close(client);
    listening_socket_close(&listening);
}

TEST(a_socket_with_a_file)
{
    struct address address = at(path);
    struct listening_socket listening;

    umask(0);
    ck_assert_int_eq(listening_socket_open(&address, &listening), 0);
    ck_assert_uint_eq(mode_of(path), S_IFSOCK | 0600);
    ck_assert(is_listened_on(&address));
    ck_assert_int_ne(fcntl(listening.fd, F_GETFL) & O_NONBLOCK, 0);
    listening_socket_close(&listening);
    ck_assert_uint_eq(mode_of(path), 0);
}

TEST(a_umask_takes_rights_away)
{
    struct address address = at(path);
    struct listening_socket listening;

    umask(0277);
    ck_assert_int_eq(listening_socket_open(&address, &listening), 0);
    ck_assert_uint_eq(mode_of(path), S_IFSOCK | 0400);
    listening_socket_close(&listening);
}

/* Rights that were asked for are those of the file, whatever the umask takes away. */
LOOP_TEST(rights_that_were_asked_for, 3)
{
    static const struct socket_rights rights[] = {
        {.mode = 0666}, {.has_group = true}, {.mode = 0620, .has_group = true}};
    static const mode_t modes[] = {0666, 0660, 0620};
    struct address address = at(path);
    struct socket_rights asked = rights[_i];
    struct listening_socket listening;
    struct stat file;

    /* Root may give it to any group; except in a user namespace that lacks this one. */
    asked.group = chown(folder, (uid_t)-1, FOREIGN_GROUP) == 0 ? FOREIGN_GROUP : getegid();
    umask(077);
    ck_assert_int_eq(
        listening_socket_open_with(&address, (struct socket_port){0}, &asked, &listening), 0);
    ck_assert_int_eq(lstat(path, &file), 0);
    ck_assert_uint_eq(file.st_mode, S_IFSOCK | modes[_i]);
    ck_assert_uint_eq(file.st_gid, asked.has_group ? asked.group : getegid());
    ck_assert(is_listened_on(&address));
    listening_socket_close(&listening);
    ck_assert_uint_eq(mode_of(path), 0);
}

/* Without them there is no socket, and no file. */
TEST(a_group_that_cannot_be_had)
{
    struct address address = at(path);
    struct socket_rights rights = {.has_group = true, .group = FOREIGN_GROUP};
    struct listening_socket listening;

    if (geteuid() == 0 &&
        (setegid(65534) != 0 || chown(folder, 65534, 65534) != 0 || seteuid(65534) != 0)) {
        printf("# skipped: this process can neither do without root nor be another user\n");
        return;
    }
    ck_assert_int_eq(
        listening_socket_open_with(&address, (struct socket_port){0}, &rights, &listening), -EPERM);
    ck_assert_uint_eq(mode_of(path), 0);
    (void)!seteuid(0);
}

TEST(an_abstract_socket_has_no_file)
{
    struct address address;
    struct listening_socket first, second;
    const char *name = suite_text("@check_socket.%d", (int)getpid());

    address = at(name);
    ck_assert_int_eq(listening_socket_open(&address, &first), 0);
    ck_assert(is_listened_on(&address));
    ck_assert(!first.has_file);
    ck_assert_int_eq(listening_socket_open(&address, &second), -EADDRINUSE);
    listening_socket_close(&first);
    ck_assert(!is_listened_on(&address));
}

CASE_WITH("Limits", make_folder, remove_folder)

TEST(a_stale_file_is_replaced)
{
    struct address address = at(path);
    struct listening_socket listening;

    leave_stale_file();
    ck_assert_int_eq(listening_socket_open(&address, &listening), 0);
    ck_assert(is_listened_on(&address));
    listening_socket_close(&listening);
    ck_assert_uint_eq(mode_of(path), 0);
}

/* A server that listens keeps its file, also while its backlog is full. */
LOOP_TEST(a_live_one_is_left_alone, 2)
{
    struct address address = at(path);
    struct listening_socket other;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int client = -1;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address.storage, address.length), 0);
    ck_assert_int_eq(listen(fd, 0), 0);
    if (_i == 1)
        do
            client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        while (connect(client, (struct sockaddr *)&address.storage, address.length) == 0);
    ck_assert_int_eq(listening_socket_open(&address, &other), -EADDRINUSE);
    ck_assert_uint_eq(mode_of(path) & S_IFMT, S_IFSOCK);
    close(fd);
    close(client);
}

TEST(a_datagram_socket_is_left_alone)
{
    struct address address = at(path);
    struct listening_socket other;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address.storage, address.length), 0);
    ck_assert_int_eq(listening_socket_open(&address, &other), -EADDRINUSE);
    ck_assert_uint_eq(mode_of(path) & S_IFMT, S_IFSOCK);
    close(fd);
}

LOOP_TEST(another_kind_of_file_is_left_alone, 4)
{
    struct address address = at(path);
    const char *target = suite_text("%s.target", path);
    struct listening_socket other;
    mode_t kind;

    switch (_i) {
    case 0: close(open(path, O_CREAT | O_WRONLY, 0600)); break;
    case 1: mkdir(path, 0700); break;
    case 2: mkfifo(path, 0600); break;
    default: /* a link, even one to a stale socket */
        leave_stale_file();
        ck_assert_int_eq(rename(path, target), 0);
        ck_assert_int_eq(symlink(target, path), 0);
    }
    kind = mode_of(path) & S_IFMT;
    ck_assert_uint_ne(kind, 0);
    ck_assert_int_eq(listening_socket_open(&address, &other), -EEXIST);
    ck_assert_uint_eq(mode_of(path) & S_IFMT, kind);
    if (_i == 1)
        rmdir(path);
    if (_i == 3) {
        ck_assert_uint_eq(mode_of(target) & S_IFMT, S_IFSOCK);
        unlink(target);
    }
}

/* Another program has put its file in the place of ours: it is not removed. */
TEST(only_our_own_file_is_removed)
{
    struct address address = at(path);
    struct listening_socket ours, theirs;
    const char *aside = suite_text("%s.aside", path);

    ck_assert_int_eq(listening_socket_open(&address, &ours), 0);
    ck_assert_int_eq(rename(path, aside), 0); /* it stays, so that its number is not used again */
    ck_assert_int_eq(listening_socket_open(&address, &theirs), 0);
    listening_socket_close(&ours);
    ck_assert(is_listened_on(&address));
    listening_socket_close(&theirs);
    ck_assert_uint_eq(mode_of(path), 0);
    unlink(aside);
}

/* A folder that another process keeps locked does not hold the server up for ever. */
TEST(a_folder_that_is_locked)
{
    struct address address = at(path);
    struct listening_socket listening;
    int lock = open(folder, O_RDONLY | O_DIRECTORY);

    ck_assert_int_eq(flock(lock, LOCK_EX), 0);
    ck_assert_int_eq(listening_socket_open(&address, &listening), 0);
    ck_assert(is_listened_on(&address));
    listening_socket_close(&listening);
    ck_assert_uint_eq(mode_of(path), 0);
    close(lock);
}

TEST(a_folder_that_is_not_there)
{
    struct address address = at("/tmp/check_socket/no/such/folder");
    struct listening_socket listening;

    ck_assert_int_eq(listening_socket_open(&address, &listening), -ENOENT);
}

TEST(a_path_in_the_working_folder)
{
    struct address address = at("echo");
    struct listening_socket listening;

    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(listening_socket_open(&address, &listening), 0);
    ck_assert_uint_eq(mode_of(path), S_IFSOCK | 0600);
    listening_socket_close(&listening);
    ck_assert_uint_eq(mode_of(path), 0);
}

CASE_WITH("Races", make_folder, remove_folder)

enum { STARTERS = 3, ROUNDS = 50 };

struct starter {
    pthread_barrier_t *start;
    struct listening_socket listening;
    int rc;
};

static void *start(void *argument)
{
    struct starter *starter = argument;
    struct address address = at(path);

    pthread_barrier_wait(starter->start);
    starter->rc = listening_socket_open(&address, &starter->listening);
    return NULL;
}

/* Of several that start at once over a stale file one wins, and it is the one that is reached. */
TEST(one_of_many_wins)
{
    struct address address = at(path);
    pthread_barrier_t barrier;

    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, STARTERS), 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct starter starters[STARTERS];
        pthread_t threads[STARTERS];
        struct starter *winner = NULL;

        leave_stale_file();
        for (int i = 0; i < STARTERS; i++) {
            starters[i] = (struct starter){.start = &barrier};
            ck_assert_int_eq(pthread_create(&threads[i], NULL, start, &starters[i]), 0);
        }
        for (int i = 0; i < STARTERS; i++) {
            ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
            ck_assert(starters[i].rc == 0 || starters[i].rc == -EADDRINUSE);
            if (starters[i].rc == 0) {
                ck_assert_ptr_null(winner);
                winner = &starters[i];
            }
        }
        ck_assert_ptr_nonnull(winner);
        ck_assert(is_listened_on(&address));
        listening_socket_close(&winner->listening);
        ck_assert_uint_eq(mode_of(path), 0);
    }
    pthread_barrier_destroy(&barrier);
}
