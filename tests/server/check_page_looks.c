/* SPDX-License-Identifier: MIT */
/*
 * What the live page looks like in a real browser: at all sizes, dark and light, with few sessions and with
 * many; and whether it can be used without a mouse, without eyes, and without motion.
 *
 * Pictures are left in tests/ of the build tree, as page-*.png. Skipped where there is no browser.
 */
#include "tests/kit/page.h"
#include "tests/kit/suite.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

CASE("At all sizes")
TIME_LIMIT(BROWSER_TIME_LIMIT)

static const struct {
    unsigned width;
    unsigned height;
} sizes[] = {{1920, 1080}, {1366, 768}, {1366, 620}, {1280, 720}, {1024, 768}, {390, 844}};

/* In a window of this width or more all of the page is in the window. */
enum { WIDE = 1000 };

static const char *const schemes[] = {"dark", "light"};

/* Elements with letters that the last row cannot read: nothing is smaller than 12 pixels. */
static const char too_small[] =
    "return [...document.querySelectorAll('body *')].filter((e) => e.offsetParent && "
    "[...e.childNodes].some((n) => n.nodeType == 3 && n.data.trim()) && "
    "!e.closest('.unseen, svg, .dots[data-crowd=\"3\"], .dots[data-crowd=\"4\"], "
    ".boxes[data-crowd=\"6\"]') && "
    "parseFloat(getComputedStyle(e).fontSize) < 12).map((e) => e.outerHTML).join('\\n')";

/*
 * Texts that are not whole, with the longest that can come in their places: each must be within all that
 * cuts it off and within its own frame, and not upon another. And lists that do not fit into their room.
 */
static const char cut_off[] =
    "const put = (selector, ...texts) => document.querySelectorAll(selector).forEach((e, i) => {"
    "  e.textContent = texts[i % texts.length]; changed.push(e); });"
    "const changed = [];"
    "const longest = (keys) => Object.entries(TEXTS[language]).filter(([key]) => keys.test(key))"
    "  .map(([, text]) => text.split('|').pop().replace(/\\{\\d\\}/g, '4,096'))"
    "  .sort((a, b) => b.length - a.length)[0];"
    "put('#tour-answer', "
    "longest(/^tour_.*_(done|held|loop|parked|backlog|pause|caller|reject|oldest)$/));"
    "put('.boxes:not([data-loops]):is([data-crowd=\"0\"], [data-crowd=\"1\"], [data-crowd=\"2\"], "
    "[data-crowd=\"3\"]) .state', say('working'));"
    "put('.boxes:not([data-loops]) .who', '#123456 59 min');"
    "put('#chart-wait .reading b, #chart-service .reading b', '2.5\u201310 s', '30\u201360 s');"
    "put('#chart-echoes .reading b, #chart-sessions .reading b', '123,456', 'now, mean 123,456');"
    "const seen = (e) => e.checkVisibility() && !e.closest('.unseen, .skip, .ghost') && "
    "  parseFloat(getComputedStyle(e).fontSize) > 0;"
    "const inside = (r, b) => r.left > b.left - 1.5 && r.right < b.right + 1.5 && "
    "  r.top > b.top - 1.5 && r.bottom < b.bottom + 1.5;"
    "const found = [], texts = [];"
    "const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);"
    "for (let node; (node = walk.nextNode());) {"
    "  const parent = node.parentElement;"
    "  if (!node.data.trim() || !seen(parent) || parent.closest('script, style')) continue;"
    "  const range = document.createRange(); range.selectNodeContents(node);"
    "  const frame = parent.closest('.box, .dot, .term, .bin, figure, .stage, .panel, button, "
    "    header, footer, main');"
    "  for (const r of range.getClientRects()) {"
    "    if (r.width < 1) continue;"
    "    texts.push([node, r]);"
    "    for (let e = parent; e; e = e.parentElement) {"
    "      const clips = getComputedStyle(e).overflow != 'visible' && e != document.body && "
    "        e != document.documentElement;"
    "      if ((clips || e == frame) && !inside(r, e.getBoundingClientRect()))"
    "        found.push(`${node.data} sticks out of ${e.id || e.className || e.tagName}`);"
    "    }"
    "  }"
    "}"
    "for (let i = 0; i < texts.length; i++) for (let k = 0; k < i; k++) {"
    "  const [a, r] = texts[i], [b, q] = texts[k];"
    "  if (a != b && Math.min(r.right, q.right) - Math.max(r.left, q.left) > 2 && "
    "      Math.min(r.bottom, q.bottom) - Math.max(r.top, q.top) > 4)"
    "    found.push(`${a.data} is upon ${b.data}`);"
    "}"
    "for (const e of document.querySelectorAll('.reading span'))"
    "  if (e.firstChild.textContent && e.firstChild.offsetTop + e.firstChild.offsetHeight < "
    "    e.lastChild.offsetTop) found.push(`${e.textContent}: the figure has left its name`);"
    "for (const e of changed) e.textContent = e.shown;"
    "for (const e of document.querySelectorAll('.dots, .boxes'))"
    "  if (e.checkVisibility() && (e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > "
    "e.clientWidth + 1))"
    "    found.push(`${e.id} has ${e.scrollHeight} pixels in ${e.clientHeight}`);"
    "return [...new Set(found)].slice(0, 20).join('\\n');";

