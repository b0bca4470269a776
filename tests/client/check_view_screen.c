/* SPDX-License-Identifier: MIT */
/* client/views/ progress, top and alternate: what a terminal shows, and how it is left behind. */
#include "tests/kit/suite.h"
#include "tests/kit/view.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Figures that a run might have after 12.3 s. */
static struct progress middle(const struct histogram *echo)
{
    struct progress progress = kit_progress(1000, 12300 * MS);

    progress.duration_ns = 60 * SECOND;
    progress.step = 1;
    progress.steps = 5;
    progress.beginning = 11;
    progress.queued = 935;
    progress.served = 4;
    progress.over = 50;
    progress.failed = 2;
    progress.verified = 123456;
    progress.echo = echo;
    return progress;
}

static void begin(struct view *view, struct progress progress)
{
    view->ops->begin(view, &progress);
}

static void tick(struct view *view, struct progress progress)
{
    ck_assert_int_gt(view->period_ns, 0);
    view->ops->tick(view, &progress);
}

static void end(struct view *view, struct progress progress)
{
    struct summary summary = {.requested = progress.sessions};

    view->ops->end(view, &progress, &summary);
}

static void finish(struct view *view)
{
    struct summary summary = {0};

    ck_assert(view->ops->close(view, &summary));
}

static void environment(const char *term, const char *no_color, const char *locale)
{
    setenv("TERM", term, 1);
    setenv("LC_ALL", locale, 1);
    if (no_color != NULL)
        setenv("NO_COLOR", no_color, 1);
    else
        unsetenv("NO_COLOR");
}

/* --- the line ------------------------------------------------------------------------------------- */

START_TEST(a_line_of_progress)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct view *view = view_progress_new();
    struct progress progress = kit_progress(50, 0);

    begin(view, progress);
    kit_terminal_read(terminal);
    ck_assert_uint_eq(terminal->bytes, 0); /* nothing to show yet */
    progress.now_ns += SECOND / 5;
    progress.over = 3;
    progress.verified = 40;
    tick(view, progress);
    kit_terminal_read(terminal);
    ck_assert(kit_terminal_shows(terminal, "3 of 50 sessions done, 40 messages verified   "));
    progress.now_ns += 4 * SECOND / 5;
    progress.verified = 400;
    progress.failed = 2;
    tick(view, progress);
    kit_terminal_read(terminal);
    ck_assert(kit_terminal_shows(terminal,
                                 "3 of 50 sessions done, 400 messages verified, 2 failed, 400/s"));
    progress.failed = 0; /* a shorter line leaves nothing of the longer one */
    progress.now_ns += SECOND;
    tick(view, progress);
    kit_terminal_read(terminal);
    ck_assert(kit_terminal_shows(terminal, "400 messages verified, 0/s         "));
    end(view, progress);
    kit_terminal_read(terminal);
    ck_assert(!kit_terminal_shows(terminal, "done"));
    ck_assert(!kit_terminal_shows(terminal, "/s"));
    ck_assert_uint_eq(terminal->column, 0);
    ck_assert_uint_eq(terminal->escapes, 0);
    ck_assert_uint_eq(terminal->scrolled, 0);
    finish(view);
    kit_terminal_free(terminal);
}
END_TEST

START_TEST(a_line_of_steps_and_time)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct view *view = view_progress_new();
    struct progress progress = kit_progress(50, 12300 * MS);

    progress.steps = 5;
    progress.duration_ns = 60 * SECOND;
    begin(view, progress);
    tick(view, progress);
    kit_terminal_read(terminal);
    ck_assert(kit_terminal_shows(terminal, "verified, step 1/5, 12 of 60 s"));
    end(view, progress);
    finish(view);
    kit_terminal_free(terminal);
}
END_TEST

