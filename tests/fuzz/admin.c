/* SPDX-License-Identifier: MIT */
/*
 * Requests to the admin port, with a made-up server under it. libevent reads the HTTP; the paths, the headers
 * that authorize and the bodies are ours.
 *
 * Whatever is asked, nothing is changed without the token, what is sent back is safe to print, and no
 * connection stays open. No input can know the token: @TOKEN@ stands for it.
 */
#include "config.h"

#include "server/admin/admin.h"
#include "server/admin/control.h"
#include "server/admin/visitor.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/printed.h"
#include "tests/kit/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REQUEST_MAX = 16 << 10,
    REPLY_MAX = 1 << 20,
    TURNS = 8,       /* of the loop, for what a request makes it do */
    LAST_TURNS = 60, /* of up to 250 ms, until it has seen that they have gone */
    FDS_MAX = 200,   /* more than an admin port has places */
    RUNS = 64,       /* until it must have: it looks at the connections every 250 ms only */
};

const bool target_takes_messages = false;

static const char mark[] = "@TOKEN@";

static struct event_base *base;
static struct sockaddr_in address;
static char token[ADMIN_TOKEN_CHARS + 1];
static unsigned changes;

/* --- the server under it ------------------------------------------------------------------- */

static void look(struct server *server, struct state *state)
{
    (void)server;
    state_fill(state);
}

static int resize(struct server *server, bool more, uint64_t *workers,
                  char why[static HOST_WHY_MAX])
{
    (void)server;
    (void)why;
    changes++;
    *workers = more ? 5 : 3;
    return 0;
}

static int pause_accepting(struct server *server, bool paused, char why[static HOST_WHY_MAX])
{
    (void)server;
    changes++;
    if (paused)
        return 0;
    snprintf(why, HOST_WHY_MAX, "a pause of this kind does not end");
    return -EBUSY;
}

static int visit(struct server *server, unsigned count, bool silent, char why[static HOST_WHY_MAX])
{
    (void)server;
    HOLDS(count >= 1 && count <= VISITORS_SENT_MAX);
    changes++;
    if (!silent)
        return 0;
    snprintf(why, HOST_WHY_MAX, "nothing silent comes in here");
    return -EBUSY;
}

/* --- a request ----------------------------------------------------------------------------- */

/** Ask, and let the loop answer. @return the size of the reply */
static size_t ask(const char *request, size_t size, char reply[static REPLY_MAX])
{
    static const struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t length = 0;

    HOLDS(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    /* A reset instead of thousands of ports that wait for the end of their time. */
    HOLDS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    if (size > 0)
        (void)send(fd, request, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (int turn = 0; turn < TURNS; turn++) {
        ssize_t got;

        event_base_loop(base, EVLOOP_NONBLOCK);
        while ((got = recv(fd, reply + length, REPLY_MAX - length, MSG_DONTWAIT)) > 0)
            length += (size_t)got;
    }
    close(fd);
    return length;
}

/** Count the connections that are open. A fuzzer opens files of its own. */
static int connections(void)
{
    struct sockaddr_in peer;
    int count = 0;

    for (int fd = 0; fd < FDS_MAX; fd++) {
        socklen_t length = sizeof peer;

        count += getsockname(fd, (struct sockaddr *)&peer, &length) == 0 && length == sizeof peer &&
                 peer.sin_port == address.sin_port;
    }
    return count - 1; /* the listener */
}

/** Let the loop see that all clients have gone. */
static void see_them_gone(void)
{
    for (int turn = 0; connections() > 0; turn++) {
        HOLDS(turn < LAST_TURNS);
        event_base_loop(base, turn < TURNS ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
    }
}

static void start(char reply[static REPLY_MAX])
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n";
    static const char before_token[] = "content=\"";
    static const struct admin_host host = {NULL, look, resize, pause_accepting, visit};
    static struct admin *admin; /* until the process ends */
    char why[ADMIN_WHY_MAX];
    const char *at;
    size_t length;

    signal(SIGPIPE, SIG_IGN); /* as the server does */
    base = event_base_new();
    HOLDS(base != NULL && admin_new(base, "0", true, &host, &admin, why) == 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atol(strchr(admin_address(admin, 0), ':') + 1));
    length = ask(request, sizeof request - 1, reply);
    see_them_gone();
    reply[length < REPLY_MAX ? length : REPLY_MAX - 1] = '\0';
    at = strstr(reply, "name=\"control-token\"");
    HOLDS(at != NULL && (at = strstr(at, before_token)) != NULL);
    memcpy(token, at + sizeof before_token - 1, ADMIN_TOKEN_CHARS);
}

/** Put the token in the place of its mark. @return the size */
static size_t put_token(const uint8_t *input, size_t size, char request[static REQUEST_MAX],
                        bool *authorized)
{
    size_t length = 0;

    for (size_t at = 0; at < size && length + ADMIN_TOKEN_CHARS < REQUEST_MAX;) {
        if (size - at >= sizeof mark - 1 && memcmp(input + at, mark, sizeof mark - 1) == 0) {
            memcpy(request + length, token, ADMIN_TOKEN_CHARS);
            length += ADMIN_TOKEN_CHARS;
            at += sizeof mark - 1;
            *authorized = true;
        } else {
            request[length++] = (char)input[at++];
        }
    }
    return length;
}

/** Each line of a reply can be shown. */
static void check_reply(const char *reply, size_t size)
{
    while (size > 0) {
        const char *newline = memchr(reply, '\n', size);
        size_t length = newline != NULL ? (size_t)(newline - reply) : size;

        HOLDS(all_printable(reply, length > 0 && reply[length - 1] == '\r' ? length - 1 : length));
        length += newline != NULL;
        reply += length;
        size -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static char request[REQUEST_MAX], reply[REPLY_MAX];
    static unsigned runs;
    bool authorized = false;
    size_t length;

    if (base == NULL)
        start(reply);
    changes = 0;
    length = put_token(input, size, request, &authorized);
    length = ask(request, length, reply);
    HOLDS(changes == 0 || authorized);
    HOLDS(length == 0 || (length >= 5 && memcmp(reply, "HTTP/", 5) == 0));
    check_reply(reply, length);
    if (runs++ % RUNS == 0)
        see_them_gone();
    return 0;
}
