/* SPDX-License-Identifier: MIT */
/*
 * A new model is one file and one line. extra/echo-server is the server with extra/one-loop.c added
 * to its list of models, and whatever shows a model shows this one.
 */
#include "tests/kit/http.h"
#include "tests/kit/page.h"
#include "tests/kit/server.h"
#include "tests/kit/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SENTENCE "1 loop, it serves all sessions by turns"

static const char *const arguments[] = {"--model", "one-loop", "--workers", "1",
                                        "--admin", "0",        NULL};

/* Have the kit start extra/echo-server. */
static void use_the_extra_server(void)
{
    const char *path = suite_text("%s/tests/server/extra", build_folder());

    ck_assert_int_eq(setenv("TOP_BUILDDIR", path, 1), 0);
}

CASE_WITH("Core", use_the_extra_server, NULL)

TEST(help_lists_it)
{
    struct outcome outcome = program_run(ARGUMENTS("echo-server", "--help"), NULL);
    const char *model = strstr(outcome.out, "--model");

    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_nonnull(model);
    ck_assert_ptr_nonnull(strstr(model, "one-loop"));
    outcome = program_run(ARGUMENTS("echo-server", "--model", "two-loops"), NULL);
    ck_assert_int_eq(outcome.status, 2);
    ck_assert_ptr_nonnull(strstr(outcome.err, "one-loop"));
}

TEST(it_serves_and_is_reported)
{
    struct kit kit = kit_start(arguments);
    uint16_t port = kit_admin_port(&kit);
    char *text = http_body(port, "/stats.json", 200);
    json_t *stats = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *serving = json_object_get(stats, "serving");
    int fd = kit_connect(&kit);

    ck_assert_str_eq(json_string_value(json_object_get(stats, "model")), "one-loop");
    ck_assert_str_eq(json_string_value(json_object_get(serving, "unit")), "loop");
    ck_assert_str_eq(json_string_value(json_object_get(serving, "title")), "The only loop");
    json_decref(stats);
    text = http_body(port, "/metrics", 200);
    ck_assert_ptr_nonnull(strstr(text, "model=\"one-loop\""));
    text = http_body(port, "/", 200);
    ck_assert_ptr_nonnull(strstr(text, "echo-server --model one-loop\n"));
    ck_assert_ptr_nonnull(strstr(program_output(&kit.program), "model one-loop: loops 1, "));
    tcp_echo(fd, "a", 1, true);
    close(fd);
    kit_finish(&kit, true, NULL);
}

CASE_WITH("Browser", use_the_extra_server, NULL)
TIME_LIMIT(300)

TEST_IF(the_page_shows_it, browser_is_there(&(const char *){NULL}))
{
    struct page page = page_open(arguments);
    int fd = kit_connect(&page.kit);

    tcp_echo(fd, "a", 1, true);
    expect_text(&page, "model", "one-loop");
    expect_text(&page, "workers-title", "The only loop");
    expect_text(&page, "workers-of", "session in 1 loop");
    expect(&page, "document.querySelector('#words').innerText.startsWith('" SENTENCE "')");
    expect(&page, "document.querySelector('.box .name').innerText == 'loop 0'");
    expect(&page, "document.querySelectorAll('.crew i').length == 1");
    close(fd);
    page_close(&page, NULL);
}