/*
 * Elements whose letters stand out too little from what is behind them: WCAG's formula, 4.5 to 1, or
 * 3 to 1 for large letters. What is disabled need not be read.
 */
static const char too_faint[] =
    "const parts = (c) => { const n = c.match(/[0-9.e-]+/g).map(Number);"
    "  return c.startsWith('color') ? [n[0] * 255, n[1] * 255, n[2] * 255, n[3] ?? 1] : [...n, "
    "1].slice(0, 4); };"
    "const behind = (e) => { for (; e; e = e.parentElement) {"
    "  const c = parts(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; }"
    "  return [255, 255, 255]; };"
    "const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : "
    "  ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };"
    "return [...document.querySelectorAll('body *')].filter((e) => {"
    "  if (!e.offsetParent || e.closest('.unseen, .skip, [aria-disabled=true]') || "
    "    ![...e.childNodes].some((n) => n.nodeType == 3 && n.data.trim())) return false;"
    "  const style = getComputedStyle(e), size = parseFloat(style.fontSize);"
    "  if (size == 0) return false;"
    "  const [a, b] = [light(parts(style.color)), light(behind(e))].sort((x, y) => y - x);"
    "  const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);"
    "  return (a + 0.05) / (b + 0.05) < (large ? 3 : 4.5);"
    "}).map((e) => e.outerHTML).join('\\n')";

/* Nothing sticks out to the right, nothing is cut off; and in a wide window all of it is there at once. */
static void fits(struct page *page, unsigned width)
{
    expect(page, "document.documentElement.scrollWidth <= innerWidth");
    if (width >= WIDE)
        expect(page, "document.documentElement.scrollHeight <= innerHeight");
    expect_nothing(page, cut_off);
}

/* All sizes in both schemes; and letters can be read. */
static void look_at_all_sizes(struct page *page, const char *scene)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof schemes / sizeof *schemes; k++) {
            browser_prefer(&page->browser, schemes[k], false);
            browser_resize(&page->browser, sizes[i].width, sizes[i].height);
            fits(page, sizes[i].width);
            expect_nothing(page, too_small);
            expect_nothing(page, too_faint);
            const char *name =
                suite_text("%s-%ux%u-%s", scene, sizes[i].width, sizes[i].height, schemes[k]);
            take_picture(page, name);
        }
}

/* A server with something of everything, at the sizes of a projector, a small window and a phone. */
TEST(sizes_and_schemes)
{
    struct page page = page_open(ARGUMENTS("--workers", "4", "--queue", "6", "--on-full", "reject",
                                           "--delay", "5ms", "--admin", "0", "--admin-control"));
    int fds[10];

    for (int i = 0; i < 20; i++) {
        int fd = kit_connect(&page.kit);
        tcp_echo(fd, "seen", 4, true);
        if (i % 10 == 0)
            tcp_reset(fd);
        else
            close(fd);
    }
    connect_all(&page, fds, 10, 4);
    expect_text(&page, "queue-depth", "6");
    for (int i = 0; i < 3; i++)
        expect_busy(kit_connect(&page.kit));
    expect_text(&page, "out-rejected", "3");
    expect_text(&page, "out-failed", "2");
    expect(&page, "document.querySelector('#queue-dots .dot').dataset.age >= 1");
    look_at_all_sizes(&page, "mixed");
    close_all(fds, 10);
    expect_text(&page, "sum-in-flight", "0");
    page_close(&page, NULL);
}

