/* SPDX-License-Identifier: MIT */
/*
 * Messages on standard error: see log.h.
 *
 * A line is built on the stack and written by one write(2). stdio is not used: another thread could
 * hold its lock during a fork(), and the child would wait for it for ever; and stdio may split a
 * line.
 *
 * A pipe that polls writable takes PIPE_BUF bytes at once. So the descriptor is polled before a
 * line is written, under a lock, which keeps other threads from taking the room in between. Except
 * for an error, neither system call waits. A non-blocking descriptor would not do: it would become
 * non-blocking for all processes that share it.
 *
 * Text may contain what a client sent or a user typed. Control bytes become '?', so that a line
 * stays one line and cannot control the terminal that shows it. In JSON they are escaped.
 */
#include "common/log.h"

#include "common/clock.h"
#include "common/json-line.h"
#include "common/printable.h"
#include "common/tostop.h"
#include "common/translate.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 1024 /* longer ones are cut and end in "..." */
#define JSON_BYTES 2048 /* the same; less than PIPE_BUF */
#define ERROR_MS   1000 /* how long an error waits for standard error */

/* Set before any thread is made, then only read. */
static const char *log_program = "echopool";
static enum log_level log_level = LOG_NORMAL;
static enum log_form log_form = LOG_TEXT;

const char *const log_form_words[] = {[LOG_TEXT] = "text", [LOG_JSON] = "json", NULL};

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_level = level;
}

void log_set_form(enum log_form form)
{
    log_form = form;
    if (form == LOG_JSON)
        translate_stop(); /* programs look for the words */
}

bool log_writes(enum log_level level)
{
    return log_level >= level;
}

/* Lines that standard error did not take. */
static _Atomic uint64_t lost;
/* One line at a time. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
/* guarded by writing: how many of the lost have been reported */
static uint64_t lost_told;

/*
 * Write to standard error. Failure is ignored, as it cannot be reported. @return false: not in time
 */
