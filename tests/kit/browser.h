/* SPDX-License-Identifier: MIT */
/**
 * @file browser.h
 * A real browser for the tests of the live page: Debian's Chromium without a window, driven through
 * chromedriver by the WebDriver protocol (W3C), which is HTTP and JSON.
 *
 * chromedriver is started on a port that it picks; it starts Chromium and holds a pipe to it, so
 * that both are gone when the test is, however it ends. Everything here fails the running Check
 * test when it cannot do its work. Nothing here waits for ever: what takes too long fails the test with a
 * sentence that says what was waited for, before Check would kill it at its time limit, which says nothing.
 */
#ifndef TESTS_KIT_BROWSER_H
#define TESTS_KIT_BROWSER_H

#include "tests/kit/harness.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** The time limit of a test with a browser, for TIME_LIMIT(); the sentence comes a minute earlier. */
enum { BROWSER_TIME_LIMIT = 420 };

struct browser {
    struct program driver;
    int64_t until_ns; /**< when the test has taken too long */
    uint16_t port;    /**< of chromedriver */
    char path[120];   /**< "/session/..." */
    char *log;        /**< what the pages have complained of so far */
};

/** Whether there is a browser on this machine. *why says what is missing. */
bool browser_is_there(const char **why);

/** Start one. Clear it with browser_close(). */
void browser_open(struct browser *browser);
void browser_close(struct browser *browser);

/** Go to a page and wait until it has been loaded. */
void browser_go(struct browser *browser, const char *url);

/** Run the body of a function of JavaScript in the page. @return what it returns, to be released */
json_t *browser_run(struct browser *browser, const char *script);

/** The same for one that returns text. */
char *browser_text(struct browser *browser, const char *script);

/**
 * Ask until an expression of JavaScript is true; one that fails is not true yet. After two minutes the test fails,
 * with the expression and what the page shows.
 */
void browser_wait(struct browser *browser, const char *expression);

/** When to stop waiting for a condition that begins to be waited for now, by clock.h. */
int64_t browser_patience_ns(const struct browser *browser);

/** Click on the first element that a CSS selector finds, as a person would. */
void browser_click(struct browser *browser, const char *selector);

/** Have a window of this size, in pixels. */
void browser_resize(struct browser *browser, unsigned width, unsigned height);

/** Prefer this of "dark" and "light", with or without motion. */
void browser_prefer(struct browser *browser, const char *scheme, bool reduced_motion);

/** Prefer these languages from the next page on: "zh-CN,zh". */
void browser_speak(struct browser *browser, const char *languages);

/** Write a picture of the whole page (PNG), also of what one would have to scroll to. */
void browser_shot(struct browser *browser, const char *file);

/**
 * What the pages have complained of: scripts that failed, what a policy has refused. That a server
 * was not there is none of it. "" where nothing was.
 */
const char *browser_complaints(struct browser *browser);

#endif /* TESTS_KIT_BROWSER_H */
