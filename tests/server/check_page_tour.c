/* SPDX-License-Identifier: MIT */
/*
 * The tour of the live page, played in a real browser over the real server: each step notices what has
 * happened. Skipped where there is no browser.
 */
#include "tests/kit/page.h"
#include "tests/kit/suite.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The step that is shown is this one, and has no answer yet. */
static void expect_step(struct page *page, int number, int of)
{
    expect_text(page, "tour-title", suite_text("Tour, step %d of %d", number, of));
    expect_text(page, "tour-answer", "");
}

/* Wait until the step has noticed. @param answer  a regular expression */
static void expect_answer(struct page *page, const char *answer)
{
    expect(page, suite_text("/%s/.test(document.querySelector('#tour-answer').innerText) && "
                            "'done' in document.querySelector('#tour').dataset",
                            answer));
}

static void go_on(struct page *page, int number, int of)
{
    browser_click(&page->browser, "#tour-next");
    expect_step(page, number, of);
}

/* The button that the step asks for is marked, and no other. */
static void expect_marked(struct page *page, const char *selector)
{
    expect(page, suite_text("((marked) => marked.length == 1 && marked[0].matches('%s'))"
                            "(document.querySelectorAll('[data-target]'))",
                            selector));
}

/* Run what the page says to type, where the programs are. */
static void type_it(struct page *page)
{
    const char *command =
        browser_text(&page->browser, "return document.querySelector('#tour-command').innerText");

    ck_assert_ptr_nonnull(strstr(command, "./echo-client --port "));
    ck_assert_int_eq(system(suite_text("cd '%s' && %s --quiet", build_folder(), command)), 0);
}

CASE("The tour")
TIME_LIMIT(BROWSER_TIME_LIMIT)

/* Eight steps of a pool, by the buttons alone. */
TEST(played_with_buttons)
{
    struct page page =
        page_open(ARGUMENTS("--workers", "2", "--queue", "6", "--admin", "0", "--admin-control"));
    struct outcome outcome;

    browser_click(&page.browser, "#tour-open");
    expect_step(&page, 1, 8);
    expect(&page, "document.activeElement.id == 'tour-title'");
    expect_marked(&page, "#send-one");
    expect_text(&page, "tour-command", "");
    browser_click(&page.browser, "#send-one");
    expect_answer(&page, "counted as served: 1");

    go_on(&page, 2, 8);
    expect_marked(&page, "#send-silent");
    browser_click(&page.browser, "#send-silent");
    expect_answer(&page, "waits for bytes, for [0-9.]+ s already");

    go_on(&page, 3, 8);
    browser_click(&page.browser, "#send-ten");
    /* Six, and those that a worker has taken and not begun to serve. */
    expect_answer(&page, "[1-8] waits? in the queue");

    go_on(&page, 4, 8);
    expect_marked(&page, "#more");
    for (int twice = 0; twice < 2; twice++)
        browser_click(&page.browser, "#more");
    expect_answer(&page, "There are 4 workers");

    /* A visitor may still wait in the kernel: then this step has its answer from the beginning on. */
    browser_click(&page.browser, "#tour-next");
    expect_text(&page, "tour-title", "Tour, step 5 of 8");
    for (int twice = 0; twice < 2; twice++)
        browser_click(&page.browser, "#send-ten");
    expect_answer(&page, "Accepting is paused: [0-9]+ waits? in the kernel");

    go_on(&page, 6, 8);
    browser_click(&page.browser, "#pause");
    browser_click(&page.browser, "#send-one");
    expect_answer(&page, "Only the kernel: [1-9]");

    go_on(&page, 7, 8);
    browser_click(&page.browser, "#pause");
    expect_answer(&page, "accepts them: [0-9]+ so far");

    go_on(&page, 8, 8);
    expect(&page, "document.querySelectorAll('[data-target]').length == 0");
    kill(page.kit.program.pid, SIGTERM);
    expect_answer(&page, "accepts no more. [0-9]+ (is|are) here");
    outcome = program_wait(&page.kit.program);
    ck_assert_int_eq(outcome.status, 0);
    expect_text(&page, "status", "ended: the server has stopped");
    ck_assert_str_eq(browser_complaints(&page.browser), "");
    browser_close(&page.browser);
}

