/* SPDX-License-Identifier: MIT */
/*
 * The live page in a real browser, over the real server: what people see is what is so, and what
 * they press is what happens. check_page_looks.c says what it looks like. Skipped where there is no
 * browser.
 */
#include "tests/http_kit.h"
#include "tests/page_kit.h"
#include "tests/suite.h"

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What admin.h promises; it cannot be included beside harness.h. */
enum { STREAMS_MAX = 100 };

/* As the page shows it at one moment, what was accepted has become of something. */
static void expect_sum(struct house *house)
{
    expect(house, "((n) => n('accepted') == n('served') + n('rejected') + n('timed-out') + "
                  "n('failed') + n('in-flight'))"
                  "((id) => +document.getElementById('sum-' + id).innerText.replaceAll(',', ''))");
}

/* --- what is shown ------------------------------------------------------------------------- */

START_TEST(four_are_busy_and_six_wait)
{
    struct house house = house_open(ARGUMENTS("--workers", "4", "--admin", "0"));
    int fds[10];

    connect_all(&house, fds, 10, 4);
    expect_text(&house, "workers-busy", "4");
    expect_text(&house, "workers-of", "of 4 busy");
    expect_text(&house, "queue-depth", "6");
    expect_text(&house, "sum-in-flight", "10");
    expect(&house, "document.querySelectorAll('.box[data-phase=receiving]').length == 4");
    expect(&house, "document.querySelectorAll('#queue-dots .dot').length == 6");
    /* Who holds a worker has a number. */
    expect(&house, "[...document.querySelectorAll('.box .who')].some((e) => "
                   "e.innerText.startsWith('#1 '))");
    expect(&house, "document.querySelector('.box .how').innerText == '1 echo'");
    expect(&house, "/the oldest waits [0-9]/.test(document.querySelector('#queue').innerText)");
    expect(&house, "document.querySelector('#words').innerText.includes('4 threads, each holds one "
                   "session until it ends; 16 may wait; then accepting pauses')");
    /* Time goes on: the ages grow. */
    expect(&house, "parseInt(document.querySelector('#queue-dots .dot').innerText) >= 2");
    expect_sum(&house);
    close_all(fds, 10);
    expect_text(&house, "sum-served", "10");
    expect_text(&house, "sum-in-flight", "0");
    expect(&house, "document.querySelectorAll('.box[data-phase=idle]').length == 4");
    expect(&house, "document.querySelectorAll('#queue-dots .dot').length == 0");
    expect_sum(&house);
    house_close(&house, NULL);
}
END_TEST

START_TEST(who_falls_out)
{
    struct house house = house_open(ARGUMENTS("--workers", "1", "--queue", "1", "--on-full",
                                              "reject", "--queue-timeout", "4s", "--admin", "0"));
    int served = kit_connect(&house.kit);
    int late;

    tcp_echo(served, "a", 1, true);
    late = kit_connect(&house.kit);
    expect_busy(kit_connect(&house.kit));
    expect_text(&house, "out-rejected", "1");
    expect(&house, "document.querySelectorAll('#bin-rejected .fallen').length == 1");
    expect_busy(late);
    expect_text(&house, "out-timed-out", "1");
    expect_text(&house, "which-timeouts", "queue 1");
    expect(&house, "document.querySelectorAll('#bin-timed-out .fallen').length == 1");
    tcp_reset(served);
    expect_text(&house, "out-failed", "1");
    expect(&house, "document.querySelectorAll('#bin-failed .fallen').length == 1");
    expect_sum(&house);
    house_close(&house, NULL);
}
END_TEST

/* While the model is full the gate is shut, and who comes is in the kernel. */
START_TEST(the_kernels_backlog)
{
    struct house house = house_open(ARGUMENTS("--workers", "1", "--queue", "1", "--admin", "0"));
    int fds[4];

    expect_text(&house, "gate", "accepting");
    connect_all(&house, fds, 4, 1);
    expect_text(&house, "gate", "paused: no room");
    expect_text(&house, "backlog-depth", "2");
    expect(&house, "document.querySelectorAll('#backlog-dots .dot').length == 2");
    close_all(fds, 4);
    expect_text(&house, "gate", "accepting");
    expect_text(&house, "sum-served", "4");
    house_close(&house, NULL);
}
END_TEST

