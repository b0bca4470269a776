/* SPDX-License-Identifier: MIT */
/*
 * Streams on real TCP sockets of 127.0.0.1.
 *
 * To make rare events of the kernel frequent, this program has its own send() and recv(), which
 * stream.c calls, and which shorten or interrupt calls on demand.
 */
#include "common/stream.h"
#include "tests/kit/harness.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)
#define LONG_BYTES  (1u << 20) /* far more than the small buffers below hold */

/* --- The calls that stream.c makes --------------------------------------------------------- */

/* Only for the descriptor `fd`; set while no other thread uses it. */
static struct {
    int fd;
    size_t at_most;      /* bytes of one send; 0: no limit */
    bool interrupt_odd;  /* every other call fails with EINTR */
    unsigned long calls; /* since it was armed */
} shim = {.fd = -1};

static void shim_arm(const struct stream *stream, size_t at_most, bool interrupt_odd)
{
    shim.fd = stream->fd;
    shim.at_most = at_most;
    shim.interrupt_odd = interrupt_odd;
    shim.calls = 0;
}

static bool shim_interrupts(int fd)
{
    if (fd != shim.fd || !(shim.calls++ % 2 == 0 && shim.interrupt_odd))
        return false;
    errno = EINTR;
    return true;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    if (shim_interrupts(fd))
        return -1;
    if (fd == shim.fd && shim.at_most != 0 && size > shim.at_most)
        size = shim.at_most;
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    if (shim_interrupts(fd))
        return -1;
    return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

/* --- Two ends ------------------------------------------------------------------------------ */

static struct stream ours;
static int peer = -1;

static void set_buffers(int fd, int bytes)
{
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

static void connect_ends(void)
{
    uint16_t port;
    int listener = tcp_listen(&port);
    int fd;

    set_buffers(listener, 8192); /* accepted sockets inherit them */
    peer = tcp_connect(port);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    set_buffers(fd, 1); /* the kernel's minimum, about 4 KiB */
    close(listener);
    stream_init_plain(&ours, fd);
}

static void close_ends(void)
{
    shim.fd = -1;
    if (ours.fd >= 0)
        stream_close(&ours);
    if (peer >= 0)
        close(peer);
    peer = -1;
}

/* A thread at the peer's end that receives LONG_BYTES in odd pieces and compares them. */
static void *receive_pattern(void *context)
{
    unsigned char *expected = some_bytes(LONG_BYTES, 1);
    unsigned char *piece = malloc(70000);
    size_t have = 0;
    size_t size = 1;

    (void)context;
    while (have < LONG_BYTES) {
        size_t want = size < LONG_BYTES - have ? size : LONG_BYTES - have;
        tcp_receive(peer, piece, want);
        if (memcmp(piece, expected + have, want) != 0)
            break;
        have += want;
        size = size * 3 % 69997;
    }
    free(piece);
    return have == LONG_BYTES ? NULL : "wrong bytes";
}

/* Write the pattern while the peer's thread compares it. */
static void write_pattern(void)
{
    unsigned char *bytes = some_bytes(LONG_BYTES, 1);
    void *complaint;
    pthread_t receiver = thread_start(receive_pattern, NULL);

    ck_assert_int_eq(stream_write(&ours, bytes, LONG_BYTES, NULL), 0);
    complaint = thread_join(receiver);
    ck_assert_msg(complaint == NULL, "%s", (const char *)complaint);
}

CASE_WITH("Core", connect_ends, close_ends)

TEST(reads_what_there_is)
{
    char bytes[100];

    tcp_send(peer, "hello", 5);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 5);
    ck_assert_mem_eq(bytes, "hello", 5);
    tcp_send(peer, "abc", 3);
    ck_assert_int_eq(stream_read(&ours, bytes, 1), 1);
    ck_assert_int_eq(bytes[0], 'a');
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 2);
    ck_assert_mem_eq(bytes, "bc", 2);
}

TEST(end_of_file_is_0_and_writing_goes_on)
{
    char bytes[100];

    tcp_send(peer, "last", 4);
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 4);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 0);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 0);
    ck_assert_int_eq(stream_write(&ours, "still", 5, NULL), 0);
    tcp_receive(peer, bytes, 5);
    ck_assert_mem_eq(bytes, "still", 5);
}