/* Without --admin-control there are commands for a terminal; what they do is noticed as well. */
TEST(played_in_a_terminal)
{
    struct page page = page_open(ARGUMENTS("--workers", "1", "--queue", "2", "--admin", "0"));
    int fds[2];

    browser_click(&page.browser, "#tour-open");
    expect_step(&page, 1, 6);
    expect(&page, "document.querySelectorAll('[data-target]').length == 0");
    expect_text(&page, "tour-do", "In a terminal, type");
    type_it(&page);
    expect_answer(&page, "counted as served: 1");

    go_on(&page, 2, 6);
    expect(&page,
           "/^nc 127.0.0.1 [0-9]+$/.test(document.querySelector('#tour-command').innerText)");
    fds[0] = kit_connect(&page.kit);
    expect_answer(&page, "waits for bytes");

    go_on(&page, 3, 6);
    fds[1] = kit_connect(&page.kit);
    expect_answer(&page, "1 waits in the queue");

    go_on(&page, 4, 6);
    expect_text(&page, "tour-do", "In a terminal, type twice");
    expect_text(&page, "tour-command", "pkill -TTIN echo-server");
    for (int twice = 0; twice < 2; twice++) {
        kit_signal(&page.kit, SIGTTIN);
        expect_text(&page, "workers-of", twice == 0 ? "of 2 busy" : "of 3 busy");
    }
    expect_answer(&page, "There are 3 workers. Of 1 that waited, 0 still wait");
    /* One after the other: two signals at once are one. */
    for (int twice = 0; twice < 2; twice++) {
        kit_signal(&page.kit, SIGTTOU);
        expect_text(&page, "workers-of", twice == 0 ? "of 2 busy" : "of 1 busy");
    }
    /* Back at a step, its question is asked again. */
    browser_click(&page.browser, "#tour-back");
    expect_step(&page, 3, 6);
    browser_click(&page.browser, "#tour-close");
    expect(&page,
           "document.querySelector('#tour').hidden && document.activeElement.id == 'tour-open'");
    close_all(fds, 2);
    expect_text(&page, "sum-in-flight", "0");
    page_close(&page, NULL);
}

/* What a model cannot show is not asked for. */
static const struct {
    const char *model;
    const char *hold;
    const char *steps;
} tours[] = {
    {"iterative", "session", "one silent queue pause again stop"},
    {"thread", "session", "one silent own pause again stop"},
    {"fork", "session", "one silent own pause again stop"},
    {"thread-pool", "session", "one silent queue more full pause again stop"},
    {"thread-pool", "message", "one silent loops pause again stop"},
    {"process-pool", "session", "one silent queue more full pause again stop"},
    {"event", "session", "one silent loops pause again stop"},
};

LOOP_TEST(steps_of_every_model, COUNT_OF(tours))
{
    struct page page = page_open(ARGUMENTS("--model", tours[_i].model, "--hold", tours[_i].hold,
                                           "--admin", "0", "--admin-control"));

    browser_click(&page.browser, "#tour-open");
    ck_assert_str_eq(
        browser_text(&page.browser, "return tour.steps.map((step) => step.name).join(' ')"),
        tours[_i].steps);
    page_close(&page, NULL);
}

/* The answers of models without a queue. */
TEST(each_its_own)
{
    struct page page = page_open(ARGUMENTS("--model", "thread", "--admin", "0", "--admin-control"));

    browser_click(&page.browser, "#tour-open");
    browser_click(&page.browser, "#tour-next");
    browser_click(&page.browser, "#tour-next");
    expect_step(&page, 3, 6);
    browser_click(&page.browser, "#send-ten");
    expect_answer(&page, "One for each client: 10. Nothing stops them before there are [0-9,]+");
    page_close(&page, NULL);
}

TEST(many_in_a_loop)
{
    struct page page = page_open(
        ARGUMENTS("--model", "event", "--workers", "1", "--admin", "0", "--admin-control"));

    browser_click(&page.browser, "#tour-open");
    browser_click(&page.browser, "#tour-next");
    browser_click(&page.browser, "#send-silent");
    expect_answer(&page, "Loop 0 serves others meanwhile");
    go_on(&page, 3, 6);
    browser_click(&page.browser, "#send-ten");
    expect_answer(&page, "1[01] are here, and 1 are? enough");
    page_close(&page, NULL);
}

/* Each policy for a full queue has its own answer. */
LOOP_TEST(full_queues, 3)
{
    static const char *const policies[] = {"reject", "drop-oldest", "caller-runs"};
    static const char *const answers[] = {"It gets BUSY at once: [1-9]",
                                          "The one that has waited longest makes room",
                                          "The accept loop serves it itself"};
    struct page page = page_open(ARGUMENTS("--workers", "1", "--queue", "1", "--on-full",
                                           policies[_i], "--admin", "0", "--admin-control"));

    browser_click(&page.browser, "#tour-open");
    for (int step = 2; step <= 5; step++)
        go_on(&page, step, 8);
    browser_click(&page.browser, "#send-ten");
    expect_answer(&page, answers[_i]);
    page_close(&page, NULL);
}

int main(void)
{
    return page_suite_run();
}
