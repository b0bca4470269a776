/* SPDX-License-Identifier: MIT */
/*
 * The languages of the live page: by the browser's and by a switch, with all texts in one table for each. Skipped
 * where there is no browser.
 */
#include "tests/kit/page.h"
#include "tests/kit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Texts in which a word stands that is not of this language. Names, units and words of the trade are both's. */
static const char other_words[] =
    "const chinese = document.documentElement.lang == 'zh-CN';"
    "const both = "
    "/echo-(server|client)|thread-pool|process-pool|iterative|prefork|io-uring|[Rr]ing|thread|fork|"
    "event|hold "
    "message|"
    "127\\.0\\.0\\.1:\\d+|unix:\\S*|\\/stats\\.json|\\/metrics|--admin-control|--tls-ca|\\.\\/"
    "echo-client "
    ".*|nc .*|pkill .*|lessons\\/\\S+|[Ww]orker|backlog|BUSY|CPU|PROXY|TLS|accept|Ctrl-C|p50|p99|"
    "\\b(ms|s|KB|MB|GB|TB|B)\\b|\\d+[smh]\\b/g;"
    "const wrong = chinese ? /[A-Za-z]/ : /[\\u3000-\\uffef]/;"
    "const found = [];"
    "const look = (text, where) => { if (wrong.test(chinese ? text.replace(both, '') : text)) "
    "  found.push(`${where}: ${text}`); };"
    "const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);"
    "for (let node; (node = walk.nextNode());) {"
    "  if (!node.parentElement.closest('script, style, #language')) "
    "look(node.data, node.parentElement.id || node.parentElement.className); }"
    "for (const e of document.querySelectorAll('[aria-label]')) look(e.ariaLabel, 'label');"
    "return found.join('\\n');";

CASE("The tables")
TIME_LIMIT(BROWSER_TIME_LIMIT)

/* The same keys, and the same values in each text. */
TEST(same_keys)
{
    struct page page = page_open(ARGUMENTS("--admin", "0"));

    ck_assert_str_eq(
        browser_text(
            &page.browser,
            "const keys = (name) => Object.keys(TEXTS[name]).sort();"
            "const gaps = (text) => [...new Set(text.match(/\\{\\d\\}/g))].sort().join();"
            "return Object.keys(TEXTS).map((name) => keys(name).filter((key) => "
            "  !(key in TEXTS.en)).concat(keys('en').filter((key) => !(key in TEXTS[name]) || "
            "  gaps(TEXTS.en[key]) != gaps(TEXTS[name][key])))).flat().join('\\n')"),
        "");
    page_close(&page, NULL);
}

/* What the elements ask for is there. */
TEST(no_key_is_missing)
{
    struct page page = page_open(ARGUMENTS("--admin", "0"));

    ck_assert_str_eq(
        browser_text(
            &page.browser,
            "return [...document.querySelectorAll('[data-text], [data-label]')].flatMap((e) => "
            "[e.dataset.text, e.dataset.label]).filter((key) => key && !(key in TEXTS.en))"
            ".join('\\n')"),
        "");
    page_close(&page, NULL);
}

CASE("Two languages")
TIME_LIMIT(BROWSER_TIME_LIMIT)

/* The page is in the browser's language; the switch is remembered. */
TEST(chosen)
{
    struct page page = page_open(ARGUMENTS("--admin", "0"));

    expect(&page, "document.documentElement.lang == 'en'");
    browser_speak(&page.browser, "zh-CN,zh,en");
    page_look(&page);
    expect(&page, "document.documentElement.lang == 'zh-CN'");
    expect(&page, "document.querySelector('#queue h2').innerText == '队列'");
    expect(&page, "document.querySelector('#words').innerText.includes('占住一个会话直到它结束')");
    browser_click(&page.browser, "#language");
    expect(&page, "document.documentElement.lang == 'en'");
    expect(&page, "document.querySelector('#queue h2').innerText == 'Queue'");
    expect(&page, "document.querySelector('#words').innerText.includes('until it ends')");
    page_look(&page);
    expect(&page, "document.documentElement.lang == 'en'");
    page_close(&page, NULL);
}

/* A language that there is none of is English. */
TEST(another_language)
{
    struct page page = page_open(ARGUMENTS("--admin", "0"));

    browser_speak(&page.browser, "fr-FR,fr");
    page_look(&page);
    expect(&page, "document.documentElement.lang == 'en'");
    page_close(&page, NULL);
}

/* No text stands outside of the tables, under any model, with sessions of all kinds, and in the tour. */
LOOP_TEST(all_of_the_page, MODELS)
{
    struct page page = page_open(MODEL("--workers", "2", "--queue-timeout", "0", "--per-source",
                                       "50", "--delay", "1ms", "--admin", "0", "--admin-control"));
    int fds[6];

    connect_all(&page, fds, 6, 1);
    expect(&page, "+document.querySelector('#sum-accepted').innerText >= 1");
    for (int language = 0; language < 2; language++) {
        browser_click(&page.browser, "#language");
        expect_nothing(&page, other_words);
    }
    browser_click(&page.browser, "#language");
    browser_click(&page.browser, "#tour-open");
    ck_assert_str_eq(
        browser_text(
            &page.browser,
            suite_text("const wrong = () => { %s }; const all = [];"
                       "for (const at of tour.steps.keys()) { goTo(at); all.push(wrong()); }"
                       "return all.join('')",
                       other_words)),
        "");
    close_all(fds, 6);
    expect(&page, "document.querySelector('#sum-in-flight').innerText == '0'");
    page_close(&page, NULL);
}

int main(void)
{
    return page_suite_run();
}
