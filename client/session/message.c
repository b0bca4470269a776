/* SPDX-License-Identifier: MIT */
/*
 * Messages from a generated text or from a file.
 *
 * DESIGN
 * The generated text is one block, PERIOD bytes longer than the largest body. A body begins at an
 * offset below PERIOD that session and sequence choose, so neighbours differ in every byte and no
 * body is ever copied. The expected bytes are a second block, transformed once at the start: checking
 * a reply is then a memcmp. A file is held the same way, with a table of the beginnings of its lines.
 */
#include "client/session/message.h"

#include "common/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Prime, so that strides of session and sequence reach every offset. */
enum { PERIOD = 4093 };

struct messages {
    unsigned char *text;     /* what is sent */
    unsigned char *expected; /* what comes back; the same block as text if that is the same */
    size_t text_bytes;
    enum transform transform;
    /* generated */
    size_t size_min;
    size_t size_max;
    /* from a file: line i is [starts[i], starts[i + 1]) */
    size_t *starts;
    size_t lines; /* 0: generated */
    unsigned sessions;
};

/** Mix two numbers into one. */
static uint64_t mix(uint64_t session, uint64_t sequence)
{
    return random_mix((session << 40) + sequence + RANDOM_STEP);
}

/** Make the expected bytes of a source. @return false: no memory */
static bool transform_text(struct messages *messages)
{
    messages->expected = messages->text;
    if (messages->transform == TRANSFORM_NONE)
        return true;
    messages->expected = malloc(messages->text_bytes);
    if (messages->expected == NULL)
        return false;
    memcpy(messages->expected, messages->text, messages->text_bytes);
    transform_apply(messages->transform, messages->expected, messages->text_bytes);
    return true;
}

struct messages *messages_generated(size_t size_min, size_t size_max, enum transform transform)
{
    struct messages *messages = calloc(1, sizeof *messages);

    if (messages == NULL)
        return NULL;
    messages->transform = transform;
    messages->size_min = size_min;
    messages->size_max = size_max;
    messages->text_bytes = size_max + PERIOD;
    messages->text = malloc(messages->text_bytes);
    if (messages->text == NULL) {
        free(messages);
        return NULL;
    }
    /* every printable character, in an order that never repeats within PERIOD */
    for (size_t i = 0; i < messages->text_bytes; i++)
        messages->text[i] = (unsigned char)(' ' + (i % PERIOD * 37 + i % PERIOD / 95 * 11) % 95);
    if (!transform_text(messages)) {
        messages_free(messages);
        return NULL;
    }
    return messages;
}

/** Read a descriptor to its end into messages->text. @return NULL, or why it cannot be */
static const char *read_all(int fd, struct messages *messages)
{
    size_t room = 0;

    for (;;) {
        ssize_t got;

        if (messages->text_bytes == room) {
            unsigned char *larger;

            room = room == 0 ? 64u << 10 : room * 2;
            larger = realloc(messages->text, room);
            if (larger == NULL)
                return strerror(ENOMEM);
            messages->text = larger;
        }
        got = read(fd, messages->text + messages->text_bytes, room - messages->text_bytes);
        if (got == 0)
            return NULL;
        if (got < 0 && errno != EINTR)
            return strerror(errno);
        if (got > 0)
            messages->text_bytes += (size_t)got;
        if (messages->text_bytes > MESSAGE_FILE_MAX)
            return "it is larger than 1 GiB";
    }
}

/** The size of the line, newline included and cut at MESSAGE_LINE_MAX, that begins at an offset. */
static size_t line_size(const struct messages *messages, size_t start)
{
    size_t left = messages->text_bytes - start;
    size_t limit = left < MESSAGE_LINE_MAX ? left : MESSAGE_LINE_MAX;
    const unsigned char *newline = memchr(messages->text + start, '\n', limit);

    return newline != NULL ? (size_t)(newline - (messages->text + start)) + 1 : limit;
}

/** Find the lines: once to count them, once to note their beginnings. @return false: no memory */
static bool index_lines(struct messages *messages)
{
    size_t start, line;

    for (start = 0; start < messages->text_bytes; start += line_size(messages, start))
        messages->lines++;
    messages->starts = calloc(messages->lines + 1, sizeof *messages->starts);
    if (messages->starts == NULL)
        return false;
    for (start = 0, line = 0; start < messages->text_bytes; line++) {
        size_t size = line_size(messages, start);

        messages->starts[line] = start;
        if (size > messages->size_max)
            messages->size_max = size;
        start += size;
    }
    messages->starts[line] = start;
    return true;
}

