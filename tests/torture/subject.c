/* SPDX-License-Identifier: MIT */
/* What the campaign tortures, and how it is judged: see subject.h. */
#include "tests/torture/subject.h"

#include "common/clock.h"
#include "common/stream.h"
#include "common/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum {
    TRY_MS = 300,   /* for what may fail: the client that meets the failure */
    END_MS = 10000, /* for a server that does not serve, to end by itself */
    BYTES_MAX = 1 << 16,
    TRIES_MAX = 100, /* of a program whose end varies, for one with status 0 */
};

/* Set before the series begin. */
static struct {
    char folder[64];
    char certificate[96], key[96];
    struct tls_context *tls;          /* of the clients that visit servers; NULL: no TLS */
    bool has_rings;                   /* the programs and the kernel */
    unsigned plain_port, tls_port;    /* of servers for the clients under test */
    char clock[32];                   /* where the first of them has its admin port */
    char port[8], admin[8], agent[8]; /* of the servers under test */
} campaign;

/* --- Servers ------------------------------------------------------------------------------- */

enum visit { SERVED, NOT_SERVED, BUSY, WRONG_BYTES };

/* Connect, with a limit for each wait. @return -1: not possible */
static int connect_to(unsigned port, int limit_ms)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("no socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Be a client: send bytes, end, and compare what comes back. */
static enum visit visit(unsigned port, bool tls, size_t size, int limit_ms)
{
    static char sent[BYTES_MAX], got[BYTES_MAX + 256];
    enum visit result = NOT_SERVED;
    struct stream stream;
    size_t have = 0;
    ssize_t part = -1;
    int fd = connect_to(port, limit_ms);

    if (fd < 0)
        return NOT_SERVED;
    for (size_t i = 0; i < size; i++)
        sent[i] = (char)(i * 31 % 251);
    if (!tls)
        stream_init_plain(&stream, fd);
    else if (stream_init_tls(&stream, fd, campaign.tls, "localhost") != 0)
        die("no memory for TLS");
    stream_set_timeouts(&stream, limit_ms * INT64_C(1000000), limit_ms * INT64_C(1000000));
    int shaken = stream_handshake(&stream);
    if (shaken == 0 && stream_write(&stream, sent, size, NULL) == 0 &&
        stream_finish_writing(&stream) == 0)
        while (have < sizeof got &&
               (part = stream_read(&stream, got + have, sizeof got - have)) > 0)
            have += (size_t)part;
    if ((have >= 5 && strncmp(got, "BUSY ", 5) == 0) ||
        shaken == -EPROTO) /* the line is plain text */
        result = BUSY;
    else if (have > size || memcmp(sent, got, have) != 0)
        result = WRONG_BYTES;
    else if (part == 0 && have == size)
        result = SERVED;
    stream_close(&stream);
    return result;
}

/* The same, again while the server says that it is busy: for a moment, after it could not make a thread. */
static enum visit visit_when_there_is_room(unsigned port, bool tls)
{
    int64_t end = clock_now_ns() + LIMIT_MS * INT64_C(1000000);
    enum visit visited;

    while ((visited = visit(port, tls, BYTES_MAX, LIMIT_MS)) == BUSY && clock_now_ns() < end)
        poll(NULL, 0, 10);
    return visited;
}

/* Ask the admin port. @param whole  read to the end, and not only what comes first */
static bool ask(unsigned port, const char *path, bool whole, int limit_ms)
{
    static char reply[BYTES_MAX];
    char request[128];
    int fd = connect_to(port, limit_ms);
    size_t have = 0;
    ssize_t part;

    if (fd < 0)
        return false;
    int length =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", path, port);
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) == length)
        while (have < sizeof reply - 1 &&
               (part = recv(fd, reply + have, sizeof reply - 1 - have, 0)) > 0) {
            have += (size_t)part;
            if (!whole)
                break;
        }
    reply[have] = '\0';
    close(fd);
    return strncmp(reply, "HTTP/1.1 200", 12) == 0;
}

