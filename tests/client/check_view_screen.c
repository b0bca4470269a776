/* SPDX-License-Identifier: MIT */
/* client/views/ progress, top and alternate: what a terminal shows, and how it is left behind. */
#include "tests/kit/harness.h"
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

static struct kit_terminal *terminal;
static struct view *view;
static struct histogram *echo;

/* The calls of a view; the terminal takes in at once what each of them has written. */
static void begin(struct progress progress)
{
    view->ops->begin(view, &progress);
    kit_terminal_read(terminal);
}

static void tick(struct progress progress)
{
    ck_assert_int_gt(view->period_ns, 0);
    view->ops->tick(view, &progress);
    kit_terminal_read(terminal);
}

static void end(struct progress progress)
{
    struct summary summary = {.requested = progress.sessions};

    view->ops->end(view, &progress, &summary);
    kit_terminal_read(terminal);
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

static void open_view(unsigned columns, unsigned rows, struct view *(*new_view)(void))
{
    terminal = kit_terminal_new(columns, rows);
    echo = histogram_new();
    view = new_view();
}

static void open_top(const char *locale)
{
    environment("xterm", NULL, locale);
    open_view(80, 24, view_top_new);
}

static void close_view(void)
{
    struct summary summary = {0};

    ck_assert(view->ops->close(view, &summary));
    kit_terminal_free(terminal);
    histogram_free(echo);
}

static void shows(const char *text)
{
    ck_assert_msg(kit_terminal_shows(terminal, text), "not shown: %s", text);
}

static void lacks(const char *text)
{
    ck_assert_msg(!kit_terminal_shows(terminal, text), "shown: %s", text);
}

CASE("The line")

TEST(a_line_of_progress)
{
    struct progress progress = kit_progress(50, 0);

    open_view(80, 24, view_progress_new);
    begin(progress);
    ck_assert_uint_eq(terminal->bytes, 0); /* nothing to show yet */
    progress.now_ns += SECOND / 5;
    progress.over = 3;
    progress.verified = 40;
    tick(progress);
    shows("3 of 50 sessions done, 40 messages verified   ");
    progress.now_ns += 4 * SECOND / 5;
    progress.verified = 400;
    progress.failed = 2;
    tick(progress);
    shows("3 of 50 sessions done, 400 messages verified, 2 failed, 400/s");
    progress.failed = 0; /* a shorter line leaves nothing of the longer one */
    progress.now_ns += SECOND;
    tick(progress);
    shows("400 messages verified, 0/s         ");
    end(progress);
    lacks("done");
    lacks("/s");
    ck_assert_uint_eq(terminal->column, 0);
    ck_assert_uint_eq(terminal->escapes, 0);
    ck_assert_uint_eq(terminal->scrolled, 0);
    close_view();
}

TEST(a_line_of_steps_and_time)
{
    struct progress progress = kit_progress(50, 12300 * MS);

    open_view(80, 24, view_progress_new);
    progress.steps = 5;
    progress.duration_ns = 60 * SECOND;
    begin(progress);
    tick(progress);
    shows("verified, step 1/5, 12 of 60 s");
    end(progress);
    close_view();
}

static const unsigned widths[] = {200, 80, 40, 20, 2, 1};

LOOP_TEST(a_line_is_never_wider_than_the_terminal, COUNT_OF(widths))
{
    struct progress progress = middle(NULL);

    open_view(widths[_i], 24, view_progress_new);
    progress.sessions = progress.over = 4294967295u;
    progress.verified = progress.failed = UINT64_MAX;
    begin(progress);
    progress.now_ns += SECOND;
    tick(progress);
    ck_assert_uint_eq(terminal->too_wide, 0);
    ck_assert_uint_lt(terminal->column, 80);
    ck_assert_int_eq(terminal->cells[0][0], widths[_i] > 1 ? '4' : ' ');
    end(progress);
    close_view();
}

LOOP_TEST(a_stopped_terminal_does_not_block, 2)
{
    struct progress progress = kit_progress(50, 0);

    environment("xterm", NULL, "C");
    open_view(80, 24, _i == 0 ? view_progress_new : view_top_new);
    ck_assert_int_eq(tcflow(terminal->slave, TCOOFF), 0); /* as by ^S */
    view->ops->begin(view, &progress);
    view->ops->tick(view, &progress); /* or here it would stay */
    ck_assert_int_eq(tcflow(terminal->slave, TCOON), 0);
    tick(progress);
    shows(_i == 0 ? "0 of 50 sessions done" : "50 sessions");
    end(progress);
    close_view();
}

CASE("The full screen")

/* The view in the middle of its second second, as a terminal shows it. */
static void show_top(void)
{
    struct progress progress = middle(echo);

    progress.now_ns -= SECOND;
    progress.verified = 100000;
    for (int i = 0; i < 1000; i++)
        histogram_record(echo, 2 * MS);
    begin(progress);
    tick(progress);
    progress.now_ns += SECOND;
    tick(progress); /* 100 000 in the first second */
    progress.verified = 123456;
    for (int i = 0; i < 100; i++)
        histogram_record(echo, 7 * MS);
    progress.now_ns += SECOND;
    tick(progress);
}

TEST(top_shows_where_the_sessions_are)
{
    open_top("C.UTF-8");
    show_top();
    ck_assert(terminal->alternate);
    ck_assert(terminal->cursor_hidden);
    shows("echo-client  1000 sessions, step 2 of 5");
    shows(" 13.3 s of 60 s");
    shows("  beginning      11  ?");
    shows("  queued        935  ????????????????????");
    shows("  served          4  ?  "); /* few, but not none */
    shows("  over           50  ???  ");
    lacks("  idle");
    shows("  failed          2  or refused");
    shows("  verified    123456   ");
    shows("  rate        23456/s in the last second, 9282/s so far");
    shows("  last minute ??  up to 100000/s");
    shows("  last second    7.00 ms    7.00 ms    7.00 ms");
    shows("  so far         2.00 ms    7.00 ms    7.00 ms");
    ck_assert_uint_gt(terminal->styles, 0);
    ck_assert_uint_gt(terminal->others, 0);
    ck_assert_uint_eq(terminal->too_wide + terminal->scrolled, 0);
    end(middle(echo));
    ck_assert(!terminal->alternate);
    ck_assert(!terminal->cursor_hidden);
    close_view();
}

TEST(top_shows_what_else_there_is)
{
    struct progress progress = kit_progress(1, 0);

    open_top("C.UTF-8");
    progress.started_ns = 0;
    progress.idle = 7;
    progress.expected = 200;
    progress.verified = 50;
    progress.rate = 10;
    begin(progress);
    shows("echo-client  1 session  ");
    shows(" connecting"); /* the barrier is closed */
    shows("  idle            7  ?");
    shows("50 of 200 (25 %)");
    shows(", 10/s requested");
    shows("  so far               -          -          -");
    end(progress);
    close_view();
}

static const struct {
    const char *no_color;
    bool colours;
} colours[] = {{"1", false}, {"0", false}, {"", true}, {NULL, true}};

LOOP_TEST(top_without_colours, COUNT_OF(colours))
{
    environment("xterm", colours[_i].no_color, "C.UTF-8");
    open_view(80, 24, view_top_new);
    show_top();
    end(middle(echo));
    ck_assert_int_eq(terminal->styles > 0, colours[_i].colours);
    ck_assert(!terminal->alternate);
    close_view();
}

TEST(top_without_utf8)
{
    open_top("C");
    show_top();
    ck_assert_uint_eq(terminal->others, 0);
    shows("  over           50  ###  ");
    shows("  last minute #.  up to 100000/s");
    end(middle(echo));
    close_view();
}

static const unsigned sizes[][2] = {{200, 50}, {80, 24}, {80, 21}, {80, 16}, {80, 15}, {60, 24},
                                    {59, 24},  {20, 5},  {20, 3},  {7, 2},   {1, 1}};

LOOP_TEST(top_on_terminals_of_all_sizes, COUNT_OF(sizes))
{
    unsigned columns = sizes[_i][0], rows = sizes[_i][1];

    environment("xterm", NULL, "C.UTF-8");
    open_view(columns, rows, view_top_new);
    show_top();
    ck_assert_uint_eq(terminal->too_wide + terminal->scrolled, 0);
    if (rows >= 16 && columns >= 60)
        shows("so far  ");
    if (columns == 20 && rows == 5) {
        ck_assert_int_eq(strncmp(terminal->cells[0], "50/1000 over", 12), 0);
        shows("2 failed     2 of 5");
        shows("935 queued 4 served");
        shows("23456/s");
        shows("p99 7.00 ms");
    }
    end(middle(echo));
    ck_assert(!terminal->alternate && !terminal->cursor_hidden);
    close_view();
}

TEST(top_follows_the_size)
{
    environment("xterm", NULL, "C.UTF-8");
    open_view(120, 40, view_top_new);
    begin(middle(echo));
    kit_terminal_resize(terminal, 30, 4);
    tick(middle(echo));
    ck_assert_uint_eq(terminal->too_wide + terminal->scrolled, 0);
    lacks("sessions");
    shows("935 queued 4 served");
    end(middle(echo));
    close_view();
}

LOOP_TEST(a_dumb_terminal_has_the_line, 2)
{
    environment(_i == 0 ? "dumb" : "", NULL, "C.UTF-8");
    open_view(80, 24, view_top_new);
    begin(middle(NULL));
    tick(middle(NULL));
    ck_assert_uint_eq(terminal->escapes, 0);
    shows("50 of 1000 sessions done, 123456 messages");
    end(middle(NULL));
    close_view();
}

TEST(top_of_several_loads)
{
    open_top("C");
    for (unsigned i = 1; i <= 3; i++) {
        histogram_clear(echo); /* each has measures of its own, and its messages from 0 */
        show_top();
        shows("rate        23456/s in the last second");
        shows("last minute #.  up to 100000/s");
        ck_assert_uint_eq(terminal->taken, i);
        end(middle(echo));
        ck_assert(!terminal->alternate);
    }
    close_view();
}

TEST(text_on_standard_error_is_not_lost)
{
    open_top("C");
    for (int i = 0; i < 2; i++) { /* two loads; nothing is repeated twice */
        begin(middle(NULL));
        ck_assert_int_eq(dprintf(STDERR_FILENO, "a wrong byte %d\r\n", i), 16);
        tick(middle(NULL));
        lacks("a wrong byte");
        ck_assert_uint_eq(terminal->scrolled, 0);
        end(middle(NULL));
        ck_assert(!terminal->alternate);
        shows(i == 0 ? "a wrong byte 0" : "a wrong byte 1");
        if (i > 0)
            lacks("a wrong byte 0");
    }
    ck_assert(view->ops->close(view, &(struct summary){0}));
    ck_assert_int_eq(dprintf(STDERR_FILENO, "and then\r\n"), 10);
    kit_terminal_read(terminal);
    shows("and then");
    histogram_free(echo);
    kit_terminal_free(terminal);
}

CASE("Ends without a call of end()")

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT};