/* What is shown under each model is what that model has. */
START_TEST(every_model)
{
    static const char *const words[MODELS] = {
        "One session at a time",
        "A thread for each session",
        "A process for each session",
        "4 threads, each holds one session until it ends",
        "4 threads, each takes a session only while bytes of it are there",
        "4 worker processes, each holds one session until it ends",
        "4 event loops, each serves many sessions by turns",
    };
    /* Where sessions that are silent stand. */
    static const char *const places[MODELS] = {
        "#boxes .box[data-phase=receiving]",
        "#boxes .box[data-phase=receiving]",
        "#boxes .box[data-phase=receiving]",
        "#boxes .box[data-phase=receiving]",
        "#parked-dots .dot",
        "#boxes .box[data-phase=receiving]",
        "#boxes .crew i",
    };
    const struct tested_model *model = &tested_models[_i];
    struct house house = house_open(MODEL("--admin", "0"));
    int sessions = model->one_at_a_time ? 1 : 3;
    char expression[300];
    int fds[3];

    connect_all(&house, fds, sessions, sessions);
    snprintf(expression, sizeof expression, "document.querySelectorAll('%s').length == %d",
             places[_i], sessions);
    expect(&house, expression);
    snprintf(expression, sizeof expression,
             "document.querySelector('#words').innerText.includes('%s')", words[_i]);
    expect(&house, expression);
    expect(&house, "document.documentElement.scrollWidth <= innerWidth");
    snprintf(expression, sizeof expression, "model-%s-hold-%s", model->model, model->hold);
    take_picture(&house, expression);
    close_all(fds, sessions);
    expect_text(&house, "sum-in-flight", "0");
    expect(&house, "document.querySelectorAll('#boxes .who').length == 0 || "
                   "!document.querySelector('#boxes').innerText.includes('#')");
    house_close(&house, NULL);
}
END_TEST

/* A loop says how many it has, also of those that are not listed. */
START_TEST(loops_count_all)
{
    enum { SESSIONS = 300 };
    struct house house =
        house_open(ARGUMENTS("--model", "event", "--workers", "2", "--admin", "0"));
    int fds[SESSIONS];

    connect_all(&house, fds, SESSIONS, 0);
    expect_text(&house, "workers-busy", "300");
    expect_text(&house, "workers-of", "sessions in 2 loops");
    expect(&house, "[...document.querySelectorAll('.box .state')].reduce((n, e) => "
                   "n + parseInt(e.innerText), 0) == 300");
    expect(&house, "document.querySelectorAll('.crew i').length == 256");
    close_all(fds, SESSIONS);
    expect_text(&house, "sum-in-flight", "0");
    house_close(&house, NULL);
}
END_TEST

/* At most 256 are listed, and the page says how many more there are. */
START_TEST(more_than_are_listed)
{
    enum { SESSIONS = 300 };
    struct house house = house_open(ARGUMENTS("--workers", "4", "--queue", "1000", "--admin", "0"));
    int fds[SESSIONS];

    connect_all(&house, fds, SESSIONS, 4);
    expect_text(&house, "queue-depth", "296");
    expect_text(&house, "queue-more", "and 44 more");
    expect(&house, "document.querySelectorAll('#queue-dots .dot').length == 252");
    expect(&house, "document.documentElement.scrollWidth <= innerWidth");
    take_picture(&house, "300-sessions");
    close_all(fds, SESSIONS);
    expect_text(&house, "queue-depth", "0");
    expect_text(&house, "queue-more", "");
    house_close(&house, NULL);
}
END_TEST

/* The minute: what has been echoed and has waited is in its figures. */
START_TEST(the_last_minute)
{
    struct house house = house_open(ARGUMENTS("--workers", "1", "--delay", "30ms", "--admin", "0"));
    int fds[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = kit_connect(&house.kit);
        tcp_send(fds[i], "a", 1);
        shutdown(fds[i], SHUT_WR);
    }
    for (int i = 0; i < 3; i++)
        expect_rest(fds[i], "A", 1);
    /* The median of three services of 30 ms and somewhat is in the step from 25 to 50 or above. */
    expect(&house, "/p50.*[0-9].*p99.*[0-9]/.test(document.querySelector('#chart-service .reading')"
                   ".innerText)");
    expect(&house, "/p50.*[0-9].*p99.*[0-9]/.test(document.querySelector('#chart-wait .reading')"
                   ".innerText)");
    expect(&house, "/mean [0-9.]*[1-9]/.test(document.querySelector('#chart-echoes .reading')"
                   ".innerText)");
    expect(&house,
           "document.querySelector('#chart-service path.one').getAttribute('d').length > 5");
    house_close(&house, NULL);
}
END_TEST