TEST(finishing_leaves_reading_open)
{
    char bytes[100];
    bool reset;

    ck_assert_int_eq(stream_write(&ours, "all of it", 9, NULL), 0);
    stream_finish_writing(&ours);
    ck_assert_uint_eq(tcp_receive_all(peer, bytes, sizeof bytes, &reset), 9);
    ck_assert(!reset);
    tcp_send(peer, "answer", 6);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 6);
}

TEST(parts_are_written_in_their_order)
{
    struct iovec parts[] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
    char bytes[100];

    ck_assert_int_eq(stream_write_parts(&ours, parts, 3), 13);
    tcp_receive(peer, bytes, 13);
    ck_assert_mem_eq(bytes, "one two three", 13);
}

TEST(reading_without_waiting)
{
    struct pollfd ready = {.fd = ours.fd, .events = POLLIN};
    char bytes[100];

    stream_set_nonblocking(&ours);
    ck_assert_int_eq(stream_handshake(&ours), 0); /* nothing to do */
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), -EAGAIN);
    ck_assert(!ours.wants_write);
    ck_assert_int_eq(fcntl(ours.fd, F_GETFL) & O_NONBLOCK, 0); /* another process may share it */
    tcp_send(peer, "hello", 5);
    ck_assert_int_eq(poll(&ready, 1, -1), 1);
    ck_assert_int_eq(stream_read(&ours, bytes, 2), 2);
    ck_assert(!stream_has_pending(&ours)); /* poll() sees the rest */
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 3);
    stream_set_blocking(&ours);
    ck_assert_int_eq(stream_set_timeouts(&ours, MILLISECOND, 0), 0);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), -ETIMEDOUT);
}

TEST(writing_without_waiting)
{
    unsigned char *bytes = some_bytes(LONG_BYTES, 1);
    struct iovec part = {bytes, LONG_BYTES};
    size_t written = 0;
    ssize_t put;

    stream_set_nonblocking(&ours);
    ck_assert_int_eq(stream_write(&ours, bytes, LONG_BYTES, &written), -EAGAIN);
    ck_assert(ours.wants_write);
    ck_assert(written > 0 && written < LONG_BYTES);
    do { /* what is on the way, or acknowledged late, leaves room for more */
        put = stream_write_parts(&ours, &part, 1);
    } while (put > 0);
    ck_assert_int_eq(put, -EAGAIN);
    ck_assert_int_eq(stream_finish_writing(&ours), 0);
}

TEST(close_closes)
{
    int fd = ours.fd;
    char byte;
    bool reset;

    stream_close(&ours);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert_uint_eq(tcp_receive_all(peer, &byte, 1, &reset), 0);
    ck_assert(!reset);
}

TEST(nodelay_is_set_where_there_is_tcp)
{
    int ends[2];
    int on = 0;
    socklen_t size = sizeof on;
    struct stream local;

    stream_set_nodelay(&ours);
    ck_assert_int_eq(getsockopt(ours.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    ck_assert_int_ne(on, 0);

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    stream_init_plain(&local, ends[0]);
    stream_set_nodelay(&local);
    ck_assert_int_eq(stream_write(&local, "x", 1, NULL), 0);
    stream_close(&local);
    close(ends[1]);
}

CASE_WITH("Limits: short calls, signals, time", connect_ends, close_ends)

TEST(long_writes_through_small_buffers)
{
    write_pattern();
}

TEST(short_sends_are_continued)
{
    shim_arm(&ours, 1021, false);
    write_pattern();
    ck_assert_uint_eq(shim.calls, (LONG_BYTES + 1020) / 1021);
}

TEST(interrupted_sends_are_continued)
{
    shim_arm(&ours, 4093, true);
    write_pattern();
    ck_assert_uint_eq(shim.calls, 2 * ((LONG_BYTES + 4092) / 4093));
}

TEST(interrupted_reads_are_continued)
{
    char bytes[100];

    for (int limited = 0; limited < 2; limited++) {
        if (limited)
            ck_assert_int_eq(stream_set_timeouts(&ours, 3600 * 1000 * MILLISECOND, 0), 0);
        shim_arm(&ours, 0, true);
        tcp_send(peer, "hello", 5);
        ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 5);
        ck_assert_uint_eq(shim.calls, 2);
    }
}

TEST(a_message_is_one_call)
{
    char bytes[100] = "hello";

    shim_arm(&ours, 0, false);
    tcp_send(peer, bytes, 5);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 5);
    ck_assert_uint_eq(shim.calls, 1);
    ck_assert_int_eq(stream_write(&ours, bytes, 5, NULL), 0);
    ck_assert_uint_eq(shim.calls, 2);
    ck_assert_int_eq(stream_write(&ours, bytes, 0, NULL), 0);
    ck_assert_uint_eq(shim.calls, 2);
}