/* Ask the agent port. */
static bool ask_agent(unsigned port, int limit_ms)
{
    char line[64];
    int fd = connect_to(port, limit_ms);
    ssize_t got = fd < 0 ? -1 : recv(fd, line, sizeof line, MSG_WAITALL);

    if (fd >= 0)
        close(fd);
    return got > 3 && strncmp(line, "up ", 3) == 0;
}

/* Check whether one of a subject's arguments is this word. */
static bool has_argument(const struct subject *subject, const char *word)
{
    for (size_t i = 0; subject->arguments[i] != NULL; i++)
        if (strcmp(subject->arguments[i], word) == 0)
            return true;
    return false;
}

/* Copy arguments, with the files and ports of this campaign. */
static void complete(const struct subject *subject, const char *arguments[], size_t most)
{
    static char port[8], csv[96], ndjson[96], timeline[96], hist[96], curve[96], summary[96],
        local[96], trace[96];
    size_t i;

    snprintf(port, sizeof port, "%u", subject->tls ? campaign.tls_port : campaign.plain_port);
    snprintf(csv, sizeof csv, "%s/%d.csv", campaign.folder, getpid());
    snprintf(ndjson, sizeof ndjson, "%s/%d.ndjson", campaign.folder, getpid());
    snprintf(timeline, sizeof timeline, "%s/%d.svg", campaign.folder, getpid());
    snprintf(hist, sizeof hist, "%s/%d.hist", campaign.folder, getpid());
    snprintf(curve, sizeof curve, "%s/%d.curve.svg", campaign.folder, getpid());
    snprintf(summary, sizeof summary, "%s/summary.json", campaign.folder);
    snprintf(local, sizeof local, "unix:%s/%d.socket", campaign.folder, getpid());
    snprintf(trace, sizeof trace, "%s/%d.trace", campaign.folder, getpid());
    for (i = 0; i + 1 < most && subject->arguments[i] != NULL; i++) {
        const char *word = subject->arguments[i];
        arguments[i] = strcmp(word, "PORT") == 0          ? port
                       : strcmp(word, "SERVER") == 0      ? campaign.port
                       : strcmp(word, "ADMIN") == 0       ? campaign.admin
                       : strcmp(word, "AGENT") == 0       ? campaign.agent
                       : strcmp(word, "CLOCK") == 0       ? campaign.clock
                       : strcmp(word, "CSV") == 0         ? csv
                       : strcmp(word, "NDJSON") == 0      ? ndjson
                       : strcmp(word, "TIMELINE") == 0    ? timeline
                       : strcmp(word, "HIST") == 0        ? hist
                       : strcmp(word, "CURVE") == 0       ? curve
                       : strcmp(word, "SUMMARY") == 0     ? summary
                       : strcmp(word, "UNIX") == 0        ? local
                       : strcmp(word, "TRACE") == 0       ? trace
                       : strcmp(word, "CERTIFICATE") == 0 ? campaign.certificate
                       : strcmp(word, "KEY") == 0         ? campaign.key
                                                          : word;
    }
    arguments[i] = NULL;
}

/* Judge a server that the last visit has found out of service. */
static const char *judge_end_of_service(struct program *program, struct orders *orders,
                                        enum visit last)
{
    program_says(program, NULL, END_MS);
    program_finish(program, orders);
    if (!program->hangs)
        return judge_refusal(program);
    return last == WRONG_BYTES ? "the next client gets wrong bytes"
                               : "the next client is not served";
}

/*
 * Find a port and keep it for this process, bound but not listened on: a server that sets SO_REUSEADDR can
 * listen on it, and no other program gets it. What the server says of its port may be lost by the fault.
 */
static unsigned reserve_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        die("no port: %s", strerror(errno));
    return ntohs(address.sin_port);
}

