/* SPDX-License-Identifier: MIT */
/*
 * The live page in a real browser, over the real server: what people see is what is so, and what
 * they press is what happens. check_page_looks.c says what it looks like. Skipped where there is no
 * browser.
 */
#include "tests/kit/http.h"
#include "tests/kit/page.h"
#include "tests/kit/suite.h"

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What admin.h promises; it cannot be included beside kit/harness.h. */
enum { STREAMS_MAX = 100 };

/* As the page shows it at one moment, what was accepted has become of something. */
static void expect_sum(struct page *page)
{
    expect(page, "((n) => n('accepted') == n('served') + n('rejected') + n('timed-out') + "
                 "n('failed') + n('in-flight'))"
                 "((id) => +document.getElementById('sum-' + id).innerText.replaceAll(',', ''))");
}

CASE("What is shown")
TIME_LIMIT(BROWSER_TIME_LIMIT)

TEST(four_are_busy_and_six_wait)
{
    struct page page = page_open(ARGUMENTS("--workers", "4", "--admin", "0"));
    int fds[10];

    connect_all(&page, fds, 10, 4);
    expect_text(&page, "workers-busy", "4");
    expect_text(&page, "workers-of", "of 4 busy");
    expect_text(&page, "queue-depth", "6");
    expect_text(&page, "sum-in-flight", "10");
    expect(&page, "document.querySelectorAll('.box[data-phase=receiving]').length == 4");
    expect(&page, "document.querySelectorAll('#queue-dots .dot').length == 6");
    /* Who holds a worker has a number. */
    expect(&page, "[...document.querySelectorAll('.box .who')].some((e) => "
                  "e.innerText.startsWith('#1 '))");
    expect(&page, "document.querySelector('.box .how').innerText == '1 echo'");
    expect(&page, "/the oldest waits [0-9]/.test(document.querySelector('#queue').innerText)");
    expect(&page, "document.querySelector('#words').innerText.includes('4 workers, each a thread "
                  "that holds one session until it ends; 16 may wait; then accepting pauses')");
    /* Time goes on: the ages grow. */
    expect(&page, "parseInt(document.querySelector('#queue-dots .dot').innerText) >= 2");
    expect_sum(&page);
    close_all(fds, 10);
    expect_text(&page, "sum-served", "10");
    expect_text(&page, "sum-in-flight", "0");
    expect(&page, "document.querySelectorAll('.box[data-phase=idle]').length == 4");
    expect(&page, "document.querySelectorAll('#queue-dots .dot').length == 0");
    expect_sum(&page);
    page_close(&page, NULL);
}

TEST(rejected_and_late_sessions)
{
    struct page page = page_open(ARGUMENTS("--workers", "1", "--queue", "1", "--on-full", "reject",
                                           "--queue-timeout", "4s", "--admin", "0"));
    int served = kit_connect(&page.kit);
    int late;

    /* A dot that has fallen lies there for some time only: count them as they come. */
    expect(&page, "window.fell = {}, new MutationObserver((changes) => changes.forEach((change) => "
                  "change.addedNodes.forEach((node) => node.className == 'fallen' && "
                  "(window.fell[change.target.parentNode.id] = "
                  "(window.fell[change.target.parentNode.id] || 0) + 1))))"
                  ".observe(document.body, {subtree: true, childList: true}), true");
    tcp_echo(served, "a", 1, true);
    late = kit_connect(&page.kit);
    expect_busy(kit_connect(&page.kit));
    expect_text(&page, "out-rejected", "1");
    expect(&page, "window.fell['bin-rejected'] == 1");
    expect_busy(late);
    expect_text(&page, "out-timed-out", "1");
    expect_text(&page, "which-timeouts", "queue 1");
    expect(&page, "window.fell['bin-timed-out'] == 1");
    tcp_reset(served);
    expect_text(&page, "out-failed", "1");
    expect(&page, "window.fell['bin-failed'] == 1");
    expect_sum(&page);
    page_close(&page, NULL);
}

