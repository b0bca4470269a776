/* SPDX-License-Identifier: MIT */
/**
 * @file page.h
 * What the tests of the live page share: a real server, a browser, and the page in it.
 *
 * Everything that is expected of the page is waited for, since it learns of the server four times a
 * second. What is not so after two minutes fails the running Check test.
 */
#ifndef TESTS_KIT_PAGE_H
#define TESTS_KIT_PAGE_H

#include "tests/kit/browser.h"
#include "tests/kit/server.h"

#include <stdint.h>

struct page {
    struct kit kit;
    struct browser browser;
    uint16_t admin; /**< the port that the page is on */
};

/** Run the suite, or skip it where there is no browser. @return an exit status */
int page_suite_run(void);

/** Start a server, which needs --admin 0, and a browser, and open the page in it. */
struct page page_open(const char *const arguments[]);

/** Open or reload the page, and wait until it is live. */
void page_look(struct page *page);

/**
 * Close both. Nothing has gone wrong in the page, and nothing in the server.
 *
 * @param complaint  what the server must have said on standard error; NULL: nothing
 */
void page_close(struct page *page, const char *complaint);

/** Wait until the text of the element with this id is exactly this. */
void expect_text(struct page *page, const char *id, const char *text);

/** Wait until an expression of JavaScript is true. */
void expect(struct page *page, const char *expression);

/** Wait until the body of a function of JavaScript, which returns what is wrong, returns "". */
void expect_nothing(struct page *page, const char *script);

/** Connect `count` clients, the first `served` of which have had an echo. Close them with close_all(). */
void connect_all(struct page *page, int fds[], int count, int served);

/** Leave a picture in tests/ of the build tree, as page-NAME.png, for people to look at. */
void take_picture(struct page *page, const char *name);

#endif /* TESTS_KIT_PAGE_H */
