/* SPDX-License-Identifier: MIT */
/* The live page, opened in a browser over a real server: see page.h. */
#include "tests/kit/page.h"
#include "common/clock.h"
#include "tests/kit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int page_suite_run(void)
{
    const char *why;

    if (browser_is_there(&why))
        return suite_run();
    printf("1..0 # SKIP %s\n", why);
    return EXIT_SUCCESS;
}

void page_look(struct page *page)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)page->admin);
    browser_go(&page->browser, url);
    browser_wait(&page->browser, "document.querySelector('#status').dataset.status == 'live'");
}

struct page page_open(const char *const arguments[])
{
    struct page page = {.kit = kit_start(arguments)};

    page.admin = kit_admin_port(&page.kit);
    browser_open(&page.browser);
    browser_resize(&page.browser, 1600, 900);
    page_look(&page);
    return page;
}

void page_close(struct page *page, const char *complaint)
{
    ck_assert_str_eq(browser_complaints(&page->browser), "");
    browser_close(&page->browser);
    kit_finish(&page->kit, true, complaint);
}

void expect_text(struct page *page, const char *id, const char *text)
{
    char expression[500];

    snprintf(expression, sizeof expression,
             "document.getElementById('%s').innerText.trim() == '%s'", id, text);
    browser_wait(&page->browser, expression);
}

void expect(struct page *page, const char *expression)
{
    browser_wait(&page->browser, expression);
}

void connect_all(struct page *page, int fds[], int count, int served)
{
    for (int i = 0; i < count; i++) {
        fds[i] = kit_connect(&page->kit);
        if (i < served)
            tcp_echo(fds[i], "a", 1, true);
    }
}

void expect_nothing(struct page *page, const char *script)
{
    int64_t until_ns = browser_patience_ns(&page->browser);
    char *found;

    do
        found = browser_text(&page->browser, script);
    while (found[0] != '\0' && clock_now_ns() < until_ns);
    ck_assert_str_eq(found, "");
}

void take_picture(struct page *page, const char *name)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/tests/page-%s.png", build_folder(), name);
    browser_shot(&page->browser, path);
}