/* While the model is full the gate is shut, and who comes is in the kernel. */
TEST(the_kernels_backlog)
{
    struct page page = page_open(ARGUMENTS("--workers", "1", "--queue", "1", "--admin", "0"));
    int fds[4];

    expect_text(&page, "gate", "accepting");
    connect_all(&page, fds, 4, 1);
    expect_text(&page, "gate", "paused: no room");
    expect_text(&page, "backlog-depth", "2");
    expect(&page, "document.querySelectorAll('#backlog-dots .dot').length == 2");
    close_all(fds, 4);
    expect_text(&page, "gate", "accepting");
    expect_text(&page, "sum-served", "4");
    page_close(&page, NULL);
}

/* What is shown under each model is what that model has. */
LOOP_TEST(every_model, MODELS)
{
    static const char *const words[ALL_MODELS] = {
        "One session at a time",
        "A thread for each session",
        "A process for each session",
        "4 workers, each a thread that holds one session until it ends",
        "4 workers, each a thread that holds a session only while there are bytes to echo",
        "4 workers, each a process that holds one session until it ends",
        "4 loops, each a thread that serves many sessions by turns",
        "4 workers, each a thread that accepts by itself, and holds one session until it ends",
#ifndef __SANITIZE_THREAD__ /* tests/kit/server.h says why */
        "4 workers, each a process that accepts by itself, and holds one session until it ends",
#endif
        "4 rings, each a thread for which the kernel reads and writes many sessions",
    };
    /* Where sessions that are silent stand. */
    static const char *const places[ALL_MODELS] = {
        "#boxes .box[data-phase=receiving]",
        "#boxes .box[data-phase=receiving]",
        "#boxes .box[data-phase=receiving]",
        "#boxes .box[data-phase=receiving]",
        "#parked-dots .dot",
        "#boxes .box[data-phase=receiving]",
        "#boxes .crew i",
        "#boxes .box[data-phase=receiving]",
#ifndef __SANITIZE_THREAD__ /* tests/kit/server.h says why */
        "#boxes .box[data-phase=receiving]",
#endif
        "#boxes .crew i",
    };
    const struct tested_model *model = &tested_models[_i];
    struct page page = page_open(MODEL("--admin", "0"));
    int sessions = model->one_at_a_time ? 1 : 3;
    char expression[300];
    int fds[3];

    connect_all(&page, fds, sessions, sessions);
    snprintf(expression, sizeof expression, "document.querySelectorAll('%s').length == %d",
             places[_i], sessions);
    expect(&page, expression);
    snprintf(expression, sizeof expression,
             "document.querySelector('#words').innerText.includes('%s')", words[_i]);
    expect(&page, expression);
    expect(&page, "document.documentElement.scrollWidth <= innerWidth");
    snprintf(expression, sizeof expression, "model-%s-hold-%s", model->model, model->hold);
    take_picture(&page, expression);
    close_all(fds, sessions);
    expect_text(&page, "sum-in-flight", "0");
    expect(&page, "document.querySelectorAll('#boxes .who').length == 0 || "
                  "!document.querySelector('#boxes').innerText.includes('#')");
    page_close(&page, NULL);
}

/* A loop says how many it has, also of those that are not listed. */
TEST(loops_count_all)
{
    enum { SESSIONS = 300 };
    struct page page = page_open(ARGUMENTS("--model", "event", "--workers", "2", "--admin", "0"));
    int fds[SESSIONS];

    connect_all(&page, fds, SESSIONS, 0);
    expect_text(&page, "workers-busy", "300");
    expect_text(&page, "workers-of", "sessions in 2 loops");
    expect(&page, "[...document.querySelectorAll('.box .state')].reduce((n, e) => "
                  "n + parseInt(e.innerText), 0) == 300");
    expect(&page, "document.querySelectorAll('.crew i').length == 256");
    close_all(fds, SESSIONS);
    expect_text(&page, "sum-in-flight", "0");
    page_close(&page, NULL);
}