START_TEST(a_line_is_never_wider_than_the_terminal)
{
    static const unsigned widths[] = {200, 80, 40, 20, 2, 1};

    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct kit_terminal *terminal = kit_terminal_new(widths[i], 24);
        struct view *view = view_progress_new();
        struct progress progress = middle(NULL);

        progress.sessions = progress.over = 4294967295u;
        progress.verified = progress.failed = UINT64_MAX;
        begin(view, progress);
        progress.now_ns += SECOND;
        tick(view, progress);
        kit_terminal_read(terminal);
        ck_assert_uint_eq(terminal->too_wide, 0);
        ck_assert_uint_lt(terminal->column, 80);
        ck_assert_int_eq(terminal->cells[0][0], widths[i] > 1 ? '4' : ' ');
        end(view, progress);
        finish(view);
        kit_terminal_free(terminal);
    }
}
END_TEST

START_TEST(a_stopped_terminal_does_not_block)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct view *views[2];

    environment("xterm", NULL, "C");
    views[0] = view_progress_new();
    views[1] = view_top_new();
    for (size_t i = 0; i < 2; i++) {
        struct progress progress = kit_progress(50, 0);

        ck_assert_int_eq(tcflow(terminal->slave, TCOOFF), 0); /* as by ^S */
        begin(views[i], progress);
        tick(views[i], progress); /* or here it would stay */
        ck_assert_int_eq(tcflow(terminal->slave, TCOON), 0);
        tick(views[i], progress);
        kit_terminal_read(terminal);
        ck_assert(kit_terminal_shows(terminal, i == 0 ? "0 of 50 sessions done" : "50 sessions"));
        end(views[i], progress);
        finish(views[i]);
    }
    kit_terminal_free(terminal);
}
END_TEST

/* --- the full screen -------------------------------------------------------------------------------- */

/* The view in the middle of its second second, as a terminal shows it. */
static void show_top(struct kit_terminal *terminal, struct view *view, struct histogram *echo)
{
    struct progress progress = middle(echo);

    progress.now_ns -= SECOND;
    progress.verified = 100000;
    for (int i = 0; i < 1000; i++)
        histogram_record(echo, 2 * MS);
    begin(view, progress);
    kit_terminal_read(terminal);
    tick(view, progress);
    progress.now_ns += SECOND;
    tick(view, progress); /* 100 000 in the first second */
    progress.verified = 123456;
    for (int i = 0; i < 100; i++)
        histogram_record(echo, 7 * MS);
    progress.now_ns += SECOND;
    tick(view, progress);
    kit_terminal_read(terminal);
}

START_TEST(top_shows_where_the_sessions_are)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct histogram *echo = histogram_new();
    struct view *view;

    environment("xterm", NULL, "C.UTF-8");
    view = view_top_new();
    show_top(terminal, view, echo);
    ck_assert(terminal->alternate);
    ck_assert(terminal->cursor_hidden);
    ck_assert(kit_terminal_shows(terminal, "echo-client  1000 sessions, step 2 of 5"));
    ck_assert(kit_terminal_shows(terminal, " 13.3 s of 60 s"));
    ck_assert(kit_terminal_shows(terminal, "  beginning      11  ?"));
    ck_assert(kit_terminal_shows(terminal, "  queued        935  ????????????????????"));
    ck_assert(kit_terminal_shows(terminal, "  served          4  ?  ")); /* few, but not none */
    ck_assert(kit_terminal_shows(terminal, "  over           50  ???  "));
    ck_assert(!kit_terminal_shows(terminal, "  idle"));
    ck_assert(kit_terminal_shows(terminal, "  failed          2  or refused"));
    ck_assert(kit_terminal_shows(terminal, "  verified    123456   "));
    ck_assert(
        kit_terminal_shows(terminal, "  rate        23456/s in the last second, 9282/s so far"));
    ck_assert(kit_terminal_shows(terminal, "  last minute ??  up to 100000/s"));
    ck_assert(kit_terminal_shows(terminal, "  last second    7.00 ms    7.00 ms    7.00 ms"));
    ck_assert(kit_terminal_shows(terminal, "  so far         2.00 ms    7.00 ms    7.00 ms"));
    ck_assert_uint_gt(terminal->styles, 0);
    ck_assert_uint_gt(terminal->others, 0);
    ck_assert_uint_eq(terminal->too_wide + terminal->scrolled, 0);
    end(view, middle(echo));
    kit_terminal_read(terminal);
    ck_assert(!terminal->alternate);
    ck_assert(!terminal->cursor_hidden);
    finish(view);
    histogram_free(echo);
    kit_terminal_free(terminal);
}
END_TEST