/* As in a program that has just begun; Check has handlers of its own, which its tests inherit. */
static void take_defaults(void)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        signal(ends[i], SIG_DFL);
}

LOOP_TEST(a_signal_gives_the_screen_back, COUNT_OF(ends))
{
    struct progress progress = middle(NULL);
    int status;
    pid_t pid;

    open_top("C");
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) { /* the parent reads what this one writes */
        take_defaults();
        view->ops->begin(view, &progress);
        dprintf(STDERR_FILENO, "famous last words\r\n");
        view->ops->tick(view, &progress);
        for (;;)
            pause();
    }
    kit_terminal_await(terminal, 2);
    lacks("famous last words");
    ck_assert_int_eq(kill(pid, ends[_i]), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), ends[_i]);
    kit_terminal_read(terminal);
    ck_assert(!terminal->alternate);
    ck_assert(!terminal->cursor_hidden);
    shows("famous last words");
    close_view();
}

TEST(stopped_and_continued)
{
    struct progress progress = middle(NULL);
    int status, go[2];
    char byte;
    pid_t pid;

    open_top("C");
    ck_assert_int_eq(pipe(go), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        view->ops->begin(view, &progress);
        for (int i = 0; i < 2; i++) { /* twice: the handler must be there again */
            raise(SIGTSTP);           /* as by ^Z, and then fg */
            view->ops->tick(view, &progress);
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
    shows("^C ends the run early");
    close_view();
}

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

TEST(signals_are_as_they_were)
{
    take_defaults();
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, foreign_handler);
    open_top("C");
    begin(middle(NULL));
    ck_assert(handler_of(SIGINT) == SIG_IGN); /* nohup and the like mean what they say */
    ck_assert(handler_of(SIGHUP) == foreign_handler);
    ck_assert(handler_of(SIGTERM) != SIG_DFL);
    end(middle(NULL));
    ck_assert(handler_of(SIGINT) == SIG_IGN);
    ck_assert(handler_of(SIGHUP) == foreign_handler);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        ck_assert(ends[i] == SIGINT || ends[i] == SIGHUP || handler_of(ends[i]) == SIG_DFL);
    close_view();
}

int main(void)
{
    if (terminal_is_there())
        return suite_run();
    printf("1..0 # SKIP there is no pseudo-terminal\n");
    return EXIT_SUCCESS;
}