/* At most 256 are listed, and the page says how many more there are. */
TEST(more_than_are_listed)
{
    enum { SESSIONS = 300 };
    struct page page = page_open(ARGUMENTS("--workers", "4", "--queue", "1000", "--admin", "0"));
    int fds[SESSIONS];

    connect_all(&page, fds, SESSIONS, 4);
    expect_text(&page, "queue-depth", "296");
    expect_text(&page, "queue-more", "and 44 more");
    expect(&page, "document.querySelectorAll('#queue-dots .dot').length == 252");
    expect(&page, "document.documentElement.scrollWidth <= innerWidth");
    take_picture(&page, "300-sessions");
    close_all(fds, SESSIONS);
    expect_text(&page, "queue-depth", "0");
    expect_text(&page, "queue-more", "");
    page_close(&page, NULL);
}

/* The minute: what has been echoed and has waited is in its figures. */
TEST(the_last_minute)
{
    struct page page = page_open(ARGUMENTS("--workers", "1", "--delay", "30ms", "--admin", "0"));
    int fds[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = kit_connect(&page.kit);
        tcp_send(fds[i], "a", 1);
        shutdown(fds[i], SHUT_WR);
    }
    for (int i = 0; i < 3; i++)
        expect_rest(fds[i], "A", 1);
    /* The median of three services of 30 ms and somewhat is in the step from 25 to 50 or above. */
    expect(&page, "/p50.*[0-9].*p99.*[0-9]/.test(document.querySelector('#chart-service .reading')"
                  ".textContent)");
    expect(&page, "/p50.*[0-9].*p99.*[0-9]/.test(document.querySelector('#chart-wait .reading')"
                  ".textContent)");
    expect(&page, "/mean [0-9.]*[1-9]/.test(document.querySelector('#chart-echoes .reading')"
                  ".textContent)");
    expect(&page, "document.querySelector('#chart-service path.one').getAttribute('d').length > 5");
    page_close(&page, NULL);
}

/* Sessions come, go and change places: there is one child for each, in order, the same while it is there. */
TEST(one_child_for_each)
{
    static const char script[] =
        "const box = document.createElement('div'); let seed = 1, made = 0;"
        "const random = (n) => (seed = seed * 48271 % 2147483647) % n;"
        "let last = new Map();"
        "for (let round = 0; round < 2000; round++) {"
        "  const items = [...new Set(Array.from({ length: random(12) }, () => random(20)))];"
        "  if (random(3)) items.sort((a, b) => a - b);"
        "  keep(box, items, (i) => i, () => (made++, document.createElement('i')),"
        "    (e, i) => { e.textContent = i; });"
        "  const shown = [...box.children].map((e) => e.textContent).join();"
        "  if (shown != items.join()) return `${round}: ${shown} and not ${items}`;"
        "  const now = new Map([...box.children].map((e) => [e.textContent, e]));"
        "  for (const [i, e] of now) if (last.has(i) && last.get(i) != e) return `${round}: ${i} "
        "is another`;"
        "  last = now;"
        "}"
        "return made > 0 && made < 5000 ? '' : `${made} were made`;";
    struct page page = page_open(ARGUMENTS("--admin", "0"));

    expect_nothing(&page, script);
    page_close(&page, NULL);
}

CASE("Ends and beginnings")
TIME_LIMIT(BROWSER_TIME_LIMIT)

/* Each holds its worker for longer than the test may take: the server drains until another signal. */
TEST(draining)
{
    struct kit kit = kit_start(ARGUMENTS("--workers", "2", "--delay", "20m", "--shutdown-delay",
                                         "20m", "--drain-timeout", "20m", "--admin", "0"));
    struct page page = {.kit = kit, .admin = kit_admin_port(&kit)};
    struct outcome outcome;
    int fd;

    browser_open(&page.browser);
    page_look(&page);
    fd = kit_connect(&kit);
    tcp_send(fd, "a", 1);
    expect(&page, "document.querySelectorAll('.box[data-phase=working]').length == 1");
    kill(kit.program.pid, SIGTERM);
    expect_text(&page, "status", "lame duck: not ready, still accepting");
    expect_text(&page, "gate", "accepting");
    kill(kit.program.pid, SIGTERM);
    expect_text(&page, "status", "draining: no new clients");
    expect_text(&page, "gate", "closed for good");
    expect_text(&page, "sum-in-flight", "1");
    kill(kit.program.pid, SIGTERM);
    expect_text(&page, "status", "connection lost, trying again");
    ck_assert_str_eq(browser_complaints(&page.browser), "");
    browser_close(&page.browser);
    outcome = program_wait(&page.kit.program);
    ck_assert_int_eq(outcome.status, 1);
    close(fd);
}

