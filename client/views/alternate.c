/* SPDX-License-Identifier: MIT */
/* Taking the terminal's screen, and giving it back under all circumstances. */
#include "client/views/alternate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAKE_SCREEN "\033[?1049h\033[?25l\033[2J"
#define GIVE_SCREEN "\033[?25h\033[?1049l"

static const int fatal_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGTSTP};

/* The handler uses all of these. */
static atomic_bool taken;
static int terminal_fd = STDERR_FILENO; /* what standard error was */
static int kept_fd = -1;                /* what it is meanwhile: a file in memory; -1: unchanged */
static off_t repeated;                  /* bytes of that file that are on the terminal */

static void write_all(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t done = write(terminal_fd, text, size);

        if (done < 0 && errno != EINTR)
            return; /* the terminal is gone, and with it the place to report that */
        text += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
}

/** Make standard error the terminal again, and repeat there what was kept. */
static void repeat_kept_text(void)
{
    char text[512];
    ssize_t size;

    if (kept_fd < 0)
        return;
    dup2(terminal_fd, STDERR_FILENO);
    while ((size = pread(kept_fd, text, sizeof text, repeated)) > 0) {
        write_all(text, (size_t)size);
        repeated += size;
    }
}

static void give_screen(void)
{
    if (!atomic_exchange(&taken, false))
        return;
    write_all(GIVE_SCREEN, sizeof GIVE_SCREEN - 1);
    repeat_kept_text();
}

/** Give the screen back. By now the action is the default one (SA_RESETHAND); it follows the return. */
static void give_screen_and_go(int number)
{
    int error = errno;

    give_screen();
    raise(number);
    errno = error;
}

/** Replace one handler by another; signals that have a different one keep it. */
static void set_handlers(void (*from)(int), void (*to)(int))
{
    struct sigaction action = {.sa_handler = to, .sa_flags = (int)SA_RESETHAND | SA_RESTART};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof fatal_signals / sizeof fatal_signals[0]; i++) {
        struct sigaction now;

        if (sigaction(fatal_signals[i], NULL, &now) == 0 && now.sa_handler == from)
            sigaction(fatal_signals[i], &action, NULL);
    }
}

void alternate_open(void)
{
    terminal_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    kept_fd = terminal_fd >= 0 ? memfd_create("standard error", MFD_CLOEXEC) : -1;
    repeated = 0;
    if (terminal_fd < 0)
        terminal_fd = STDERR_FILENO;
}

void alternate_enter(void)
{
    if (atomic_load(&taken))
        return;
    set_handlers(SIG_DFL, give_screen_and_go);
    atomic_store(&taken, true);
    if (kept_fd >= 0)
        dup2(kept_fd, STDERR_FILENO);
    write_all(TAKE_SCREEN, sizeof TAKE_SCREEN - 1);
}

void alternate_leave(void)
{
    give_screen();
    set_handlers(give_screen_and_go, SIG_DFL);
}

void alternate_close(void)
{
    if (kept_fd >= 0)
        close(kept_fd);
    if (terminal_fd != STDERR_FILENO)
        close(terminal_fd);
    kept_fd = -1;
    terminal_fd = STDERR_FILENO;
}

int alternate_fd(void)
{
    return terminal_fd;
}
