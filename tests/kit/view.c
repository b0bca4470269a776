/* SPDX-License-Identifier: MIT */
/* What the tests of views share. The terminal knows what client/views/frame.c says, and no more. */
#include "tests/kit/view.h"

#include "tests/kit/suite.h"

#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* --- sessions ------------------------------------------------------------------------------ */

static int64_t at(double ms)
{
    return ms < 0 ? 0 : ORIGIN + (int64_t)(ms * (double)MS + 0.5);
}

struct session_record kit_session(unsigned session, enum session_state state, double begun,
                                  double connected, double first_byte, double ended,
                                  const char *reason)
{
    struct session_record record = {
        .session = session,
        .target = "127.0.0.1:8090",
        .state = state,
        .begun_ns = at(begun),
        .connected_ns = at(connected),
        .first_byte_ns = at(first_byte),
        .ended_ns = at(ended),
        .sent = 10,
        .verified = 9,
        .bytes = 640,
    };

    snprintf(record.reason, sizeof record.reason, "%s", reason);
    return record;
}

struct progress kit_progress(unsigned sessions, int64_t at_ns)
{
    return (struct progress){
        .now_ns = ORIGIN + at_ns, .started_ns = ORIGIN, .steps = 1, .sessions = sessions};
}

/* --- files --------------------------------------------------------------------------------- */

struct kit_file kit_file(void)
{
    struct kit_file file = {.fd = memfd_create("view", MFD_CLOEXEC)};

    ck_assert_int_ge(file.fd, 0);
    snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
    return file;
}

char *kit_file_text(const struct kit_file *file)
{
    struct stat status;
    char *text;

    ck_assert_int_eq(fstat(file->fd, &status), 0);
    text = suite_memory((size_t)status.st_size + 1);
    ck_assert_int_eq(pread(file->fd, text, (size_t)status.st_size, 0), status.st_size);
    return text;
}

struct kit_file kit_catch(int standard_fd)
{
    struct kit_file file = kit_file();

    ck_assert_int_eq(dup2(file.fd, standard_fd), standard_fd);
    return file;
}

/* --- the terminal -------------------------------------------------------------------------- */

static void erase(struct kit_terminal *terminal, unsigned from_row, unsigned from_column,
                  unsigned to_row)
{
    for (unsigned row = from_row; row < to_row; row++) {
        for (unsigned column = from_column; column < KIT_COLUMNS; column++)
            terminal->cells[row][column] = ' ';
        from_column = 0;
    }
}

struct kit_terminal *kit_terminal_new(unsigned columns, unsigned rows)
{
    struct kit_terminal *terminal = calloc(1, sizeof *terminal);
    struct termios raw;

    ck_assert_ptr_nonnull(terminal);
    ck_assert_int_eq(openpty(&terminal->master, &terminal->slave, NULL, NULL, NULL), 0);
    ck_assert_int_eq(tcgetattr(terminal->slave, &raw), 0);
    cfmakeraw(&raw);
    ck_assert_int_eq(tcsetattr(terminal->slave, TCSANOW, &raw), 0);
    ck_assert_int_eq(dup2(terminal->slave, STDERR_FILENO), STDERR_FILENO);
    erase(terminal, 0, 0, KIT_ROWS);
    kit_terminal_resize(terminal, columns, rows);
    return terminal;
}

void kit_terminal_free(struct kit_terminal *terminal)
{
    close(terminal->master);
    close(terminal->slave);
    free(terminal);
}

void kit_terminal_resize(struct kit_terminal *terminal, unsigned columns, unsigned rows)
{
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

    ck_assert_uint_lt(columns, KIT_COLUMNS);
    ck_assert_uint_lt(rows, KIT_ROWS);
    ck_assert_int_eq(ioctl(terminal->slave, TIOCSWINSZ, &size), 0);
    terminal->columns = columns;
    terminal->rows = rows;
}

/** An escape sequence, from behind "ESC [" to its last letter. */
static void obey(struct kit_terminal *terminal, const char *sequence)
{
    terminal->escapes++;
    if (strcmp(sequence, "H") == 0) {
        terminal->row = terminal->column = 0;
    } else if (strcmp(sequence, "K") == 0) {
        erase(terminal, terminal->row, terminal->column, terminal->row + 1);
    } else if (strcmp(sequence, "J") == 0) {
        erase(terminal, terminal->row, terminal->column, KIT_ROWS);
        terminal->pictures++;
    } else if (strcmp(sequence, "2J") == 0) {
        erase(terminal, 0, 0, KIT_ROWS);
    } else if (strcmp(sequence, "?1049h") == 0) {
        terminal->alternate = true;
        terminal->taken++;
    } else if (strcmp(sequence, "?1049l") == 0) {
        terminal->alternate = false; /* to one that is empty, as far as it is looked at here */
        terminal->row = terminal->column = 0;
        erase(terminal, 0, 0, KIT_ROWS);
    } else if (strcmp(sequence, "?25l") == 0) {
        terminal->cursor_hidden = true;
    } else if (strcmp(sequence, "?25h") == 0) {
        terminal->cursor_hidden = false;
    } else {
        ck_assert_msg(sequence[strlen(sequence) - 1] == 'm', "no terminal knows %s", sequence);
        terminal->styles++;
    }
}

/** One byte that is no escape. */
static void show(struct kit_terminal *terminal, unsigned char byte)
{
    if (byte == '\r') {
        terminal->column = 0;
    } else if (byte == '\n') {
        if (terminal->row + 1 >= terminal->rows)
            terminal->scrolled++;
        else
            terminal->row++;
    } else if ((byte & 0xc0) != 0x80) { /* not the rest of a character */
        ck_assert_msg(byte >= ' ', "control character %u", byte);
        if (terminal->column + 1 >= terminal->columns)
            terminal->too_wide++;
        terminal->others += byte > '~';
        if (terminal->column < KIT_COLUMNS)
            terminal->cells[terminal->row][terminal->column++] = byte > '~' ? '?' : (char)byte;
    }
}

static unsigned char next_byte(struct kit_terminal *terminal)
{
    unsigned char byte;

    ck_assert_int_eq(read(terminal->master, &byte, 1), 1);
    terminal->bytes++;
    return byte;
}

/** @return the byte, if it was none of an escape sequence; else 0 */
static unsigned char take(struct kit_terminal *terminal)
{
    unsigned char byte = next_byte(terminal);
    char sequence[16];
    size_t size = 0;

    if (byte == '\001')
        return byte;
    if (byte != '\033') {
        show(terminal, byte);
        return byte;
    }
    ck_assert_int_eq(next_byte(terminal), '[');
    do {
        ck_assert_uint_lt(size + 1, sizeof sequence);
        sequence[size] = (char)next_byte(terminal);
    } while (sequence[size++] < '@');
    sequence[size] = '\0';
    obey(terminal, sequence);
    return 0;
}

void kit_terminal_read(struct kit_terminal *terminal)
{
    /* the kernel carries bytes over in its own time, but in order */
    ck_assert_int_eq(write(terminal->slave, "\001", 1), 1);
    while (take(terminal) != '\001')
        continue;
    terminal->bytes--;
}

void kit_terminal_await(struct kit_terminal *terminal, unsigned pictures)
{
    while (terminal->pictures < pictures)
        take(terminal);
}

bool kit_terminal_shows(const struct kit_terminal *terminal, const char *text)
{
    for (unsigned row = 0; row < terminal->rows; row++)
        if (strstr(terminal->cells[row], text) != NULL)
            return true;
    return false;
}