START_TEST(top_shows_what_else_there_is)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct view *view;
    struct progress progress = kit_progress(1, 0);

    environment("xterm", NULL, "C.UTF-8");
    view = view_top_new();
    progress.started_ns = 0;
    progress.idle = 7;
    progress.expected = 200;
    progress.verified = 50;
    progress.rate = 10;
    begin(view, progress);
    kit_terminal_read(terminal);
    ck_assert(kit_terminal_shows(terminal, "echo-client  1 session  "));
    ck_assert(kit_terminal_shows(terminal, " connecting")); /* the barrier is closed */
    ck_assert(kit_terminal_shows(terminal, "  idle            7  ?"));
    ck_assert(kit_terminal_shows(terminal, "50 of 200 (25 %)"));
    ck_assert(kit_terminal_shows(terminal, ", 10/s requested"));
    ck_assert(kit_terminal_shows(terminal, "  so far               -          -          -"));
    end(view, progress);
    finish(view);
    kit_terminal_free(terminal);
}
END_TEST

START_TEST(top_without_colours)
{
    static const struct {
        const char *no_color;
        bool colours;
    } cases[] = {{"1", false}, {"0", false}, {"", true}, {NULL, true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kit_terminal *terminal = kit_terminal_new(80, 24);
        struct histogram *echo = histogram_new();
        struct view *view;

        environment("xterm", cases[i].no_color, "C.UTF-8");
        view = view_top_new();
        show_top(terminal, view, echo);
        end(view, middle(echo));
        kit_terminal_read(terminal);
        ck_assert_int_eq(terminal->styles > 0, cases[i].colours);
        ck_assert(!terminal->alternate);
        finish(view);
        histogram_free(echo);
        kit_terminal_free(terminal);
    }
}
END_TEST

START_TEST(top_without_utf8)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct histogram *echo = histogram_new();
    struct view *view;

    environment("xterm", NULL, "C");
    view = view_top_new();
    show_top(terminal, view, echo);
    ck_assert_uint_eq(terminal->others, 0);
    ck_assert(kit_terminal_shows(terminal, "  over           50  ###  "));
    ck_assert(kit_terminal_shows(terminal, "  last minute #.  up to 100000/s"));
    end(view, middle(echo));
    finish(view);
    histogram_free(echo);
    kit_terminal_free(terminal);
}
END_TEST

START_TEST(top_on_terminals_of_all_sizes)
{
    static const unsigned sizes[][2] = {{200, 50}, {80, 24}, {80, 21}, {80, 16}, {80, 15}, {60, 24},
                                        {59, 24},  {20, 5},  {20, 3},  {7, 2},   {1, 1}};
    struct histogram *echo = histogram_new();

    environment("xterm", NULL, "C.UTF-8");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct kit_terminal *terminal = kit_terminal_new(sizes[i][0], sizes[i][1]);
        struct view *view = view_top_new();

        histogram_clear(echo);
        show_top(terminal, view, echo);
        ck_assert_uint_eq(terminal->too_wide + terminal->scrolled, 0);
        ck_assert(sizes[i][1] < 16 || sizes[i][0] < 60 || kit_terminal_shows(terminal, "so far  "));
        if (sizes[i][0] == 20 && sizes[i][1] == 5) {
            ck_assert_str_eq(strncmp(terminal->cells[0], "50/1000 over", 12) == 0 ? "" : "no", "");
            ck_assert(kit_terminal_shows(terminal, "2 failed     2 of 5"));
            ck_assert(kit_terminal_shows(terminal, "935 queued 4 served"));
            ck_assert(kit_terminal_shows(terminal, "23456/s"));
            ck_assert(kit_terminal_shows(terminal, "p99 7.00 ms"));
        }
        end(view, middle(echo));
        kit_terminal_read(terminal);
        ck_assert(!terminal->alternate && !terminal->cursor_hidden);
        finish(view);
        kit_terminal_free(terminal);
    }
    histogram_free(echo);
}
END_TEST