/* Wait until a server listens. @return false: it has ended, or it hangs */
static bool wait_for_service(struct program *program, struct orders *orders, unsigned port)
{
    struct program_wait waited = {0};
    int fd;

    while ((fd = connect_to(port, LIMIT_MS)) < 0)
        if (!program_goes_on(program, orders, &waited))
            return false;
    close(fd);
    return true;
}

/* Check whether a client should try again: no call has failed, so that the server is only slow. */
static bool is_slow(struct orders *orders, int64_t end)
{
    return atomic_load(&orders->failed) == 0 && clock_now_ns() < end;
}

enum { PORT_ECHO, PORT_ADMIN, PORT_AGENT, PORTS };

/* Visit a server under fault, and then without. Armed again, it is stopped. */
static const char *judge_service(const struct subject *subject, struct program *program,
                                 struct orders *orders, const unsigned ports[static PORTS])
{
    static const char *const paths[] = {"/metrics", "/stats.json", "/events"};
    unsigned port = ports[PORT_ECHO], admin = ports[PORT_ADMIN], agent = ports[PORT_AGENT];
    bool has_agent = has_argument(subject, "AGENT");
    int64_t end = clock_now_ns() + LIMIT_MS * INT64_C(1000000);
    enum visit visited;
    const char *bad;

    do
        visited = visit(port, subject->tls, 1024, TRY_MS);
    while (visited != SERVED && visited != WRONG_BYTES && is_slow(orders, end));
    for (size_t i = 0; i < COUNT_OF(paths) && subject->admin; i++)
        while (!ask(admin, paths[i], strcmp(paths[i], "/events") != 0, TRY_MS) &&
               is_slow(orders, end))
            ;
    while (has_agent && !ask_agent(agent, TRY_MS) && is_slow(orders, end))
        ;
    atomic_store(&orders->armed, false);
    if (visited != WRONG_BYTES)
        visited = visit_when_there_is_room(port, subject->tls);
    if (visited != SERVED)
        return judge_end_of_service(program, orders, visited);
    if (subject->admin && !ask(admin, "/metrics", true, LIMIT_MS)) {
        kill(program->pid, SIGTERM);
        program_finish(program, orders);
        return "the admin port does not answer any more";
    }
    if (has_agent && !ask_agent(agent, LIMIT_MS)) {
        kill(program->pid, SIGTERM);
        program_finish(program, orders);
        return "the agent does not answer any more";
    }
    atomic_store(&orders->armed, true);
    kill(program->pid, SIGTERM);
    program_finish(program, orders);
    bad = judge_end(program);
    if (bad == NULL && WEXITSTATUS(program->status) != 0)
        bad = judge_refusal(program);
    return bad;
}

static const char *judge_server(const struct subject *subject, struct program *program,
                                struct orders *orders, int fd)
{
    static unsigned ports[PORTS];
    const char *arguments[24];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (ports[PORT_ECHO] == 0) {
        for (unsigned i = 0; i < PORTS; i++)
            ports[i] = reserve_port();
        snprintf(campaign.port, sizeof campaign.port, "%u", ports[PORT_ECHO]);
        snprintf(campaign.admin, sizeof campaign.admin, "%u", ports[PORT_ADMIN]);
        snprintf(campaign.agent, sizeof campaign.agent, "%u", ports[PORT_AGENT]);
    }
    complete(subject, arguments, COUNT_OF(arguments));
    program_start(program, arguments, null, fd);
    close(null);
    if (wait_for_service(program, orders, ports[PORT_ECHO]))
        return judge_service(subject, program, orders, ports);
    program_finish(program, orders);
    return judge_refusal(program);
}

/* --- Programs that end by themselves ------------------------------------------------------- */

/* What a whole output has: numbers that do not depend on time. Of the run without a failure. */
static char whole[SAID_MAX];