/* Whoever comes, goes or changes places: there is one child for each, in order, the same while it is there. */
START_TEST(one_child_for_each)
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
    struct house house = house_open(ARGUMENTS("--admin", "0"));

    expect_nothing(&house, script);
    house_close(&house, NULL);
}
END_TEST

/* --- ends and beginnings ------------------------------------------------------------------- */

/* Each holds its worker for longer than the test may take: the server drains until a second signal. */
START_TEST(draining)
{
    struct kit kit = kit_start(
        ARGUMENTS("--workers", "2", "--delay", "20m", "--drain-timeout", "20m", "--admin", "0"));
    struct house house = {.kit = kit, .admin = kit_admin_port(&kit)};
    struct outcome outcome;
    int fd = kit_connect(&kit);

    browser_open(&house.browser);
    house_look(&house);
    tcp_send(fd, "a", 1);
    expect(&house, "document.querySelectorAll('.box[data-phase=working]').length == 1");
    kill(kit.program.pid, SIGTERM);
    expect_text(&house, "status", "draining: no new clients");
    expect_text(&house, "gate", "closed for good");
    expect_text(&house, "sum-in-flight", "1");
    kill(kit.program.pid, SIGTERM);
    expect_text(&house, "status", "connection lost, trying again");
    ck_assert_str_eq(browser_complaints(&house.browser), "");
    browser_close(&house.browser);
    outcome = program_wait(&house.kit.program);
    ck_assert_int_eq(outcome.status, 1);
    outcome_clear(&outcome);
    close(fd);
}
END_TEST

/* Another server is started on the same port: the page is right, and its buttons work. */
START_TEST(started_again)
{
    struct house house =
        house_open(ARGUMENTS("--model", "event", "--admin", "0", "--admin-control"));
    struct outcome outcome;
    char admin[16];
    int fds[3];

    snprintf(admin, sizeof admin, "%u", (unsigned)house.admin);
    connect_all(&house, fds, 3, 3);
    expect_text(&house, "sum-in-flight", "3");
    close_all(fds, 3);
    outcome = program_stop(&house.kit.program);
    ck_assert_int_eq(outcome.status, 0);
    outcome_clear(&outcome);
    expect_text(&house, "status", "connection lost, trying again");
    house.kit = kit_start(ARGUMENTS("--workers", "7", "--admin", admin, "--admin-control"));
    expect_text(&house, "status", "live");
    expect_text(&house, "sum-accepted", "0");
    expect_text(&house, "workers-of", "of 7 busy");
    expect(&house, "document.querySelectorAll('.box[data-phase=idle]').length == 7 && "
                   "document.querySelectorAll('.crew').length == 0");
    fds[0] = kit_connect(&house.kit);
    tcp_echo(fds[0], "a", 1, true);
    expect_text(&house, "sum-in-flight", "1");
    browser_click(&house.browser, "#more");
    expect_text(&house, "workers-of", "of 8 busy");
    browser_click(&house.browser, "#fewer");
    expect_text(&house, "workers-of", "of 7 busy");
    close(fds[0]);
    expect_text(&house, "sum-in-flight", "0");
    house_close(&house, NULL);
}
END_TEST

/* A hundred watch already: the page says so, and comes in when there is a place. */
START_TEST(too_many_watch)
{
    struct kit kit = kit_start(ARGUMENTS("--admin", "0"));
    struct house house = {.kit = kit, .admin = kit_admin_port(&kit)};
    int fds[STREAMS_MAX];
    char url[64];

    /* The browser first, which may take its time: who does not read its stream is dropped after a while. */
    browser_open(&house.browser);
    for (int i = 0; i < STREAMS_MAX; i++)
        fds[i] = http_listen(house.admin);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)house.admin);
    browser_go(&house.browser, url);
    expect_text(&house, "status", "too many are watching, trying again");
    close_all(fds, STREAMS_MAX);
    expect_text(&house, "status", "live");
    house_close(&house, NULL);
}
END_TEST

/* --- the controls -------------------------------------------------------------------------- */