/* Another server is started on the same port: the page is right, and its buttons work. */
TEST(started_again)
{
    struct page page = page_open(ARGUMENTS("--model", "event", "--admin", "0", "--admin-control"));
    struct outcome outcome;
    int fds[3];
    const char *admin = suite_text("%u", (unsigned)page.admin);

    connect_all(&page, fds, 3, 3);
    expect_text(&page, "sum-in-flight", "3");
    close_all(fds, 3);
    outcome = program_stop(&page.kit.program);
    ck_assert_int_eq(outcome.status, 0);
    expect_text(&page, "status", "ended: the server has stopped");
    expect_text(&page, "sum-in-flight", "0");
    expect_text(&page, "sum-served", "3");
    page.kit = kit_start(ARGUMENTS("--workers", "7", "--admin", admin, "--admin-control"));
    expect_text(&page, "status", "live");
    expect_text(&page, "sum-accepted", "0");
    expect_text(&page, "workers-of", "of 7 busy");
    expect(&page, "document.querySelectorAll('.box[data-phase=idle]').length == 7 && "
                  "document.querySelectorAll('.crew').length == 0");
    fds[0] = kit_connect(&page.kit);
    tcp_echo(fds[0], "a", 1, true);
    expect_text(&page, "sum-in-flight", "1");
    browser_click(&page.browser, "#more");
    expect_text(&page, "workers-of", "of 8 busy");
    browser_click(&page.browser, "#fewer");
    expect_text(&page, "workers-of", "of 7 busy");
    close(fds[0]);
    expect_text(&page, "sum-in-flight", "0");
    page_close(&page, NULL);
}

/* A hundred watch already: the page says so, and comes in when there is a place. */
TEST(too_many_watch)
{
    struct kit kit = kit_start(ARGUMENTS("--admin", "0"));
    struct page page = {.kit = kit, .admin = kit_admin_port(&kit)};
    int fds[STREAMS_MAX];

    /* The browser first, which may take its time: who does not read its stream is dropped after a while. */
    browser_open(&page.browser);
    for (int i = 0; i < STREAMS_MAX; i++)
        fds[i] = http_listen(page.admin);
    const char *url = suite_text("http://127.0.0.1:%u/", (unsigned)page.admin);
    browser_go(&page.browser, url);
    expect_text(&page, "status", "too many pages are open, trying again");
    close_all(fds, STREAMS_MAX);
    expect_text(&page, "status", "live");
    page_close(&page, NULL);
}

CASE("The controls")
TIME_LIMIT(BROWSER_TIME_LIMIT)

TEST(controls)
{
    struct page page = page_open(ARGUMENTS("--workers", "4", "--admin", "0", "--admin-control"));
    int fd;

    browser_click(&page.browser, "#more");
    expect_text(&page, "workers-of", "of 5 busy");
    expect(&page, "document.querySelectorAll('.box').length == 5");
    expect(&page, "document.querySelector('#words').innerText.startsWith('5 workers')");
    browser_click(&page.browser, "#fewer");
    expect_text(&page, "workers-of", "of 4 busy");
    expect_text(&page, "pause", "Pause");
    browser_click(&page.browser, "#pause");
    expect_text(&page, "status", "accepting is paused");
    expect_text(&page, "gate", "paused: by a person");
    fd = kit_connect(&page.kit);
    tcp_send(fd, "a", 1);
    expect_text(&page, "backlog-depth", "1");
    expect_text(&page, "sum-accepted", "0");
    expect_text(&page, "pause", "Accept again");
    browser_click(&page.browser, "#pause");
    expect_text(&page, "sum-in-flight", "1");
    expect_text(&page, "status", "live");
    shutdown(fd, SHUT_WR);
    expect_rest(fd, "A", 1);
    /* One is the fewest, and the button knows. */
    for (int workers = 3; workers >= 1; workers--) {
        browser_click(&page.browser, "#fewer");
        const char *text = suite_text("of %d busy", workers);
        expect_text(&page, "workers-of", text);
    }
    expect(&page, "document.querySelector('#fewer').getAttribute('aria-disabled') == 'true'");
    expect(&page, "document.activeElement.id == 'fewer'"); /* which a disabled one would not be */
    expect_text(&page, "said", "");
    page_close(&page, NULL);
}