TEST(reading_has_a_time_limit)
{
    char bytes[100];

    ck_assert_int_eq(stream_set_timeouts(&ours, 20 * MILLISECOND, 0), 0);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), -ETIMEDOUT);
    ck_assert_int_eq(stream_set_timeouts(&ours, 20000 * MILLISECOND, 0), 0);
    tcp_send(peer, "late", 4); /* the stream still works */
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 4);
}

TEST(writing_has_a_time_limit)
{
    unsigned char *bytes = some_bytes(LONG_BYTES, 1);

    ck_assert_int_eq(stream_set_timeouts(&ours, 0, 20 * MILLISECOND), 0);
    ck_assert_int_eq(stream_write(&ours, bytes, LONG_BYTES, NULL), -ETIMEDOUT);
}

static struct timeval limit_of(int fd, int option)
{
    struct timeval limit;
    socklen_t size = sizeof limit;

    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, option, &limit, &size), 0);
    return limit;
}

TEST(no_limit_and_the_least_limit)
{
    char byte;
    struct timeval limit;

    ck_assert_int_eq(stream_set_timeouts(&ours, 0, 0), 0);
    limit = limit_of(ours.fd, SO_RCVTIMEO);
    ck_assert(limit.tv_sec == 0 && limit.tv_usec == 0);
    limit = limit_of(ours.fd, SO_SNDTIMEO);
    ck_assert(limit.tv_sec == 0 && limit.tv_usec == 0);
    ck_assert_int_eq(stream_read_limit_ns(&ours), INT64_MAX);
    ck_assert_int_eq(stream_set_timeouts(&ours, 1, 1), 0); /* 1 ns must not become 0, no limit */
    limit = limit_of(ours.fd, SO_SNDTIMEO);
    ck_assert(limit.tv_sec != 0 || limit.tv_usec != 0);
    ck_assert_int_eq(stream_read(&ours, &byte, 1), -ETIMEDOUT);
    ck_assert_int_eq(stream_set_timeouts(&ours, 90 * 1000 * MILLISECOND, 1500 * MILLISECOND), 0);
    ck_assert_int_eq(limit_of(ours.fd, SO_RCVTIMEO).tv_sec, 90);
    ck_assert_int_eq(stream_read_limit_ns(&ours), 90 * 1000 * MILLISECOND);
    ck_assert_int_eq(limit_of(ours.fd, SO_SNDTIMEO).tv_sec, 1);
}

TEST(limits_need_a_socket)
{
    struct stream file = {.fd = open("/dev/null", O_RDWR | O_CLOEXEC)};

    ck_assert_int_eq(stream_set_timeouts(&file, 1, 0), -ENOTSOCK);
    ck_assert_int_eq(stream_set_timeouts(&file, 0, 1), -ENOTSOCK);
    ck_assert_int_eq(stream_set_timeouts(&file, 0, 0), 0);
    close(file.fd);
}

CASE_WITH("Limits: peers that go away", connect_ends, close_ends)

TEST(a_reset_is_an_error_and_no_signal)
{
    char byte;

    tcp_reset(peer);
    peer = -1;
    ck_assert_int_eq(stream_read(&ours, &byte, 1), -ECONNRESET);
    /* SIGPIPE would end the test here. */
    ck_assert_int_eq(stream_write(&ours, "x", 1, NULL), -EPIPE);
}

TEST(a_closed_peer_is_an_error_and_no_signal)
{
    char bytes[100] = "x";
    ssize_t code;

    close(peer);
    peer = -1;
    ck_assert_int_eq(stream_read(&ours, bytes, 1), 0);
    do /* writes succeed until the peer's reset has arrived */
        code = stream_write(&ours, bytes, sizeof bytes, NULL);
    while (code == 0);
    ck_assert(code == -EPIPE || code == -ECONNRESET);
    ck_assert_int_eq(stream_write(&ours, bytes, sizeof bytes, NULL), -EPIPE);
}

CASE_WITH("Races", connect_ends, close_ends)

/* A thread that keeps sending SIGUSR1 to this one. */
struct storm {
    pthread_t victim;
    pthread_t thread;
    atomic_bool over;
};

static atomic_ulong interruptions;

static void count_interruption(int signal)
{
    (void)signal;
    atomic_fetch_add(&interruptions, 1);
}