START_TEST(controls)
{
    struct house house = house_open(ARGUMENTS("--workers", "4", "--admin", "0", "--admin-control"));
    int fd;

    browser_click(&house.browser, "#more");
    expect_text(&house, "workers-of", "of 5 busy");
    expect(&house, "document.querySelectorAll('.box').length == 5");
    expect(&house, "document.querySelector('#words').innerText.startsWith('5 threads')");
    browser_click(&house.browser, "#fewer");
    expect_text(&house, "workers-of", "of 4 busy");
    expect_text(&house, "pause", "Pause");
    browser_click(&house.browser, "#pause");
    expect_text(&house, "status", "accepting is paused");
    expect_text(&house, "gate", "paused: by a person");
    fd = kit_connect(&house.kit);
    tcp_send(fd, "a", 1);
    expect_text(&house, "backlog-depth", "1");
    expect_text(&house, "sum-accepted", "0");
    expect_text(&house, "pause", "Accept again");
    browser_click(&house.browser, "#pause");
    expect_text(&house, "sum-in-flight", "1");
    expect_text(&house, "status", "live");
    shutdown(fd, SHUT_WR);
    expect_rest(fd, "A", 1);
    /* One is the fewest, and the button knows. */
    for (int workers = 3; workers >= 1; workers--) {
        char text[32];
        browser_click(&house.browser, "#fewer");
        snprintf(text, sizeof text, "of %d busy", workers);
        expect_text(&house, "workers-of", text);
    }
    expect(&house, "document.querySelector('#fewer').disabled");
    expect_text(&house, "said", "");
    house_close(&house, NULL);
}
END_TEST

/* A worker that is to go stays to be seen until its session has ended. */
START_TEST(a_worker_leaves)
{
    struct house house = house_open(ARGUMENTS("--workers", "2", "--admin", "0", "--admin-control"));
    int fds[2];

    connect_all(&house, fds, 2, 2);
    expect_text(&house, "workers-of", "of 2 busy");
    browser_click(&house.browser, "#fewer");
    expect_text(&house, "workers-of", "of 1 busy");
    expect(&house, "document.querySelectorAll('.box[data-phase=receiving]').length == 2");
    close_all(fds, 2);
    expect_text(&house, "sum-served", "2");
    expect(&house, "document.querySelectorAll('.box').length == 1");
    house_close(&house, NULL);
}
END_TEST

/* With a token that is not the server's the page says what it was told. */
START_TEST(a_wrong_token_is_told)
{
    struct house house = house_open(ARGUMENTS("--admin", "0", "--admin-control"));

    json_decref(browser_run(&house.browser, "token = 'wrong';"));
    browser_click(&house.browser, "#more");
    expect(&house, "document.querySelector('#said').innerText.includes('token')");
    expect_text(&house, "workers-of", "of 4 busy");
    house_close(&house, NULL);
}
END_TEST

START_TEST(no_controls_without_the_option)
{
    struct house house = house_open(ARGUMENTS("--admin", "0"));

    expect(&house, "document.querySelector('#pause').offsetParent == null");
    expect(&house, "document.querySelector('#more').offsetParent == null");
    expect(&house, "document.querySelector('meta[name=control-token]').content == ''");
    house_close(&house, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *shown = tcase_create("Shown");
    TCase *life = tcase_create("Life");
    TCase *control = tcase_create("Control");
    const char *why;

    if (!browser_is_there(&why)) {
        printf("1..0 # SKIP %s\n", why);
        return EXIT_SUCCESS;
    }
    tcase_add_test(shown, four_are_busy_and_six_wait);
    tcase_add_test(shown, who_falls_out);
    tcase_add_test(shown, the_kernels_backlog);
    tcase_add_loop_test(shown, every_model, 0, MODELS);
    tcase_add_test(shown, more_than_are_listed);
    tcase_add_test(shown, loops_count_all);
    tcase_add_test(shown, one_child_for_each);
    tcase_add_test(shown, the_last_minute);
    tcase_add_test(life, draining);
    tcase_add_test(life, started_again);
    tcase_add_test(life, too_many_watch);
    tcase_add_test(control, controls);
    tcase_add_test(control, a_worker_leaves);
    tcase_add_test(control, a_wrong_token_is_told);
    tcase_add_test(control, no_controls_without_the_option);
    tcase_set_timeout(shown, 300);
    suite_add_tcase(suite, shown);
    tcase_set_timeout(life, 300);
    suite_add_tcase(suite, life);
    tcase_set_timeout(control, 300);
    suite_add_tcase(suite, control);
    return suite_main(suite);
}