START_TEST(top_follows_the_size)
{
    struct kit_terminal *terminal = kit_terminal_new(120, 40);
    struct histogram *echo = histogram_new();
    struct view *view;

    environment("xterm", NULL, "C.UTF-8");
    view = view_top_new();
    begin(view, middle(echo));
    kit_terminal_read(terminal);
    kit_terminal_resize(terminal, 30, 4);
    tick(view, middle(echo));
    kit_terminal_read(terminal);
    ck_assert_uint_eq(terminal->too_wide + terminal->scrolled, 0);
    ck_assert(!kit_terminal_shows(terminal, "sessions"));
    ck_assert(kit_terminal_shows(terminal, "935 queued 4 served"));
    end(view, middle(echo));
    finish(view);
    histogram_free(echo);
    kit_terminal_free(terminal);
}
END_TEST

START_TEST(a_dumb_terminal_has_the_line)
{
    static const char *const terms[] = {"dumb", ""};

    for (size_t i = 0; i < 2; i++) {
        struct kit_terminal *terminal = kit_terminal_new(80, 24);
        struct view *view;

        environment(terms[i], NULL, "C.UTF-8");
        view = view_top_new();
        begin(view, middle(NULL));
        tick(view, middle(NULL));
        kit_terminal_read(terminal);
        ck_assert_uint_eq(terminal->escapes, 0);
        ck_assert(kit_terminal_shows(terminal, "50 of 1000 sessions done, 123456 messages"));
        end(view, middle(NULL));
        finish(view);
        kit_terminal_free(terminal);
    }
}
END_TEST

START_TEST(top_of_several_loads)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct histogram *echo = histogram_new();
    struct view *view;

    environment("xterm", NULL, "C");
    view = view_top_new();
    for (unsigned i = 1; i <= 3; i++) {
        histogram_clear(echo); /* each has measures of its own, and its messages from 0 */
        show_top(terminal, view, echo);
        ck_assert(kit_terminal_shows(terminal, "rate        23456/s in the last second"));
        ck_assert(kit_terminal_shows(terminal, "last minute #.  up to 100000/s"));
        ck_assert_uint_eq(terminal->taken, i);
        end(view, middle(echo));
        kit_terminal_read(terminal);
        ck_assert(!terminal->alternate);
    }
    finish(view);
    histogram_free(echo);
    kit_terminal_free(terminal);
}
END_TEST

START_TEST(text_on_standard_error_is_not_lost)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct view *view;

    environment("xterm", NULL, "C");
    view = view_top_new();
    for (int i = 0; i < 2; i++) { /* two loads; nothing is repeated twice */
        begin(view, middle(NULL));
        ck_assert_int_eq(dprintf(STDERR_FILENO, "a wrong byte %d\r\n", i), 16);
        tick(view, middle(NULL));
        kit_terminal_read(terminal);
        ck_assert(!kit_terminal_shows(terminal, "a wrong byte"));
        ck_assert_uint_eq(terminal->scrolled, 0);
        end(view, middle(NULL));
        kit_terminal_read(terminal);
        ck_assert(!terminal->alternate);
        ck_assert(kit_terminal_shows(terminal, i == 0 ? "a wrong byte 0" : "a wrong byte 1"));
        ck_assert(i == 0 || !kit_terminal_shows(terminal, "a wrong byte 0"));
    }
    finish(view);
    ck_assert_int_eq(dprintf(STDERR_FILENO, "and then\r\n"), 10);
    kit_terminal_read(terminal);
    ck_assert(kit_terminal_shows(terminal, "and then"));
    kit_terminal_free(terminal);
}
END_TEST

/* --- ends without a call of end() -------------------------------------------------------------------- */

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT};

/* As in a program that has just begun; Check has handlers of its own, which its tests inherit. */
static void take_defaults(void)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        signal(ends[i], SIG_DFL);
}

