/* SPDX-License-Identifier: MIT */
/* The prompt: one session, driven by lines from a person or a pipe. */
#include "client/prompt.h"

#include "client/line.h"
#include "client/session/poll.h"
#include "common/log.h"
#include "common/translate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prompt {
    const struct session_plan *plan;
    enum transform transform;
    bool quiet;
    struct session session;
    struct session_buffers buffers;
    struct pending pending;
    unsigned char *memory; /* for the reply, then expected: for lines up to room bytes */
    unsigned char *expected;
    size_t room;
};

/** Make room for the expected reply to a line, and for the reply in one piece. */
static bool reserve(struct prompt *prompt, size_t size)
{
    size_t reply = size < 256 ? 256 : size;
    unsigned char *memory;

    if (prompt->memory != NULL && size <= prompt->room)
        return true;
    memory = realloc(prompt->memory, reply + size);
    if (memory == NULL)
        return false;
    prompt->memory = memory;
    prompt->room = size;
    prompt->buffers.reply = memory;
    prompt->buffers.reply_room = reply;
    prompt->expected = memory + reply;
    return true;
}

/** Cut off white space at both ends: the six characters of Python's bytes.strip(). */
static const char *trim(const char *line, size_t *size)
{
    static const char blank[] = " \t\n\r\v\f";

    while (*size > 0 && line[*size - 1] != '\0' && strchr(blank, line[*size - 1]) != NULL)
        --*size;
    while (*size > 0 && *line != '\0' && strchr(blank, *line) != NULL) {
        line++;
        --*size;
    }
    return line;
}

/** Print a reply. @return false: standard output takes no more; logged, unless it was closed */
static bool print_reply(const struct prompt *prompt, size_t size)
{
    if (prompt->quiet)
        return true;
    if (fwrite(prompt->buffers.reply, 1, size, stdout) == size && putchar('\n') != EOF &&
        fflush(stdout) == 0)
        return true;
    if (errno != EPIPE)
        log_error("cannot write to standard output: %s", translate_error(errno));
    return false;
}

/** Send one line and print its reply. @return false: this was the last */
static bool talk(struct prompt *prompt, const char *line, size_t size)
{
    struct message message;

    if (!reserve(prompt, size)) {
        log_error("cannot get memory for a line of %zu bytes", size);
        return false;
    }
    memcpy(prompt->expected, line, size);
    transform_apply(prompt->transform, prompt->expected, size);
    message_single(&message, (const unsigned char *)line, prompt->expected, size);
    session_give(&prompt->session, &message);
    return poll_run(&prompt->session, -1) == NEED_MESSAGE && print_reply(prompt, size);
}

/** Talk until there are no more lines, or something is wrong. @return whether all went well */
static bool talk_all(struct prompt *prompt, struct line_reader *reader)
{
    const char *line;
    size_t size;

    while ((line = line_read(reader, &size)) != NULL) {
        line = trim(line, &size);
        if (size > 0 && !talk(prompt, line, size))
            return false;
    }
    if (errno != 0) {
        log_error("cannot read standard input: %s", translate_error(errno));
        return false;
    }
    session_end(&prompt->session);
    (void)poll_run(&prompt->session, -1);
    return prompt->session.connection.record.state == SESSION_OK;
}

/** Log why the session ended, unless it ended well. */
static void say_why(const struct session *session)
{
    const struct session_record *record = &session->connection.record;
    char where[ADDRESS_TEXT_MAX];

    address_text(&session->target->addresses.at[session->connection.address], where);
    if (record->state == SESSION_REFUSED)
        log_error("the server at %s refused the session: %s", where,
                  record->reason + strlen("refused: "));
    else if (record->state == SESSION_FAILED && session->connection.tried > 1)
        log_error("cannot connect to any address of the server: %s; is it running there?",
                  record->reason);
    else if (record->state == SESSION_FAILED && record->connected_ns == 0)
        log_error("cannot connect to %s: %s; is the server running there?", where, record->reason);
    else if (record->state == SESSION_FAILED || record->state == SESSION_CLOSED)
        log_error("the session with the server at %s ended: %s", where, record->reason);
}

enum prompt_end prompt_run(const struct session_plan *plan, enum transform transform, bool quiet)
{
    struct prompt prompt = {.plan = plan, .transform = transform, .quiet = quiet};
    struct line_reader *reader = line_reader_new(quiet ? "" : ">>:");
    bool good = reader != NULL && reserve(&prompt, 1024);
    const struct session *session = &prompt.session;
    char where[ADDRESS_TEXT_MAX];

    if (!good) {
        log_error("cannot get memory for the prompt");
        line_reader_free(reader);
        return PROMPT_FAILED;
    }
    session_init(&prompt.session, 0, plan, &prompt.buffers, &prompt.pending, false);
    good = poll_run(&prompt.session, -1) == NEED_MESSAGE;
    if (good) {
        log_verbose(
            "connected to %s",
            address_text(&session->target->addresses.at[session->connection.address], where));
        good = talk_all(&prompt, reader);
    }
    say_why(&prompt.session);
    session_clear(&prompt.session);
    line_reader_free(reader);
    free(prompt.memory);
    return prompt.session.connection.record.mismatched ? PROMPT_WRONG
           : good                                      ? PROMPT_OK
                                                       : PROMPT_FAILED;
}
