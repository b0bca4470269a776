/* SPDX-License-Identifier: MIT */
/* The prompt: one session, driven by lines from a person or a pipe. */
#include "client/prompt.h"

#include "client/line.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prompt {
    const struct session_plan *plan;
    enum transform transform;
    bool quiet;
    struct session session;
    unsigned char *memory; /* the session's, then expected: for lines up to room bytes */
    unsigned char *expected;
    size_t room;
};

/** Make room for a line, its expected reply, and the reply itself in one piece. */
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
    session_use_buffer(&prompt->session, memory, reply);
    prompt->expected = memory + reply;
    return true;
}

/** Without the white space at both ends; the six characters that Python's bytes.strip() knows. */
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

/** @return false: standard output takes no more; said, unless its reader has simply left */
static bool print_reply(const struct prompt *prompt)
{
    const struct session *session = &prompt->session;

    if (prompt->quiet)
        return true;
    if (fwrite(session->reply, 1, session->received, stdout) == session->received &&
        putchar('\n') != EOF && fflush(stdout) == 0)
        return true;
    if (errno != EPIPE)
        log_error("cannot write to standard output: %s", strerror(errno));
    return false;
}

/** Send one line and print its reply. @return false: this was the last */
static bool talk(struct prompt *prompt, const char *line, size_t size, enum prompt_end *end)
{
    struct message message;
    enum exchange result;

    if (!reserve(prompt, size)) {
        log_error("cannot get memory for a line of %zu bytes", size);
        *end = PROMPT_FAILED;
        return false;
    }
    memcpy(prompt->expected, line, size);
    transform_apply(prompt->transform, prompt->expected, size);
    message_single(&message, (const unsigned char *)line, prompt->expected, size);
    result = session_exchange(&prompt->session, &message);
    if (result == EXCHANGE_WRONG) {
        *end = PROMPT_WRONG;
        result = session_skip_reply(&prompt->session, &message);
    }
    if (result == EXCHANGE_ENDED) {
        if (*end == PROMPT_OK)
            *end = PROMPT_FAILED;
        return false;
    }
    if (!print_reply(prompt)) {
        if (*end == PROMPT_OK)
            *end = PROMPT_FAILED;
        return false;
    }
    return true;
}

/** Lines until there are no more, or something is wrong. */
static enum prompt_end talk_all(struct prompt *prompt, struct line_reader *reader)
{
    enum prompt_end end = PROMPT_OK;
    const char *line;
    size_t size;

    while ((line = line_read(reader, &size)) != NULL) {
        line = trim(line, &size);
        if (size > 0 && !talk(prompt, line, size, &end))
            return end;
    }
    if (errno != 0) {
        log_error("cannot read standard input: %s", strerror(errno));
        return end == PROMPT_OK ? PROMPT_FAILED : end;
    }
    session_finish(&prompt->session);
    if (prompt->session.wrong)
        end = PROMPT_WRONG;
    else if (prompt->session.state != SESSION_OK && end == PROMPT_OK)
        end = PROMPT_FAILED;
    return end;
}

/** Why the session ended, in a sentence. */
static void say_why(const struct session *session)
{
    char where[ADDRESS_TEXT_MAX];

    if (session->state == SESSION_REFUSED)
        log_error("the server at %s refused the session: %s",
                  address_text(&session->plan->address, where),
                  session->reason + strlen("refused: "));
    else if (session->state == SESSION_FAILED)
        log_error("the session with the server at %s ended: %s",
                  address_text(&session->plan->address, where), session->reason);
}

enum prompt_end prompt_run(const struct session_plan *plan, enum transform transform, bool quiet)
{
    struct prompt prompt = {.plan = plan, .transform = transform, .quiet = quiet};
    struct line_reader *reader = line_reader_new(quiet ? "" : ">>:");
    enum prompt_end end = PROMPT_FAILED;
    char where[ADDRESS_TEXT_MAX];

    session_init(&prompt.session, 0, plan, NULL, 0);
    if (reader == NULL || !reserve(&prompt, 1024)) {
        log_error("cannot get memory for the prompt");
    } else if (!session_connect(&prompt.session)) {
        log_error("cannot connect to %s: %s; is the server running there?",
                  address_text(&plan->address, where), prompt.session.reason);
    } else if (!session_shake_hands(&prompt.session)) {
        say_why(&prompt.session);
    } else {
        log_verbose("connected to %s", address_text(&plan->address, where));
        end = talk_all(&prompt, reader);
        say_why(&prompt.session);
    }
    session_close(&prompt.session);
    session_clear(&prompt.session);
    line_reader_free(reader);
    free(prompt.memory);
    return end;
}