START_TEST(a_signal_gives_the_screen_back)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    int status;
    pid_t pid;

    environment("xterm", NULL, "C");
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct view *view = view_top_new();

        take_defaults();
        begin(view, middle(NULL));
        dprintf(STDERR_FILENO, "famous last words\r\n");
        tick(view, middle(NULL));
        for (;;)
            pause();
    }
    kit_terminal_await(terminal, 2);
    ck_assert(!kit_terminal_shows(terminal, "famous last words"));
    ck_assert_int_eq(kill(pid, ends[_i]), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), ends[_i]);
    kit_terminal_read(terminal);
    ck_assert(!terminal->alternate);
    ck_assert(!terminal->cursor_hidden);
    ck_assert(kit_terminal_shows(terminal, "famous last words"));
    kit_terminal_free(terminal);
}
END_TEST

START_TEST(stopped_and_continued)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    int status, go[2];
    char byte;
    pid_t pid;

    environment("xterm", NULL, "C");
    ck_assert_int_eq(pipe(go), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct view *view = view_top_new();

        begin(view, middle(NULL));
        for (int i = 0; i < 2; i++) { /* twice: the handler must be there again */
            raise(SIGTSTP);           /* as by ^Z, and then fg */
            tick(view, middle(NULL));
        }
        _exit(read(go[0], &byte, 1) == 1 ? 0 : 1);
    }
    for (unsigned i = 1; i <= 2; i++) {
        ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
        ck_assert_msg(WIFSTOPPED(status), "status %d", status);
        kit_terminal_read(terminal);
        ck_assert_uint_eq(terminal->taken, i);
        ck_assert(!terminal->alternate);
        ck_assert(!terminal->cursor_hidden);
        ck_assert_int_eq(kill(pid, SIGCONT), 0);
    }
    ck_assert_int_eq(write(go[1], "", 1), 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    kit_terminal_read(terminal);
    ck_assert_uint_eq(terminal->taken, 3);
    ck_assert(terminal->alternate);
    ck_assert(kit_terminal_shows(terminal, "^C ends the run early"));
    kit_terminal_free(terminal);
}
END_TEST

static void foreign_handler(int number)
{
    (void)number;
}

static void (*handler_of(int number))(int)
{
    struct sigaction action;

    ck_assert_int_eq(sigaction(number, NULL, &action), 0);
    return action.sa_handler;
}

START_TEST(signals_are_as_they_were)
{
    struct kit_terminal *terminal = kit_terminal_new(80, 24);
    struct view *view;

    environment("xterm", NULL, "C");
    take_defaults();
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, foreign_handler);
    view = view_top_new();
    begin(view, middle(NULL));
    ck_assert(handler_of(SIGINT) == SIG_IGN); /* nohup and the like mean what they say */
    ck_assert(handler_of(SIGHUP) == foreign_handler);
    ck_assert(handler_of(SIGTERM) != SIG_DFL);
    end(view, middle(NULL));
    ck_assert(handler_of(SIGINT) == SIG_IGN);
    ck_assert(handler_of(SIGHUP) == foreign_handler);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        ck_assert(ends[i] == SIGINT || ends[i] == SIGHUP || handler_of(ends[i]) == SIG_DFL);
    finish(view);
    kit_terminal_free(terminal);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view-screen");

    ADD_TESTS(suite, "Line", a_line_of_progress, a_line_of_steps_and_time,
              a_line_is_never_wider_than_the_terminal, a_stopped_terminal_does_not_block);
    ADD_TESTS(suite, "Top", top_shows_where_the_sessions_are, top_shows_what_else_there_is,
              top_without_colours, top_without_utf8, top_on_terminals_of_all_sizes,
              top_follows_the_size, a_dumb_terminal_has_the_line, top_of_several_loads,
              text_on_standard_error_is_not_lost);
    ADD_LOOP_TESTS(suite, "Signals", COUNT_OF(ends), a_signal_gives_the_screen_back);
    ADD_TESTS(suite, "Signals", stopped_and_continued, signals_are_as_they_were);
    return suite_main(suite);
}