static bool write_all(const char *bytes, size_t size, int wait_ms)
{
    while (size > 0) {
        struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&ready, 1, wait_ms) == 0)
            return false;
        ssize_t written = write(STDERR_FILENO, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* Begin a JSON line with what all have. */
static struct json_line begin_json(char *bytes, size_t room, const char *level, const char *event)
{
    struct json_line line = json_line_begin(bytes, room);

    json_line_time(&line, "time", clock_wall_ns());
    json_line_text(&line, "level", level);
    json_line_text(&line, "event", event);
    return line;
}

/* Write a note about lines that are missing. @return its length */
static size_t write_note(char *note, size_t room, uint64_t missing)
{
    struct json_line line;

    if (log_form == LOG_TEXT)
        return (size_t)snprintf(
            note, room, _("%.32s: (%" PRIu64 " lines are missing: standard error is too slow)\n"),
            log_program, missing);
    line = begin_json(note, room, "warning", "lines missing");
    json_line_number(&line, "lines", missing);
    return json_line_end(&line);
}

/* Write a line, after a note about lines that are missing before it. */
static void write_line(const char *line, size_t size, int wait_ms)
{
    char note[192];
    sigset_t before = tostop_block();

    pthread_mutex_lock(&writing);
    uint64_t missing = atomic_load(&lost) - lost_told;
    if (missing > 0) {
        if (write_all(note, write_note(note, sizeof note, missing), wait_ms))
            lost_told += missing;
    }
    if (!write_all(line, size, wait_ms))
        atomic_fetch_add(&lost, 1);
    pthread_mutex_unlock(&writing);
    tostop_restore(&before);
}

uint64_t log_lost(void)
{
    return atomic_load(&lost);
}

/* Do what vsnprintf() does, with %m in the user's language. */
static __attribute__((format(printf, 3, 0))) int format_text(char *text, size_t room,
                                                             const char *format, va_list arguments)
{
    locale_t before = translate_enter();
    int length = vsnprintf(text, room, format, arguments);

    translate_leave(before);
    return length;
}

/* Write a line as text. */
static __attribute__((format(printf, 2, 0))) void say_text(int wait_ms, const char *format,
                                                           va_list arguments)
{
    char line[LINE_BYTES];
    int saved = errno;
    size_t room = sizeof line - 1; /* one byte is kept for the newline */
    size_t used;
    int length;

    length = snprintf(line, room, "%s: ", log_program);
    used = length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
    errno = saved; /* for %m */
    length = format_text(line + used, room - used, translate(format), arguments);
    if (length >= 0 && (size_t)length >= room - used) {
        used = room - 1;
        memcpy(line + used - 3, "...", 3);
    } else if (length >= 0) {
        used += (size_t)length;
    }
    used = printable_text(line, sizeof line, line, used, '?');
    line[used] = '\n';
    write_line(line, used + 1, wait_ms);
}

/* Write a sentence in JSON. */
static __attribute__((format(printf, 3, 0))) void say_message(int wait_ms, const char *level,
                                                              const char *format, va_list arguments)
{
    char message[JSON_BYTES], bytes[JSON_BYTES]; /* what cannot be in the line is cut there */
    struct json_line line;

    message[0] = '\0';
    (void)vsnprintf(message, sizeof message, format, arguments); /* before anything changes errno */
    line = begin_json(bytes, sizeof bytes, level, "message");
    json_line_text(&line, "message", message);
    write_line(bytes, json_line_end(&line), wait_ms);
}

/* Write what an event was about, in JSON. */
static void say_facts(const char *level, const char *event, const struct log_facts *facts)
{
    char bytes[JSON_BYTES];
    struct json_line line = begin_json(bytes, sizeof bytes, level, event);

    if (facts->session > 0)
        json_line_number(&line, "session", facts->session);
    if (facts->peer != NULL)
        json_line_text(&line, "peer", facts->peer);
    if (facts->outcome != NULL) {
        json_line_text(&line, "outcome", facts->outcome);
        json_line_number(&line, "echoes", facts->echoes);
        json_line_number(&line, "bytes_received", facts->bytes_received);
        json_line_number(&line, "bytes_sent", facts->bytes_sent);
        json_line_ms(&line, "waited_ms", facts->waited_ns);
        json_line_ms(&line, "held_ms", facts->held_ns);
    }
    if (facts->reason != NULL)
        json_line_text(&line, "reason", facts->reason);
    write_line(bytes, json_line_end(&line), 0);
}

/* Format and write a line. Keep errno, so that a caller may log first and return it afterwards. */
static __attribute__((format(printf, 3, 0))) void say(int wait_ms, const char *level,
                                                      const char *format, va_list arguments)
{
    int saved = errno;

    if (log_form == LOG_JSON)
        say_message(wait_ms, level, format, arguments);
    else
        say_text(wait_ms, format, arguments);
    errno = saved;
}

#define SAY(wait_ms, level, format)                                                                \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        say(wait_ms, level, format, arguments);                                                    \
        va_end(arguments);                                                                         \
    } while (0)

void log_error(const char *format, ...)
{
    SAY(ERROR_MS, "error", format);
}

void log_warn(const char *format, ...)
{
    if (log_level >= LOG_NORMAL)
        SAY(0, "warning", format);
}

void log_verbose(const char *format, ...)
{
    if (log_level >= LOG_VERBOSE)
        SAY(0, "info", format);
}

void log_event(enum log_level level, const char *event, const struct log_facts *facts,
               const char *format, ...)
{
    const char *word = level == LOG_VERBOSE ? "info" : "warning";
    int saved = errno;

    if (!log_writes(level))
        return;
    if (log_form == LOG_TEXT)
        SAY(0, word, format);
    else
        say_facts(word, event, facts);
    errno = saved;
}

void log_fatal(const char *format, ...)
{
    SAY(ERROR_MS, "error", format);
    exit(EXIT_RUN);
}

void log_usage(const char *format, ...)
{
    SAY(ERROR_MS, "error", format);
    exit(EXIT_USAGE);
}

unsigned log_gate_pass(struct log_gate *gate)
{
    int64_t now = clock_now_ns();
    int64_t last = atomic_load(&gate->last_ns);

    /* Of those who find it open at the same time, one passes. */
    if ((last != 0 && now - last < SECOND_NS) ||
        !atomic_compare_exchange_strong(&gate->last_ns, &last, now)) {
        atomic_fetch_add(&gate->held, 1);
        return 0;
    }
    return 1 + atomic_exchange(&gate->held, 0);
}
