/* SPDX-License-Identifier: MIT */
/* A browser for the tests of the live page: see browser.h. */
#include "tests/kit/browser.h"

#include "common/clock.h"
#include "tests/kit/http.h"
#include "tests/kit/suite.h"

#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The time limit of one command, and of one condition: a loaded machine starts a browser slowly. */
#define PATIENCE_SECONDS 120
#define SECOND_NS        INT64_C(1000000000)

/* chromedriver ends if the port that it was given is taken for IPv6: then it is started again. */
enum { STARTS = 5 };

#define STARTED "was started successfully on port "

/* --- where they are ------------------------------------------------------------------------ */

static const char *first_of(const char *const paths[])
{
    for (size_t i = 0; paths[i] != NULL; i++)
        if (access(paths[i], X_OK) == 0)
            return paths[i];
    return NULL;
}

static const char *driver_path(void)
{
    return first_of((const char *const[]){"/usr/bin/chromedriver",
                                          "/usr/lib/chromium-browser/chromedriver",
                                          "/usr/local/bin/chromedriver", NULL});
}

static const char *chromium_path(void)
{
    return first_of((const char *const[]){"/usr/bin/chromium", "/usr/bin/chromium-browser",
                                          "/usr/bin/google-chrome", NULL});
}

/* Ubuntu has programs of these names that only say what to install. */
static bool runs(const char *path)
{
    char command[128];

    snprintf(command, sizeof command, "%s --version >/dev/null 2>&1", path);
    return system(command) == 0;
}

bool browser_is_there(const char **why)
{
    if (chromium_path() == NULL)
        *why = "there is no Chromium: install chromium";
    else if (driver_path() == NULL)
        *why = "there is no chromedriver: install chromium-driver";
    else if (!runs(chromium_path()))
        *why = "what is called Chromium here does not run: install chromium";
    else if (!runs(driver_path()))
        *why = "what is called chromedriver here does not run: install chromium-driver";
    else
        *why = NULL;
    return *why == NULL;
}

/* --- the protocol -------------------------------------------------------------------------- */

/* Memory for a printf. */
__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    va_start(arguments, format);
    ck_assert_int_ge(vasprintf(&text, format, arguments), 0);
    va_end(arguments);
    return text;
}

int64_t browser_patience_ns(const struct browser *browser)
{
    int64_t until_ns = clock_now_ns() + PATIENCE_SECONDS * SECOND_NS;

    return until_ns < browser->until_ns ? until_ns : browser->until_ns;
}

static int left_ms(int64_t until_ns)
{
    int64_t left_ns = until_ns - clock_now_ns();

    return left_ns > 0 ? (int)(left_ns / 1000000) + 1 : 0;
}

/* One reply over a connection of its own, whose body may be as long as a picture. */
static char *ask(struct browser *browser, const char *method, const char *path, const char *body)
{
    char *request = text_of("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: "
                            "application/json\r\nContent-Length: %zu\r\nConnection: "
                            "close\r\n\r\n%s",
                            method, path, (unsigned)browser->port, strlen(body), body);
    int64_t begun_ns = clock_now_ns();
    int64_t until_ns = browser_patience_ns(browser);
    struct pollfd answer = {.fd = tcp_connect(browser->port), .events = POLLIN};
    int fd = answer.fd;
    struct http_reply reply;

    tcp_send(fd, request, strlen(request));
    free(request);
    /* the reply comes as a whole, when the command has been carried out */
    if (poll(&answer, 1, left_ms(until_ns)) <= 0)
        ck_abort_msg("chromedriver has not answered for %d s: %s %s %.500s",
                     (int)((clock_now_ns() - begun_ns) / SECOND_NS), method, path, body);
    reply = http_read(fd, false);
    close(fd);
    return reply.body;
}

/* A command. @return its value. That it failed fails the test, with what chromedriver says. */
static json_t *command(struct browser *browser, const char *method, const char *what, json_t *body)
{
    char *path = text_of("%s%s", browser->path, what);
    char *request = body == NULL ? strdup("") : json_dumps(body, 0);
    char *reply = ask(browser, method, path, request);
    json_t *object = json_loads(reply, 0, NULL);
    json_t *value = json_incref(json_object_get(object, "value"));
    const char *error = json_string_value(json_object_get(value, "error"));

    ck_assert_msg(object != NULL && error == NULL, "%s %s: %.2000s", path, request, reply);
    json_decref(object);
    json_decref(body);
    free(request);
    free(path);
    return value;
}

static void do_command(struct browser *browser, const char *what, json_t *body)
{
    json_decref(command(browser, "POST", what, body));
}

