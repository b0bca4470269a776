/* SPDX-License-Identifier: MIT */
/* A bare closed-loop load: see load.h. */
#include "bench/load.h"

#include "common/clock.h"
#include "common/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_BYTES (256u << 10) /* OpenSSL needs more than plain sockets */

#define SOURCES_MAX 250
#define EVENTS      64 /* of one turn of a loop, as in floor_epoll.c */

struct session {
    pthread_t thread;
    struct load *load;
    unsigned number;
    int fd;
    void *state; /* of the transport */
    unsigned messages;
    double *times_ns; /* NULL: do not measure times */
    /* in a loop: of the current message */
    size_t have;
    unsigned done;
    int64_t sent_ns;
};

struct load {
    struct load_options options;
    struct session session[];
};

/* --- Sessions ------------------------------------------------------------------------------ */

static void *plain_open(int fd)
{
    (void)fd;
    return NULL;
}

static ssize_t plain_send(void *state, int fd, const void *bytes, size_t size)
{
    (void)state;
    return send(fd, bytes, size, MSG_NOSIGNAL);
}

static ssize_t plain_recv(void *state, int fd, void *bytes, size_t size)
{
    (void)state;
    return recv(fd, bytes, size, 0);
}

static void plain_finish(void *state, int fd)
{
    (void)state;
    shutdown(fd, SHUT_WR);
}

static void plain_free(void *state)
{
    (void)state;
}

static const struct load_transport plain = {plain_open, plain_send, plain_recv, plain_finish,
                                            plain_free};

static const char *name(const struct session *session)
{
    return session->load->options.server != NULL ? session->load->options.server : "the server";
}

static _Noreturn void failed_to_send(const struct session *session)
{
    log_fatal("the load cannot send to %s: %s", name(session), strerror(errno));
}

static _Noreturn void ended(const struct session *session, ssize_t got)
{
    log_fatal("%s ended a session: %s", name(session), got < 0 ? strerror(errno) : "end of file");
}

/* Send one message and receive its reply. */
static void echo(struct session *session, const char *message, const char *expected)
{
    const struct load_transport *transport = session->load->options.transport;
    char reply[LOAD_MESSAGE_BYTES];
    size_t have = 0;

    if (transport->send(session->state, session->fd, message, sizeof reply) !=
        (ssize_t)sizeof reply)
        failed_to_send(session);
    while (have < sizeof reply) {
        ssize_t got =
            transport->recv(session->state, session->fd, reply + have, sizeof reply - have);
        if (got <= 0)
            ended(session, got);
        have += (size_t)got;
    }
    if (memcmp(reply, expected, sizeof reply) != 0)
        log_fatal("%s echoed wrong bytes", name(session));
}

/* Make the message that every session sends, and its reply. */
static void make_message(const struct load_options *options, char message[LOAD_MESSAGE_BYTES],
                         char expected[LOAD_MESSAGE_BYTES])
{
    for (size_t i = 0; i < LOAD_MESSAGE_BYTES; i++) {
        message[i] = (char)('a' + i % 26);
        expected[i] = (char)((options->unchanged ? 'a' : 'A') + i % 26);
    }
}

static void *speak(void *argument)
{
    struct session *session = argument;
    char message[LOAD_MESSAGE_BYTES];
    char expected[LOAD_MESSAGE_BYTES];

    make_message(&session->load->options, message, expected);
    for (unsigned i = 0; i < session->messages; i++) {
        int64_t start = session->times_ns != NULL ? clock_now_ns() : 0;
        echo(session, message, expected);
        if (session->times_ns != NULL)
            session->times_ns[i] = (double)(clock_now_ns() - start);
    }
    return NULL;
}

/* Bind a session to its source address, but let connect() choose the port. */
static void bind_source(int fd, unsigned number)
{
    struct sockaddr_in source = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number)};
    int on = 1;

    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
        log_fatal("the load cannot bind to 127.0.0.%u: %s", number + 2, strerror(errno));
}