/* Count the lines of a file, and those that have a text. */
static void describe_file(char *text, size_t size, const char *path, const char *with)
{
    size_t used = strlen(text);
    unsigned lines = 0, found = 0;
    char line[4096];
    FILE *file = fopen(path, "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        lines++;
        found += strstr(line, with) != NULL;
    }
    if (file != NULL)
        fclose(file);
    /* An interval of --ndjson more or less is a matter of time. */
    snprintf(text + used, size - used, " %s %u", with,
             *with == '<' || *with == '"' ? found : lines);
}

/* Describe what a program has written, so that two whole outputs have the same description. */
static void describe(const struct program *program, const char *const arguments[], char *text,
                     size_t size)
{
    text[0] = '\0';
    if (strstr(program->out_said, "\"search\":") != NULL)
        snprintf(text, size, "%s",
                 strstr(program->out_said, "\"end\":\"found\"") != NULL ? "found" : "");
    else if (strstr(program->out_said, "\"verified\":") == NULL)
        snprintf(text, size, "%s", program->out_said);
    else
        snprintf(text, size, "verified %u", number_behind(program->out_said, "\"verified\":"));
    for (size_t i = 0; arguments[i] != NULL && arguments[i + 1] != NULL; i++) {
        if (strcmp(arguments[i], "--csv") == 0)
            describe_file(text, size, arguments[i + 1], "rows");
        if (strcmp(arguments[i], "--ndjson") == 0)
            describe_file(text, size, arguments[i + 1], "\"event\":\"session\"");
        if (strcmp(arguments[i], "--timeline") == 0 || strcmp(arguments[i], "--curve") == 0)
            describe_file(text, size, arguments[i + 1], "</svg>");
        if (strcmp(arguments[i], "--hist") == 0)
            describe_file(text, size, arguments[i + 1], "\"#[Max");
    }
}

/* Run a program to its end, with two lines on standard input. */
static void run_to_end(struct program *program, const char *const arguments[],
                       struct orders *orders, int fd)
{
    int input[2];

    for (size_t i = 0; arguments[i] != NULL; i++)
        if (strncmp(arguments[i], campaign.folder, strlen(campaign.folder)) == 0 &&
            strstr(arguments[i], "summary") == NULL && strstr(arguments[i], ".pem") == NULL)
            unlink(arguments[i]);
    if (pipe2(input, O_CLOEXEC) != 0 || write(input[1], "one\ntwo\n", 8) != 8)
        die("no pipe: %s", strerror(errno));
    close(input[1]);
    program_start(program, arguments, input[0], fd);
    close(input[0]);
    program_finish(program, orders);
}

/* Judge a program that has not ended with status 0. */
static const char *judge_failure(const struct subject *subject, const struct program *program)
{
    int status = WEXITSTATUS(program->status);

    /* A session that has failed is in the summary, too. */
    if (status == 1 && strstr(program->out_said, "\"errors\":{\"") != NULL)
        return NULL;
    if (status == 4 && subject->varies && program->err_size > 0)
        return NULL;
    return judge_refusal(program);
}

static const char *judge_program(const struct subject *subject, struct program *program,
                                 struct orders *orders, int fd)
{
    static char text[SAID_MAX];
    const char *arguments[24];
    const char *bad;
    unsigned tries = 0;

    complete(subject, arguments, COUNT_OF(arguments));
    do {
        run_to_end(program, arguments, orders, fd);
        bad = judge_end(program);
    } while (subject->varies && orders->first == 0 && bad == NULL && program->status != 0 &&
             ++tries < TRIES_MAX);
    if (bad != NULL)
        return bad;
    if (WEXITSTATUS(program->status) != 0)
        return judge_failure(subject, program);
    describe(program, arguments, text, sizeof text);
    if (orders->first == 0)
        snprintf(whole, sizeof whole, "%s", text);
    else if (strcmp(text, whole) != 0)
        return wrong("status 0, but the output is not whole: %.100s, not %.100s", text, whole);
    return NULL;
}