static void *rage(void *context)
{
    struct storm *storm = context;
    const struct timespec pause = {.tv_nsec = 500000};

    while (!atomic_load(&storm->over)) {
        pthread_kill(storm->victim, SIGUSR1);
        nanosleep(&pause, NULL); /* let the other thread reach its next wait */
    }
    return NULL;
}

/* Return when the storm has reached this thread: on a loaded machine what follows may end sooner. */
static void storm_begin(struct storm *storm)
{
    struct sigaction action = {.sa_handler = count_interruption}; /* without SA_RESTART */

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    storm->victim = pthread_self();
    atomic_init(&storm->over, false);
    storm->thread = thread_start(rage, storm);
    while (atomic_load(&interruptions) == 0)
        sched_yield();
}

static void storm_end(struct storm *storm)
{
    atomic_store(&storm->over, true);
    thread_join(storm->thread);
}

TEST(a_storm_of_signals_loses_nothing)
{
    struct storm storm;

    storm_begin(&storm);
    write_pattern();
    storm_end(&storm);
}

/* The signals go on until the call returns: it must keep the time by a clock. */
LOOP_TEST(a_storm_of_signals_stops_no_clock, 2 /* read, write */)
{
    unsigned char *bytes = some_bytes(LONG_BYTES, 1);
    struct storm storm;

    storm_begin(&storm);
    if (_i == 0) {
        ck_assert_int_eq(stream_set_timeouts(&ours, 50 * MILLISECOND, 0), 0);
        ck_assert_int_eq(stream_read(&ours, bytes, LONG_BYTES), -ETIMEDOUT);
    } else {
        ck_assert_int_eq(stream_set_timeouts(&ours, 0, 50 * MILLISECOND), 0);
        ck_assert_int_eq(stream_write(&ours, bytes, LONG_BYTES, NULL), -ETIMEDOUT);
    }
    storm_end(&storm);
}

/* A thread that reads from our stream, and its result. */
struct reader {
    pthread_t thread;
    _Atomic(pid_t) tid; /* 0 until it is about to read */
    char bytes[100];
    ssize_t got;
};

static void *read_once(void *context)
{
    struct reader *reader = context;

    atomic_store(&reader->tid, gettid());
    reader->got = stream_read(&ours, reader->bytes, sizeof reader->bytes);
    return NULL;
}

/* Tell if the thread sleeps, which it only does in recv(). */
static bool sleeps(void *context)
{
    struct reader *reader = context;
    char line[512] = "";
    const char *state;
    FILE *file;

    if (atomic_load(&reader->tid) == 0)
        return false;
    const char *path = suite_text("/proc/self/task/%d/stat", (int)atomic_load(&reader->tid));
    file = fopen(path, "re");
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        line[0] = '\0';
    if (file != NULL)
        fclose(file);
    state = strrchr(line, ')'); /* "tid (name) S ..." */
    return state != NULL && state[1] == ' ' && state[2] == 'S';
}

static void reader_start(struct reader *reader)
{
    reader->thread = thread_start(read_once, reader);
    wait_until(sleeps, reader);
}

TEST(stop_wakes_a_reader)
{
    struct reader reader = {.tid = 0, .got = -1};

    reader_start(&reader);
    shutdown(ours.fd, SHUT_RD);
    thread_join(reader.thread);
    ck_assert_int_eq(reader.got, 0);
    ck_assert_int_eq(stream_write(&ours, "bye", 3, NULL), 0); /* the other direction is open */
    tcp_receive(peer, reader.bytes, 3);
    ck_assert_mem_eq(reader.bytes, "bye", 3);
}

TEST(stop_loses_nothing_that_came_before)
{
    char bytes[100];

    tcp_send(peer, "early", 5);
    ck_assert_int_eq(recv(ours.fd, bytes, 1, MSG_PEEK), 1); /* it has come */
    shutdown(ours.fd, SHUT_RD);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 5);
    ck_assert_mem_eq(bytes, "early", 5);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 0);
}

static bool has_bytes(void *context)
{
    char byte;

    (void)context;
    return recv(ours.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

TEST(what_comes_after_stop_is_still_read)
{
    char bytes[100];

    shutdown(ours.fd, SHUT_RD);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 0);
    tcp_send(peer, "late", 4);
    wait_until(has_bytes, NULL);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 4);
    ck_assert_mem_eq(bytes, "late", 4);
    ck_assert_int_eq(stream_read(&ours, bytes, sizeof bytes), 0);
}