/* What a class may have before it: each model, few and many workers, few and many sessions. */
static const struct {
    const char *name;
    const char *arguments[12];
    int sessions;
    int served; /* of them; the others wait somewhere */
} scenes[] = {
    {"iterative", {"--model", "iterative"}, 20, 1},
    {"event", {"--model", "event", "--workers", "4"}, 30, 30},
    {"event-300", {"--model", "event", "--workers", "2"}, 300, 300},
    {"thread", {"--model", "thread"}, 50, 50},
    {"pool-4", {"--workers", "4", "--queue-timeout", "20m", "--per-source", "100"}, 14, 4},
    {"pool-32", {"--workers", "32"}, 44, 32},
    {"pool-200", {"--workers", "200", "--queue", "100"}, 250, 200},
    {"pool-1000-sessions", {"--workers", "4", "--queue", "1000"}, 1000, 4},
    {"hold-message", {"--workers", "4", "--hold", "message"}, 60, 60},
};
enum { SESSIONS_MOST = 1000 };

LOOP_TEST(every_scene_is_whole, COUNT_OF(scenes))
{
    const char *arguments[20] = {"--admin", "0", "--admin-control", "--idle-timeout", "0"};
    static int fds[SESSIONS_MOST];
    struct rlimit limit;
    struct page page;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (size_t i = 0; scenes[_i].arguments[i] != NULL; i++)
        arguments[5 + i] = scenes[_i].arguments[i];
    page = page_open(arguments);
    connect_all(&page, fds, scenes[_i].sessions, scenes[_i].served);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        browser_resize(&page.browser, sizes[i].width, sizes[i].height);
        browser_prefer(&page.browser, schemes[i % 2], true);
        fits(&page, sizes[i].width);
        expect_nothing(&page, too_small);
        take_picture(&page,
                     suite_text("%s-%ux%u", scenes[_i].name, sizes[i].width, sizes[i].height));
    }
    close_all(fds, scenes[_i].sessions);
    page_close(&page, NULL);
}

/* In Chinese, and each step of the tour with its longest answer, in both languages. */
LOOP_TEST(the_tour_is_whole, 2)
{
    struct page page = page_open(ARGUMENTS("--workers", "4", "--queue", "6", "--admin", "0",
                                           "--admin-control", "--per-source", "100"));
    int fds[10];
    json_int_t steps;

    if (_i == 1)
        browser_click(&page.browser, "#language");
    connect_all(&page, fds, 10, 4);
    expect_text(&page, "queue-depth", "6");
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        browser_resize(&page.browser, sizes[i].width, sizes[i].height);
        browser_prefer(&page.browser, schemes[i % 2], true);
        fits(&page, sizes[i].width);
        take_picture(&page, suite_text("language-%d-%ux%u", _i, sizes[i].width, sizes[i].height));
    }
    browser_click(&page.browser, "#tour-open");
    steps = json_integer_value(browser_run(&page.browser, "return tour.steps.length"));
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        browser_resize(&page.browser, sizes[i].width, sizes[i].height);
        browser_prefer(&page.browser, schemes[i % 2], true);
        for (int step = 0; step < steps; step++) {
            json_decref(browser_run(&page.browser, suite_text("goTo(%d)", step)));
            fits(&page, sizes[i].width);
        }
        expect_nothing(&page, too_small);
        expect_nothing(&page, too_faint);
        take_picture(&page, suite_text("tour-%d-%ux%u", _i, sizes[i].width, sizes[i].height));
    }
    close_all(fds, 10);
    page_close(&page, NULL);
}

CASE("For everybody")
TIME_LIMIT(BROWSER_TIME_LIMIT)

