/* SPDX-License-Identifier: MIT */
/*
 * The admin port's page and its controls, without a browser: who is given the token, who may change
 * something and who is refused, and what binds a browser to the page. check_page.c has the rest.
 */
#include "server/admin/control.h"

#include "tests/kit/harness.h"
#include "tests/kit/http.h"
#include "tests/kit/suite.h"
#include "tests/server/fake_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CASE_WITH("The page", fake_open, fake_close)

/* / as a browser asks for it. @param host  of the Host header; NULL: none */
static struct http_reply get_page(const char *host)
{
    struct http_reply reply;
    int fd = tcp_connect(fake.port);
    const char *request = suite_text(
        "GET / HTTP/1.1\r\n%s%s%sAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
        "Connection: close\r\n\r\n",
        host != NULL ? "Host: " : "", host != NULL ? host : "", host != NULL ? "\r\n" : "");

    tcp_send(fd, request, strlen(request));
    reply = http_read(fd, false);
    close(fd);
    return reply;
}

/* What the page carries as its token. */
static void read_token(const char *host, char token[static ADMIN_TOKEN_CHARS + 1])
{
    static const char mark[] = "<meta name=\"control-token\" content=\"";
    struct http_reply reply = get_page(host);
    const char *found = strstr(reply.body, mark);
    size_t length;

    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(found);
    found += sizeof mark - 1;
    length = strcspn(found, "\"");
    ck_assert_uint_le(length, ADMIN_TOKEN_CHARS);
    memcpy(token, found, length);
    token[length] = '\0';
}

TEST(a_browser_gets_the_page)
{
    struct http_reply reply;
    char value[200];

    reply = get_page("localhost");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(http_header(&reply, "Content-Type", value), "text/html; charset=utf-8");
    ck_assert_str_eq(http_header(&reply, "Cache-Control", value), "no-store");
    ck_assert_str_eq(http_header(&reply, "X-Content-Type-Options", value), "nosniff");
    ck_assert_str_eq(http_header(&reply, "Referrer-Policy", value), "no-referrer");
    ck_assert_str_eq(http_header(&reply, "X-Frame-Options", value), "DENY");
    ck_assert_str_eq(http_header(&reply, "Vary", value), "Accept, Host");
    ck_assert_ptr_nonnull(strstr(reply.body, "</html>\n"));
    /* It is whole, and of its own: nothing to be put in is left, nothing is fetched from elsewhere. */
    ck_assert_ptr_null(strstr(reply.body, "@NONCE@"));
    ck_assert_ptr_null(strstr(reply.body, "@TOKEN@"));
    ck_assert_ptr_null(strstr(reply.body, "@page."));
    ck_assert_ptr_null(strstr(reply.body, "https://"));
    ck_assert_ptr_null(strstr(reply.body, " src="));
    ck_assert_ptr_null(strstr(reply.body, "@import"));
}

/* The nonce of a reply, which stands in its policy and at its one style and its one script. */
static void read_nonce(char nonce[static 40])
{
    struct http_reply reply = get_page("localhost");
    const char *policy =
        strstr(reply.head, "Content-Security-Policy: default-src 'none'; script-src 'nonce-");
    char tag[100];

    ck_assert_ptr_nonnull(policy);
    ck_assert_int_eq(sscanf(strstr(policy, "nonce-"), "nonce-%39[0-9a-f]'", nonce), 1);
    ck_assert_uint_eq(strlen(nonce), 32);
    ck_assert_ptr_nonnull(strstr(policy, "frame-ancestors 'none'"));
    ck_assert_ptr_nonnull(strstr(policy, "base-uri 'none'"));
    ck_assert_ptr_nonnull(strstr(policy, "form-action 'none'"));
    ck_assert_ptr_nonnull(strstr(policy, "connect-src 'self'"));
    ck_assert_ptr_null(strstr(reply.head, "unsafe"));
    snprintf(tag, sizeof tag, "<style nonce=\"%s\">", nonce);
    ck_assert_ptr_nonnull(strstr(reply.body, tag));
    snprintf(tag, sizeof tag, "<script nonce=\"%s\">", nonce);
    ck_assert_ptr_nonnull(strstr(reply.body, tag));
}

TEST(the_policy_allows_this_page_only)
{
    char one[40];
    char other[40];

    read_nonce(one);
    read_nonce(other);
    ck_assert_str_ne(one, other);
}