/* One of the commands of Chromium's own protocol. */
static json_t *chromium_command(struct browser *browser, const char *name, json_t *parameters)
{
    return command(browser, "POST", "/goog/cdp/execute",
                   json_pack("{s:s, s:o}", "cmd", name, "params", parameters));
}

/* --- start and end ------------------------------------------------------------------------- */

/* The port in what chromedriver says. */
static bool has_started(struct browser *browser)
{
    const char *said = strstr(program_output(&browser->driver), STARTED);

    return said != NULL && sscanf(said + strlen(STARTED), "%" SCNu16 ".", &browser->port) == 1;
}

/* Whether all who could write have closed the pipes of its output. */
static bool has_closed(const struct browser *browser)
{
    return browser->driver.out < 0 && browser->driver.err < 0;
}

/* @return false: it has ended without saying where it listens */
static bool start_driver(struct browser *browser)
{
    const char *arguments[] = {driver_path(), "--port=0", NULL};
    int64_t until_ns = browser_patience_ns(browser);

    browser->driver = program_start(arguments);
    while (!has_started(browser)) {
        if (has_closed(browser))
            return false;
        if (clock_now_ns() > until_ns)
            ck_abort_msg("chromedriver has not said its port for %d s, but: %s", PATIENCE_SECONDS,
                         program_output(&browser->driver));
        poll(NULL, 0, 1);
    }
    return true;
}

/* Kill what holds the other end of a pipe: Chromium has processes that may outlive chromedriver. */
static void kill_holders(int pipe_fd)
{
    struct stat held, other;
    DIR *processes = opendir("/proc");

    ck_assert(processes != NULL && fstat(pipe_fd, &held) == 0);
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        /* standard output and error: nothing else of chromedriver's is inherited */
        for (int fd = 1; pid > 1 && pid != getpid() && fd <= 2; fd++) {
            char path[48];
            snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
            if (stat(path, &other) != 0 || other.st_ino != held.st_ino ||
                other.st_dev != held.st_dev)
                continue;
            printf("# process %d held the output of chromedriver, and was killed\n", (int)pid);
            kill(pid, SIGKILL);
            break;
        }
    }
    closedir(processes);
}

/*
 * The processes of Chromium have chromedriver's standard output: that it is closed shows that all of them
 * are gone. One that stays must not keep the test.
 */
static void stop_driver(struct browser *browser)
{
    int64_t until_ns = clock_now_ns() + PATIENCE_SECONDS / 6 * SECOND_NS;

    ck_assert_int_eq(kill(browser->driver.pid, SIGTERM), 0);
    for (program_output(&browser->driver); !has_closed(browser); program_output(&browser->driver)) {
        if (clock_now_ns() > until_ns) {
            kill_holders(browser->driver.out >= 0 ? browser->driver.out : browser->driver.err);
            until_ns += PATIENCE_SECONDS / 6 * SECOND_NS;
        }
        poll(NULL, 0, 1);
    }
    program_wait(&browser->driver);
}

/*
 * Without a sandbox, since tests run as root in containers, where there is none to be had; and the
 * only page that is opened is ours. /dev/shm is small there, too. The pipe is what ends Chromium when
 * chromedriver was killed.
 */
static json_t *capabilities(void)
{
    int most_ms = PATIENCE_SECONDS * 1000 / 2; /* the driver then says itself what has not ended */

    return json_pack("{s:{s:{s:s, s:{s:i, s:i}, s:{s:s}, s:{s:s, s:[s,s,s,s,s,s,s,s]}}}}",
                     "capabilities", "alwaysMatch", "browserName", "chrome", "timeouts", "pageLoad",
                     most_ms, "script", most_ms, "goog:loggingPrefs", "browser", "ALL",
                     "goog:chromeOptions", "binary", chromium_path(), "args", "--headless",
                     "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--remote-debugging-pipe", "--hide-scrollbars", "--no-first-run",
                     "--force-color-profile=srgb");
}

void browser_open(struct browser *browser)
{
    json_t *session;

    *browser = (struct browser){.until_ns = clock_now_ns() + (BROWSER_TIME_LIMIT - 60) * SECOND_NS,
                                .log = calloc(1, 1)};
    for (int i = 0; !start_driver(browser); i++) {
        struct outcome outcome = program_wait(&browser->driver);
        ck_assert_msg(i < STARTS, "chromedriver ends at once, with status %d, and says: %s%s",
                      outcome.status, outcome.out, outcome.err);
    }
    session = command(browser, "POST", "/session", capabilities());
    snprintf(browser->path, sizeof browser->path, "/session/%s",
             json_string_value(json_object_get(session, "sessionId")));
    json_decref(session);
}