/* --- Subjects ------------------------------------------------------------------------------ */

/* clang-format off */
#define SERVER_WITH(title, with_tls, with_admin, ...) \
    {.name = "server, " title, .judge = judge_server, .tls = with_tls, .admin = with_admin, \
     .arguments = {"./echo-server", "--port", "SERVER", "--transform", "none", __VA_ARGS__, NULL}}
#define SERVER(title, ...) \
    SERVER_WITH(title, false, false, __VA_ARGS__), \
    SERVER_WITH(title ", --admin", false, true, "--admin", "ADMIN", __VA_ARGS__), \
    SERVER_WITH(title ", --tls", true, false, "--tls-cert", "CERTIFICATE", "--tls-key", "KEY", __VA_ARGS__)
#define CLIENT(title, with_tls, ...) \
    {.name = "client, " title, .judge = judge_program, .tls = with_tls, \
     .arguments = {"./echo-client", "--port", "PORT", "--transform", "none", __VA_ARGS__, NULL}}
#define WITH_FILES "--workers", "2", "--host", "127.0.0.1", "--host", "UNIX", "--socket-mode", "666", "--trace", "TRACE", \
    "--per-source", "9", "--print", "line"
#define FILES "--csv", "CSV", "--ndjson", "NDJSON", "--timeline", "TIMELINE"

const struct subject subjects[] = {
    SERVER("iterative", "--model", "iterative"),
    SERVER("thread", "--model", "thread"),
    SERVER("fork", "--model", "fork"),
    SERVER("thread-pool", "--model", "thread-pool", "--workers", "2"),
    SERVER("thread-pool, --hold message", "--model", "thread-pool", "--hold", "message", "--workers", "2"),
    SERVER("process-pool", "--model", "process-pool", "--workers", "2"),
    SERVER("event", "--model", "event", "--workers", "2"),
    SERVER("io-uring", "--model", "io-uring", "--workers", "2"),
    SERVER("thread-accept", "--model", "thread-accept", "--workers", "2"),
    SERVER("prefork", "--model", "prefork", "--workers", "2"),
    SERVER_WITH("event, --admin, --agent", false, true, "--model", "event", "--workers", "2", "--admin", "ADMIN", "--agent", "AGENT"),
    SERVER_WITH("thread-pool, files", false, false, "--model", "thread-pool", WITH_FILES),
    SERVER_WITH("process-pool, files", false, false, "--model", "process-pool", WITH_FILES),
    CLIENT("threads", false, "-n", "3", "-m", "2", "--json"),
    CLIENT("threads, files", false, "-n", "3", "-m", "2", "--json", FILES),
    CLIENT("threads, --tls", true, "-n", "3", "-m", "2", "--json", "--tls", "--ca", "CERTIFICATE"),
    CLIENT("loops", false, "-n", "3", "-m", "2", "--json", "--threads", "2"),
    CLIENT("loops, files", false, "-n", "3", "-m", "2", "--threads", "2", "--json", FILES),
    CLIENT("loops, --tls", true, "-n", "3", "-m", "2", "--json", "--threads", "2", "--tls", "--ca", "CERTIFICATE"),
    CLIENT("threads, --clock-of", false, "-n", "1", "-m", "1", "--json", "--clock-of", "CLOCK"),
    /* Of 10 messages, which hold, of 20, which do not, and of numbers between. */
    {.name = "client, loops, --find-rate, --curve", .judge = judge_program, .varies = true,
     .arguments = {"./echo-client", "--port", "PORT", "--transform", "none", "-n", "1", "--threads", "1", "--json", "-d", "100ms",
                   "--rate", "100", "--find-rate", "verified<16", "--curve", "CURVE", NULL}},
    CLIENT("lines of a pipe", false, "--quiet"),
    {.name = "report", .judge = judge_program, .arguments = {"./echo-client", "report", "SUMMARY", "SUMMARY", NULL}},
    {.name = "library, threads", .judge = judge_program, .arguments = {"tests/torture/library", "threads", NULL}},
    {.name = "library, processes", .judge = judge_program, .arguments = {"tests/torture/library", "processes", NULL}},
};
/* clang-format on */