/* A HEAD has the length that a GET of the same has. */
TEST(head_of_the_page)
{
    static const char request[] = "HEAD / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
    struct http_reply whole;
    struct http_reply head;
    char value[200];
    int fd;

    whole = get_page("localhost");
    fd = tcp_connect(fake.port);
    tcp_send(fd, request, sizeof request - 1);
    head = http_read(fd, true);
    ck_assert_uint_eq(strtoull(http_header(&head, "Content-Length", value), NULL, 10), whole.size);
    close(fd);
}

/* Who does not ask for HTML reads a few lines, and how the server stands. */
TEST(curl_gets_text)
{
    char *text;

    text = http_body(fake.port, "/", 200);
    ck_assert_ptr_nonnull(strstr(text, "echo-server --model thread-pool\n"));
    ck_assert_ptr_nonnull(strstr(text, "in flight 5\n"));
    ck_assert_ptr_nonnull(strstr(text, "/metrics "));
    ck_assert_uint_lt(strlen(text), 1000);
}

CASE_WITH("Who may", fake_open_with_control, fake_close)

/* A request that may change something, and what of it is another way. NULL: the header is missing. */
struct attempt {
    const char *method;
    const char *path;
    const char *host;
    const char *origin;
    const char *type;
    const char *token; /* "right", or what it is */
    const char *body;
    int status;
    const char *says; /* somewhere in the reply */
};

#define WORKERS  "/control/workers"
#define ACCEPT   "/control/accept"
#define VISITORS "/control/visitors"
#define TEN      "{\"count\": 10, \"silent\": false}"
#define JSON     "application/json"
#define MORE     "{\"change\": 1}"

static size_t add_header(char *text, size_t size, const char *name, const char *value)
{
    return value == NULL ? 0 : (size_t)snprintf(text, size, "%s: %s\r\n", name, value);
}