/* The switch of colours: as the system has them, dark, light; and it is remembered. */
TEST(colours_can_be_chosen)
{
    static const char ground[] = "getComputedStyle(document.body).backgroundColor";
    struct page page = page_open(ARGUMENTS("--admin", "0"));
    char expression[200];

    browser_prefer(&page.browser, "light", true);
    expect_text(&page, "theme", "Colours: auto");
    snprintf(expression, sizeof expression, "%s == 'rgb(238, 241, 245)'", ground);
    expect(&page, expression);
    browser_click(&page.browser, "#theme");
    expect_text(&page, "theme", "Colours: dark");
    snprintf(expression, sizeof expression, "%s == 'rgb(12, 16, 22)'", ground);
    expect(&page, expression);
    page_look(&page);
    expect_text(&page, "theme", "Colours: dark");
    expect(&page, expression);
    page_close(&page, NULL);
}

/* Who wants no motion sees none; others see who moves. */
TEST(motion_is_a_choice)
{
    static const char count[] = "window.flights = 0; const animate = Element.prototype.animate;"
                                "Element.prototype.animate = function (...how) {"
                                "  window.flights++; return animate.apply(this, how); }";
    struct page page = page_open(ARGUMENTS("--admin", "0"));

    for (int reduced = 0; reduced < 2; reduced++) {
        int fd;
        browser_prefer(&page.browser, "dark", reduced);
        page_look(&page);
        json_decref(browser_run(&page.browser, count));
        fd = kit_connect(&page.kit);
        tcp_echo(fd, "a", 1, true);
        expect_text(&page, "sum-in-flight", "1");
        close(fd);
        expect_text(&page, "sum-in-flight", "0");
        expect(&page, reduced ? "flights == 0" : "flights > 0");
    }
    page_close(&page, NULL);
}

/* All comes from this server, and nothing else could: the policy is kept to, and forbids it. */
TEST(no_request_elsewhere)
{
    struct page page = page_open(ARGUMENTS("--admin", "0", "--admin-control"));

    expect(&page, "performance.getEntriesByType('resource').every((e) => "
                  "e.name.startsWith(location.origin + '/') || e.name.startsWith('data:'))");
    json_decref(browser_run(&page.browser, "document.addEventListener('securitypolicyviolation', "
                                           "(e) => { window.violated = e.effectiveDirective; });"
                                           "new Image().src = location.origin + '/stats.json';"));
    expect(&page, "window.violated == 'img-src'");
    /* Of that the browser has complained, as it should: this is no page to close in silence. */
    browser_close(&page.browser);
    kit_finish(&page.kit, true, NULL);
}

/* Everything can be reached and used with the keyboard, and is seen to have the focus. */
TEST(with_the_keyboard)
{
    static const char *const stops[] = {"#theme", "#pause", "#fewer", "#more", "summary"};
    struct page page = page_open(ARGUMENTS("--admin", "0", "--admin-control"));

    expect(&page, "document.querySelector('#more').offsetParent != null");
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        const char *expression = suite_text(
            "((e) => (e.focus(), document.activeElement == e && "
            "getComputedStyle(e).outlineStyle == 'solid'))(document.querySelector('%s'))",
            stops[i]);
        expect(&page, expression);
    }
    expect(&page, "[...document.querySelectorAll('button')].every((b) => b.tabIndex == 0)");
    page_close(&page, NULL);
}

/* Landmarks, one heading of the first order, a name for every button, a place for what is said. */
TEST(the_page_in_a_screen_reader)
{
    struct page page = page_open(ARGUMENTS("--admin", "0", "--admin-control"));

    expect(&page, "document.querySelectorAll('main').length == 1 && "
                  "document.querySelectorAll('header').length == 1 && "
                  "document.querySelectorAll('footer').length == 1 && "
                  "document.querySelectorAll('h1').length == 1");
    expect(&page, "[...document.querySelectorAll('button')].every((b) => "
                  "b.innerText.trim() || b.ariaLabel)");
    expect(&page, "document.documentElement.lang == 'en'");
    expect(&page, "/live sessions?: 0 of 4 busy; 0 in the queue/.test("
                  "document.querySelector('[aria-live=polite]').textContent)");
    expect(&page, "[...document.querySelectorAll('svg[role=img]')].every((s) => s.ariaLabel)");
    /* The first stop of the tabulator leads past the head. */
    expect(&page, "document.querySelector('a, button').getAttribute('href') == '#way'");
    page_close(&page, NULL);
}

int main(void)
{
    return page_suite_run();
}