/* One client, ten, and one that is silent, without another terminal. */
TEST(visitors)
{
    struct page page = page_open(ARGUMENTS("--workers", "3", "--queue", "6", "--on-full", "reject",
                                           "--admin", "0", "--admin-control"));

    browser_click(&page.browser, "#send-silent");
    expect(&page, "document.querySelectorAll('.box[data-phase=receiving]').length == 1");
    browser_click(&page.browser, "#send-one");
    expect(&page, "/^[12] of 2 sent are here$/.test(document.querySelector('#visitors-here')"
                  ".innerText)");
    browser_click(&page.browser, "#send-ten");
    expect(&page, "document.querySelectorAll('#queue-dots .dot').length > 2");
    expect(&page, "+document.querySelector('#out-rejected').innerText > 0");
    expect_sum(&page);
    /* All except the silent one have said their words, and are gone. */
    expect_text(&page, "visitors-here", "1 of 12 sent are here");
    expect(&page, "((n) => n('served') + n('rejected') == 11 && n('in-flight') == 1)"
                  "((id) => +document.getElementById('sum-' + id).innerText)");
    ck_assert_str_eq(browser_complaints(&page.browser), "");
    browser_close(&page.browser);
    /* The silent one would stay for two minutes; when the server drains it leaves at once, in order. */
    kit_signal(&page.kit, SIGTERM);
    kit_wait_end(&page.kit, 0, NULL, " + ended 0 + here 0");
}

/* Where they would not come to this server, the page says why. */
TEST(no_visitors)
{
    struct page page = page_open(ARGUMENTS("--reuse-port", "--admin", "0", "--admin-control"));

    expect(&page, "document.querySelector('#visitors').hidden && document.querySelector("
                  "'#visitors-here').innerText.includes('another server may listen')");
    page_close(&page, NULL);
}

/* A worker that is to go stays to be seen until its session has ended. */
TEST(a_worker_leaves)
{
    struct page page = page_open(ARGUMENTS("--workers", "2", "--admin", "0", "--admin-control"));
    int fds[2];

    connect_all(&page, fds, 2, 2);
    expect_text(&page, "workers-of", "of 2 busy");
    browser_click(&page.browser, "#fewer");
    expect_text(&page, "workers-of", "of 1 busy");
    expect(&page, "document.querySelectorAll('.box[data-phase=receiving]').length == 2");
    close_all(fds, 2);
    expect_text(&page, "sum-served", "2");
    expect(&page, "document.querySelectorAll('.box').length == 1");
    page_close(&page, NULL);
}

/* With a token that is not the server's the page shows the server's answer. */
TEST(a_wrong_token_is_reported)
{
    struct page page = page_open(ARGUMENTS("--admin", "0", "--admin-control"));

    json_decref(browser_run(&page.browser, "token = 'wrong';"));
    browser_click(&page.browser, "#more");
    expect(&page, "document.querySelector('#said').innerText.includes('token')");
    expect_text(&page, "workers-of", "of 4 busy");
    page_close(&page, NULL);
}

TEST(no_controls_without_the_option)
{
    struct page page = page_open(ARGUMENTS("--admin", "0"));

    expect(&page, "document.querySelector('#pause').offsetParent == null");
    expect(&page, "document.querySelector('#more').offsetParent == null");
    expect(&page, "document.querySelector('meta[name=control-token]').content == ''");
    page_close(&page, NULL);
}

int main(void)
{
    return page_suite_run();
}