static struct http_reply send_attempt(uint16_t port, const struct attempt *attempt,
                                      const char *token)
{
    const char *sent =
        attempt->token != NULL && strcmp(attempt->token, "right") == 0 ? token : attempt->token;
    char text[3000];
    size_t size =
        (size_t)snprintf(text, sizeof text, "%s %s HTTP/1.1\r\n", attempt->method, attempt->path);

    size += add_header(text + size, sizeof text - size, "Host", attempt->host);
    size += add_header(text + size, sizeof text - size, "Origin", attempt->origin);
    size += add_header(text + size, sizeof text - size, "Content-Type", attempt->type);
    size += add_header(text + size, sizeof text - size, "X-Echo-Control", sent);
    size += (size_t)snprintf(text + size, sizeof text - size,
                             "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                             strlen(attempt->body), attempt->body);
    ck_assert_uint_lt(size, sizeof text);
    return http_send(port, text, size);
}

/* Whatever is refused is refused with a sentence of text, and changes nothing. */
static void expect_reply(const struct attempt *attempt, const char *token)
{
    struct http_reply reply = send_attempt(fake.port, attempt, token);
    char value[200];

    ck_assert_msg(reply.status == attempt->status && strstr(reply.body, attempt->says) != NULL,
                  "%s%s", reply.head, reply.body);
    ck_assert_str_eq(http_header(&reply, "Content-Type", value),
                     attempt->status == 200 ? JSON : "text/plain; charset=utf-8");
    ck_assert_ptr_null(strstr(reply.body, token));
    if (attempt->status != 200) {
        ck_assert_int_eq(fake_workers_changed(), 0);
        ck_assert(!fake_is_paused());
        ck_assert_int_eq(fake_visitors(false) + fake_visitors(true), 0);
    }
}

/* clang-format off */
static const struct attempt refused[] = {
    /* the token */
    {"POST", WORKERS, "localhost", NULL, JSON, NULL, MORE, 403, "the token in X-Echo-Control"},
    {"POST", WORKERS, "localhost", NULL, JSON, "", MORE, 403, "the token"},
    {"POST", WORKERS, "localhost", NULL, JSON, "0000000000000000000000000000000000000000000000000000000000000000", MORE, 403, "the token"},
    {"POST", ACCEPT, "localhost", NULL, JSON, "0", "{\"paused\": true}", 403, "the token"},
    /* another page */
    {"POST", WORKERS, "localhost", "http://evil.example", JSON, "right", MORE, 403, "Origin"},
    {"POST", WORKERS, "localhost", "null", JSON, "right", MORE, 403, "Origin"},
    {"POST", WORKERS, "localhost", "https://localhost", JSON, "right", MORE, 403, "Origin"},
    {"POST", WORKERS, "localhost:8091", "http://localhost:8090", JSON, "right", MORE, 403, "Origin"},
    {"POST", WORKERS, "localhost", "http://localhost.evil.example", JSON, "right", MORE, 403, "Origin"},
    {"POST", ACCEPT, "localhost", "http://evil.example", JSON, "right", "{\"paused\": true}", 403, "Origin"},
    /* another name for this machine */
    {"POST", WORKERS, "evil.example", "http://evil.example", JSON, "right", MORE, 403, "Host"},
    {"POST", WORKERS, "localhost.evil.example:80", NULL, JSON, "right", MORE, 403, "Host"},
    {"POST", WORKERS, "127.0.0.1.evil.example", NULL, JSON, "right", MORE, 403, "Host"},
    {"POST", WORKERS, "127.0.0.2", NULL, JSON, "right", MORE, 403, "Host"},
    {"POST", WORKERS, "", NULL, JSON, "right", MORE, 403, "Host"},
    {"POST", WORKERS, "[::1", NULL, JSON, "right", MORE, 403, "Host"},
    {"POST", WORKERS, NULL, NULL, JSON, "right", MORE, 403, "Host"},
    /* what a form can send */
    {"POST", WORKERS, "localhost", NULL, "text/plain", "right", MORE, 403, "Content-Type"},
    {"POST", WORKERS, "localhost", NULL, "application/x-www-form-urlencoded", "right", MORE, 403, "Content-Type"},
    {"POST", WORKERS, "localhost", NULL, "application/jsonp", "right", MORE, 403, "Content-Type"},
    {"POST", WORKERS, "localhost", NULL, NULL, "right", MORE, 403, "Content-Type"},
    /* nonsense */
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "", 400, "JSON"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{\"change\": 1", 400, "JSON"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{\"change\": 1, \"change\": 1}", 400, "JSON"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{}", 400, "send {\"change\": 1}"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "[1]", 400, "send"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{\"change\": 0}", 400, "send"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{\"change\": 2}", 400, "send"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{\"change\": -2147483648}", 400, "send"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{\"change\": 4294967297}", 400, "send"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{\"change\": 1, \"x\": 2}", 400, "send"},
    {"POST", WORKERS, "localhost", NULL, JSON, "right", "{\"change\": \"1\"}", 400, "send"},
    {"POST", ACCEPT, "localhost", NULL, JSON, "right", "{\"paused\": 1}", 400, "send {\"paused\": true}"},
    {"POST", ACCEPT, "localhost", NULL, JSON, "right", MORE, 400, "send"},
    {"POST", VISITORS, "localhost", NULL, JSON, NULL, TEN, 403, "the token"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{}", 400, "send {\"count\": 1"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{\"count\": 0, \"silent\": true}", 400, "from 1 to 10"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{\"count\": 11, \"silent\": true}", 400, "from 1 to 10"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{\"count\": -1, \"silent\": true}", 400, "from 1 to 10"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{\"count\": 4294967297, \"silent\": true}", 400, "from 1 to 10"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{\"count\": 1}", 400, "send"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{\"count\": 1, \"silent\": 1}", 400, "send"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{\"count\": 1, \"silent\": true, \"x\": 1}", 400, "send"},
    /* other methods */
    {"GET", VISITORS, "localhost", NULL, JSON, "right", TEN, 405, "only POST"},
    {"GET", WORKERS, "localhost", NULL, JSON, "right", MORE, 405, "only POST"},
    {"PUT", WORKERS, "localhost", NULL, JSON, "right", MORE, 405, "only POST"},
    {"OPTIONS", WORKERS, "localhost", "http://evil.example", NULL, NULL, "", 405, "only POST"},
    {"POST", "/control/", "localhost", NULL, JSON, "right", MORE, 405, "only GET"},
};

static const struct attempt granted[] = {
    {"POST", WORKERS, "localhost", NULL, JSON, "right", MORE, 200, "{\"workers\": 5}"},
    {"POST", WORKERS, "LocalHost:9999", "http://localhost:9999", JSON, "right", MORE, 200, "{\"workers\": 5}"},
    {"POST", WORKERS, "127.0.0.1", "http://127.0.0.1", "Application/JSON; charset=utf-8", "right", MORE, 200, "{\"workers\": 5}"},
    {"POST", WORKERS, "127.0.0.1:8091", "http://127.0.0.1:8091", JSON, "right", "{\"change\": -1}", 200, "{\"workers\": 3}"},
    {"POST", ACCEPT, "localhost", NULL, JSON, "right", "{\"paused\": true}", 200, "{\"paused\": true}"},
    {"POST", ACCEPT, "localhost", NULL, JSON, "right", "{\"paused\": false}", 200, "{\"paused\": false}"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", TEN, 200, "{\"sent\": 10}"},
    {"POST", VISITORS, "localhost", NULL, JSON, "right", "{\"silent\": true, \"count\": 1}", 200, "{\"sent\": 1}"},
};
/* clang-format on */

LOOP_TEST(requests_that_are_refused, COUNT_OF(refused))
{
    char token[ADMIN_TOKEN_CHARS + 1];

    read_token("localhost", token);
    ck_assert_uint_eq(strlen(token), ADMIN_TOKEN_CHARS);
    expect_reply(&refused[_i], token);
}

LOOP_TEST(requests_that_are_granted, COUNT_OF(granted))
{
    const struct attempt *attempt = &granted[_i];
    char token[ADMIN_TOKEN_CHARS + 1];

    read_token("127.0.0.1:8091", token);
    expect_reply(attempt, token);
    if (strcmp(attempt->path, WORKERS) == 0)
        ck_assert_int_eq(fake_workers_changed(), strcmp(attempt->body, MORE) == 0 ? 1 : -1);
    else if (strcmp(attempt->path, ACCEPT) == 0)
        ck_assert_int_eq(fake_is_paused(), strstr(attempt->body, "true") != NULL);
    ck_assert_int_eq(fake_visitors(false), strcmp(attempt->body, TEN) == 0 ? 10 : 0);
    ck_assert_int_eq(fake_visitors(true), strstr(attempt->body, "count\": 1}") != NULL ? 1 : 0);
}

CASE_WITH("Without the option", fake_open, fake_close)

/* Without --admin-control not even the right token would help, and the page has none. */
TEST(no_control_without_the_option)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    char token[ADMIN_TOKEN_CHARS + 1];

    read_token("localhost", token);
    ck_assert_str_eq(token, "");
    for (size_t i = 0; i < sizeof granted / sizeof *granted; i++) {
        struct attempt attempt = granted[i];
        attempt.status = 403;
        attempt.says = "--admin-control";
        expect_reply(&attempt, zeros);
    }
}

CASE_WITH("What cannot be done", fake_open_with_control, fake_close)

/* It is answered 409, with the reason. */
TEST(what_cannot_be_done)
{
    static const struct attempt attempts[] = {
        {"POST", WORKERS, "localhost", NULL, JSON, "right", MORE, 409, "this server has none"},
        {"POST", ACCEPT, "localhost", NULL, JSON, "right", "{\"paused\": true}", 409,
         "this server is closed"},
        {"POST", VISITORS, "localhost", NULL, JSON, "right", TEN, 409,
         "no visitor was sent: this server has had enough"},
    };
    char token[ADMIN_TOKEN_CHARS + 1];

    fake_refuse_control();
    read_token("localhost", token);
    for (size_t i = 0; i < COUNT_OF(attempts); i++)
        expect_reply(&attempts[i], token);
}

CASE_WITH("The token", fake_open_with_control, fake_close)

/* Under a name that is not ours the page can be read by its owner, so it has no token. */
TEST(no_token_for_a_foreign_name)
{
    static const char *const hosts[] = {"evil.example", "evil.example:8091",
                                        "localhost.evil.example", NULL};
    char token[ADMIN_TOKEN_CHARS + 1];

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        read_token(hosts[i], token);
        ck_assert_str_eq(token, "");
    }
}

/* It is another one at each start, and nowhere but in the page. */
TEST(the_token_is_kept)
{
    static const char *const paths[] = {"/",      "/metrics", "/stats.json",
                                        "/livez", "/readyz",  "/none"};
    char first[ADMIN_TOKEN_CHARS + 1];
    char second[ADMIN_TOKEN_CHARS + 1];
    uint64_t id;
    char *event;
    int stream;

    read_token("localhost", first);
    fake_close();
    fake_open_with_control();
    read_token("localhost", second);
    ck_assert_str_ne(first, second);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_reply reply = http_get(fake.port, paths[i]);
        ck_assert_ptr_null(strstr(reply.head, second));
        ck_assert_ptr_null(strstr(reply.body, second));
    }
    stream = http_listen(fake.port);
    event = http_event(stream, &id);
    ck_assert_ptr_nonnull(event);
    ck_assert_ptr_null(strstr(event, second));
    close(stream);
}