static void session_connect(struct session *session)
{
    const struct load_options *options = &session->load->options;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(options->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && options->sources > 0)
        bind_source(fd, session->number % options->sources);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        log_fatal("the load cannot connect to %s: %s", name(session), strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    session->fd = fd;
    session->state = options->transport->open(fd);
}

static void session_close(struct session *session)
{
    session->load->options.transport->free(session->state);
    close(session->fd);
}

/* --- All sessions -------------------------------------------------------------------------- */

static struct load *load_new(const struct load_options *options)
{
    struct load *load = calloc(1, sizeof *load + options->sessions * sizeof load->session[0]);

    if (load == NULL)
        log_fatal("no memory for %u sessions", options->sessions);
    load->options = *options;
    if (load->options.transport == NULL)
        load->options.transport = &plain;
    if (load->options.sources > SOURCES_MAX)
        load->options.sources = SOURCES_MAX;
    for (unsigned i = 0; i < options->sessions; i++) {
        load->session[i].load = load;
        load->session[i].number = i;
        load->session[i].messages = 1;
    }
    return load;
}

struct load *load_open(const struct load_options *options)
{
    struct load *load = load_new(options);

    for (unsigned i = 0; i < options->sessions; i++) {
        session_connect(&load->session[i]);
        if (i < options->served)
            (void)speak(&load->session[i]);
    }
    return load;
}

/* Run `main` in a thread for each session, all at once. */
static void in_threads(struct load *load, void *(*main)(void *session))
{
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (unsigned i = 0; i < load->options.sessions; i++) {
        int code = pthread_create(&load->session[i].thread, &attributes, main, &load->session[i]);
        if (code != 0)
            log_fatal("the load cannot start thread %u: %s", i, strerror(code));
    }
    for (unsigned i = 0; i < load->options.sessions; i++)
        pthread_join(load->session[i].thread, NULL);
    pthread_attr_destroy(&attributes);
}

/* --- Sessions on event loops --------------------------------------------------------------- */

struct loop {
    pthread_t thread;
    struct load *load;
    unsigned number;
    char message[LOAD_MESSAGE_BYTES];
    char expected[LOAD_MESSAGE_BYTES];
};

static void loop_send(const struct loop *loop, struct session *session)
{
    session->have = 0;
    session->sent_ns = session->times_ns != NULL ? clock_now_ns() : 0;
    if (send(session->fd, loop->message, sizeof loop->message, MSG_NOSIGNAL | MSG_DONTWAIT) !=
        (ssize_t)sizeof loop->message)
        failed_to_send(session);
}

/* Receive what is there, and send the next message after a whole reply. @return it was the last one */
static bool loop_receive(const struct loop *loop, struct session *session)
{
    char reply[LOAD_MESSAGE_BYTES];
    ssize_t got = recv(session->fd, reply, sizeof reply - session->have, MSG_DONTWAIT);

    if (got <= 0)
        ended(session, got);
    if (memcmp(reply, loop->expected + session->have, (size_t)got) != 0)
        log_fatal("%s echoed wrong bytes", name(session));
    session->have += (size_t)got;
    if (session->have < sizeof reply)
        return false;
    if (session->times_ns != NULL)
        session->times_ns[session->done] = (double)(clock_now_ns() - session->sent_ns);
    if (++session->done == session->messages)
        return true;
    loop_send(loop, session);
    return false;
}

static void *loop_main(void *argument)
{
    struct loop *loop = argument;
    struct load *load = loop->load;
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    unsigned running = 0;

    for (unsigned i = loop->number; i < load->options.sessions; i += load->options.threads) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &load->session[i]};
        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, load->session[i].fd, &event) != 0)
            log_fatal("the load cannot watch a session: %s", strerror(errno));
        load->session[i].done = 0;
        running++;
    }
    for (unsigned i = loop->number; i < load->options.sessions; i += load->options.threads)
        loop_send(loop, &load->session[i]);
    while (running > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++)
            running -= loop_receive(loop, events[i].data.ptr) ? 1 : 0;
    }
    close(epoll);
    return NULL;
}

static void in_loops(struct load *load)
{
    unsigned count = load->options.threads;
    struct loop *loops = calloc(count, sizeof *loops);

    if (loops == NULL)
        log_fatal("no memory for %u loops", count);
    for (unsigned i = 0; i < count; i++) {
        int code;
        loops[i].load = load;
        loops[i].number = i;
        make_message(&load->options, loops[i].message, loops[i].expected);
        code = pthread_create(&loops[i].thread, NULL, loop_main, &loops[i]);
        if (code != 0)
            log_fatal("the load cannot start loop %u: %s", i, strerror(code));
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(loops[i].thread, NULL);
    free(loops);
}

void load_run_timed(struct load *load, unsigned messages, double *times_ns)
{
    for (unsigned i = 0; i < load->options.sessions; i++) {
        load->session[i].messages = messages;
        load->session[i].times_ns = times_ns != NULL ? times_ns + (size_t)i * messages : NULL;
    }
    if (load->options.threads > 0)
        in_loops(load);
    else
        in_threads(load, speak);
}

void load_run(struct load *load, unsigned messages)
{
    load_run_timed(load, messages, NULL);
}

void load_close(struct load *load)
{
    const struct load_transport *transport = load->options.transport;
    char byte;

    for (unsigned i = 0; i < load->options.sessions; i++)
        transport->finish(load->session[i].state, load->session[i].fd);
    for (unsigned i = 0; i < load->options.sessions; i++) {
        if (i < load->options.served)
            (void)!transport->recv(load->session[i].state, load->session[i].fd, &byte, 1);
        session_close(&load->session[i]);
    }
    free(load);
}

static void *come_and_go(void *argument)
{
    struct session *session = argument;
    unsigned times = session->messages;

    session->messages = 1;
    for (unsigned i = 0; i < times; i++) {
        session_connect(session);
        (void)speak(session);
        session_close(session);
    }
    return NULL;
}

void load_churn(const struct load_options *options, unsigned times)
{
    struct load *load = load_new(options);

    load->options.sources = SOURCES_MAX;
    for (unsigned i = 0; i < options->sessions; i++)
        load->session[i].messages = times;
    in_threads(load, come_and_go);
    free(load);
}