const size_t subject_count = COUNT_OF(subjects);

/* --- Before and after ---------------------------------------------------------------------- */

/* Make what TLS needs. Without it the subjects with TLS are left out. */
static void make_certificate(void)
{
    char command[512], why[TLS_WHY_MAX];

    snprintf(campaign.certificate, sizeof campaign.certificate, "%s/certificate.pem",
             campaign.folder);
    snprintf(campaign.key, sizeof campaign.key, "%s/key.pem", campaign.folder);
    snprintf(
        command, sizeof command,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout %s "
        "-out %s"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 >/dev/null 2>&1",
        campaign.key, campaign.certificate);
    if (!tls_is_built_in() || system(command) != 0)
        printf("TLS is left out: the programs are built without it, or there is no openssl(1)\n");
    else if (tls_client_context_new(&(struct tls_client_settings){.insecure = true}, &campaign.tls,
                                    why) != 0)
        die("%s", why);
}

static const char listening[] = "listening on 127.0.0.1:", admin[] = "admin on http://127.0.0.1:";

/* Start a server. It ends with us. @return false: it does not serve */
static bool start_server(struct program *server, const char *model, bool tls)
{
    const char *arguments[] = {"./echo-server",
                               "--port",
                               "0",
                               "--admin",
                               "0",
                               "--model",
                               model,
                               "--transform",
                               "none",
                               tls ? "--tls-cert" : NULL,
                               campaign.certificate,
                               "--tls-key",
                               campaign.key,
                               NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    program_start(server, arguments, null, -1);
    close(null);
    return program_says(server, listening, LIMIT_MS) && program_says(server, admin, LIMIT_MS);
}

/* Start the servers for the clients, and find out which models there are. */
static void start_servers(void)
{
    static struct program server;
    struct orders none = {0};

    campaign.has_rings = start_server(&server, "io-uring", false);
    if (campaign.has_rings)
        kill(server.pid, SIGTERM);
    else
        printf("--model io-uring is left out: %s", server.err_said);
    program_finish(&server, &none);
    if (!start_server(&server, "event", false))
        die("the server for the clients does not start: %s", server.err_said);
    campaign.plain_port = number_behind(server.out_said, listening);
    snprintf(campaign.clock, sizeof campaign.clock, "127.0.0.1:%u",
             number_behind(server.out_said, admin));
    if (campaign.tls != NULL && !start_server(&server, "event", true))
        die("the server for the clients does not start: %s", server.err_said);
    campaign.tls_port = number_behind(server.out_said, listening);
}

/* Write a summary for `echo-client report`. */
static void make_summary(void)
{
    char command[256];

    snprintf(command, sizeof command,
             "./echo-client --port %u --transform none -n 2 -m 2 --json >%s/summary.json",
             campaign.plain_port, campaign.folder);
    if (system(command) != 0)
        die("the client fails without a fault");
}

void subjects_setup(void)
{
    snprintf(campaign.folder, sizeof campaign.folder, "/tmp/torture-XXXXXX");
    if (mkdtemp(campaign.folder) == NULL)
        die("no folder in /tmp: %s", strerror(errno));
    make_certificate();
    start_servers();
    make_summary();
}

void subjects_teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -r %s", campaign.folder);
    if (system(command) != 0)
        die("%s cannot be removed", campaign.folder);
}

bool subject_is_possible(const struct subject *subject)
{
    return (campaign.tls != NULL || !subject->tls) &&
           (campaign.has_rings || !has_argument(subject, "io-uring"));
}