void browser_close(struct browser *browser)
{
    json_decref(command(browser, "DELETE", "", NULL));
    stop_driver(browser);
    free(browser->log);
}

/* --- what a person does -------------------------------------------------------------------- */

void browser_go(struct browser *browser, const char *url)
{
    do_command(browser, "/url", json_pack("{s:s}", "url", url));
}

json_t *browser_run(struct browser *browser, const char *script)
{
    return command(browser, "POST", "/execute/sync",
                   json_pack("{s:s, s:[]}", "script", script, "args"));
}

char *browser_text(struct browser *browser, const char *script)
{
    json_t *value = browser_run(browser, script);
    char *text;

    ck_assert_msg(json_is_string(value), "this is no text: %s", script);
    text = suite_keep(strdup(json_string_value(value)));
    json_decref(value);
    return text;
}

void browser_wait(struct browser *browser, const char *expression)
{
    int64_t until_ns = browser_patience_ns(browser);
    char *script = text_of("try { return !!(%s); } catch { return false; }", expression);

    for (bool is_true = false; !is_true;) {
        json_t *value = browser_run(browser, script);
        is_true = json_is_true(value);
        json_decref(value);
        if (!is_true && clock_now_ns() > until_ns)
            ck_abort_msg("this does not become true: %s\nin the page:\n%s", expression,
                         browser_text(browser, "return document.body.innerText"));
    }
    free(script);
}

void browser_click(struct browser *browser, const char *selector)
{
    json_t *element = command(browser, "POST", "/element",
                              json_pack("{s:s, s:s}", "using", "css selector", "value", selector));
    const char *id = json_string_value(json_object_iter_value(json_object_iter(element)));
    char *what = text_of("/element/%s/click", id);

    do_command(browser, what, json_object());
    json_decref(element);
    free(what);
}

void browser_resize(struct browser *browser, unsigned width, unsigned height)
{
    json_decref(chromium_command(browser, "Emulation.setDeviceMetricsOverride",
                                 json_pack("{s:i, s:i, s:i, s:b}", "width", (int)width, "height",
                                           (int)height, "deviceScaleFactor", 1, "mobile", 0)));
}

void browser_prefer(struct browser *browser, const char *scheme, bool reduced_motion)
{
    json_decref(chromium_command(browser, "Emulation.setEmulatedMedia",
                                 json_pack("{s:[{s:s, s:s}, {s:s, s:s}]}", "features", "name",
                                           "prefers-color-scheme", "value", scheme, "name",
                                           "prefers-reduced-motion", "value",
                                           reduced_motion ? "reduce" : "no-preference")));
}

void browser_speak(struct browser *browser, const char *languages)
{
    json_decref(chromium_command(
        browser, "Emulation.setUserAgentOverride",
        json_pack("{s:s, s:s}", "userAgent", "a browser under test", "acceptLanguage", languages)));
}

/* --- what it shows ------------------------------------------------------------------------- */

/* Six bits of a base64 digit. */
static unsigned bits_of(char digit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = strchr(digits, digit);

    ck_assert_msg(digit != '\0' && found != NULL, "this is no base64: %c", digit);
    return (unsigned)(found - digits);
}

static void write_base64(FILE *file, const char *text)
{
    unsigned bits = 0;
    unsigned count = 0;

    for (; *text != '\0' && *text != '='; text++) {
        bits = (bits << 6 | bits_of(*text)) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            ck_assert_int_ne(fputc((int)(bits >> count & 0xff), file), EOF);
        }
    }
}

void browser_shot(struct browser *browser, const char *path)
{
    json_t *shot =
        chromium_command(browser, "Page.captureScreenshot",
                         json_pack("{s:s, s:b}", "format", "png", "captureBeyondViewport", 1));
    const char *data = json_string_value(json_object_get(shot, "data"));
    FILE *file = fopen(path, "we");

    ck_assert_msg(file != NULL && data != NULL, "cannot write a picture to %s", path);
    write_base64(file, data);
    ck_assert_int_eq(fclose(file), 0);
    json_decref(shot);
}

const char *browser_complaints(struct browser *browser)
{
    json_t *entries = command(browser, "POST", "/se/log", json_pack("{s:s}", "type", "browser"));
    json_t *entry;
    size_t i;

    json_array_foreach(entries, i, entry)
    {
        const char *source = json_string_value(json_object_get(entry, "source"));
        char *longer;
        if (source != NULL && strcmp(source, "network") == 0)
            continue;
        longer = text_of("%s%s: %s\n", browser->log, source,
                         json_string_value(json_object_get(entry, "message")));
        free(browser->log);
        browser->log = longer;
    }
    json_decref(entries);
    return browser->log;
}