/** Open the file and read it whole. open() takes directories, too. @return as read_all() */
static const char *load_file(const char *path, struct messages *messages)
{
    const char *cause;
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return strerror(errno);
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
        cause = strerror(EISDIR);
    else
        cause = read_all(fd, messages);
    close(fd);
    if (cause == NULL && messages->text_bytes == 0)
        cause = "it is empty";
    return cause;
}

struct messages *messages_from_file(const char *path, unsigned sessions, enum transform transform,
                                    const char **cause)
{
    struct messages *messages = calloc(1, sizeof *messages);

    *cause = strerror(ENOMEM);
    if (messages == NULL)
        return NULL;
    messages->transform = transform;
    messages->sessions = sessions;
    *cause = load_file(path, messages);
    if (*cause == NULL && (!index_lines(messages) || !transform_text(messages)))
        *cause = strerror(ENOMEM);
    if (*cause != NULL) {
        messages_free(messages);
        return NULL;
    }
    return messages;
}

void messages_free(struct messages *messages)
{
    if (messages == NULL)
        return;
    if (messages->expected != messages->text)
        free(messages->expected);
    free(messages->text);
    free(messages->starts);
    free(messages);
}

size_t messages_largest(const struct messages *messages)
{
    return messages->size_max;
}

/** Add a part, unless it has no bytes. */
static void add_part(struct message *message, const unsigned char *sent,
                     const unsigned char *expected, size_t size)
{
    if (size == 0)
        return;
    message->part[message->parts++] = (struct message_part){sent, expected, size};
    message->size += size;
}

void message_single(struct message *message, const unsigned char *sent,
                    const unsigned char *expected, size_t size)
{
    message->parts = 0;
    message->size = 0;
    add_part(message, sent, expected, size);
}

/** Write a number with leading zeros; printf would cost more than the rest of a message. */
static void put_digits(unsigned char *text, unsigned digits, uint64_t number)
{
    while (digits-- > 0) {
        text[digits] = (unsigned char)('0' + number % 10);
        number /= 10;
    }
}

static void make_stamp(struct message *message, unsigned session, uint64_t sequence,
                       enum transform transform)
{
    message->stamp[0] = 's';
    put_digits(message->stamp + 1, 6, session);
    message->stamp[7] = ' ';
    message->stamp[8] = 'm';
    put_digits(message->stamp + 9, 9, sequence);
    message->stamp[18] = ' ';
    memcpy(message->stamp_expected, message->stamp, sizeof message->stamp);
    transform_apply(transform, message->stamp_expected, sizeof message->stamp_expected);
}

static void make_generated(const struct messages *messages, unsigned session, uint64_t sequence,
                           struct message *message)
{
    static const unsigned char newline[] = {'\n'};
    size_t spread = messages->size_max - messages->size_min + 1;
    size_t size = messages->size_min;
    size_t offset = (size_t)((session * UINT64_C(1049) + sequence * 31) % PERIOD);

    if (spread > 1)
        size += (size_t)(mix(session, sequence) % spread);
    if (size >= MESSAGE_STAMP + 2) {
        make_stamp(message, session, sequence, messages->transform);
        add_part(message, message->stamp, message->stamp_expected, MESSAGE_STAMP);
    } else if ((messages->text[offset] | 0x20) == 'b') {
        /* a message of one byte must not look like the start of the server's "BUSY" */
        offset++;
    }
    size -= message->size;
    add_part(message, messages->text + offset, messages->expected + offset,
             size > 1 ? size - 1 : size);
    if (size > 1)
        add_part(message, newline, newline, 1);
}

void message_make(const struct messages *messages, unsigned session, uint64_t sequence,
                  struct message *message)
{
    message->parts = 0;
    message->size = 0;
    if (messages->lines > 0) {
        uint64_t first = (uint64_t)session * messages->lines / messages->sessions;
        size_t line = (size_t)((first + sequence) % messages->lines);
        size_t start = messages->starts[line];

        add_part(message, messages->text + start, messages->expected + start,
                 messages->starts[line + 1] - start);
    } else {
        make_generated(messages, session, sequence, message);
    }
}

unsigned char message_expected_at(const struct message *message, size_t offset)
{
    unsigned i = 0;

    while (offset >= message->part[i].size)
        offset -= message->part[i++].size;
    return message->part[i].expected[offset];
}

const unsigned char *message_flat(const struct message *message, unsigned char *buffer)
{
    unsigned char *end = buffer;

    if (message->parts == 1)
        return message->part[0].sent;
    for (unsigned i = 0; i < message->parts; i++) {
        memcpy(end, message->part[i].sent, message->part[i].size);
        end += message->part[i].size;
    }
    return buffer;
}
