/* SPDX-License-Identifier: MIT */
/* The live page, opened in a browser over a real server: see page_kit.h. */
#include "tests/page_kit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void house_look(struct house *house)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)house->admin);
    browser_go(&house->browser, url);
    browser_wait(&house->browser, "document.querySelector('#status').dataset.status == 'live'");
}

struct house house_open(const char *const arguments[])
{
    struct house house = {.kit = kit_start(arguments)};

    house.admin = kit_admin_port(&house.kit);
    browser_open(&house.browser);
    browser_resize(&house.browser, 1600, 900);
    house_look(&house);
    return house;
}

void house_close(struct house *house, const char *complaint)
{
    ck_assert_str_eq(browser_complaints(&house->browser), "");
    browser_close(&house->browser);
    kit_finish(&house->kit, true, complaint);
}

void expect_text(struct house *house, const char *id, const char *text)
{
    char expression[500];

    snprintf(expression, sizeof expression,
             "document.getElementById('%s').innerText.trim() == '%s'", id, text);
    browser_wait(&house->browser, expression);
}

void expect(struct house *house, const char *expression)
{
    browser_wait(&house->browser, expression);
}

void connect_all(struct house *house, int fds[], int count, int served)
{
    for (int i = 0; i < count; i++) {
        fds[i] = kit_connect(&house->kit);
        if (i < served)
            tcp_echo(fds[i], "a", 1, true);
    }
}

void close_all(const int fds[], int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

void expect_nothing(struct house *house, const char *script)
{
    char *found = browser_text(&house->browser, script);

    ck_assert_str_eq(found, "");
    free(found);
}

void take_picture(struct house *house, const char *name)
{
    const char *top = getenv("TOP_BUILDDIR");
    char path[4096];

    snprintf(path, sizeof path, "%s/tests/page-%s.png", top != NULL ? top : ".", name);
    browser_shot(&house->browser, path);
}
