/* SPDX-License-Identifier: MIT */
/* Inputs of the fuzzers, in bytes and in text: see input.h. */
#include "tests/fuzz/input.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HEAD_SIZE = 3,      /* of a message */
    TEXT_LONGEST = 100, /* of a piece that is shown as text */
    HEX_WIDTH = 16,
};

/* --- from text ----------------------------------------------------------------------------- */

/** An input that is being put together. */
struct making {
    uint8_t *input;
    size_t size, head; /**< the head of the last message */
    bool in_message;
};

static bool add(struct making *making, const void *bytes, size_t size)
{
    size_t length;

    if (size > INPUT_MAX - making->size)
        return false;
    memcpy(making->input + making->size, bytes, size);
    making->size += size;
    if (!making->in_message)
        return true;
    length = making->size - making->head - HEAD_SIZE;
    making->input[making->head + 1] = (uint8_t)length;
    making->input[making->head + 2] = (uint8_t)(length >> 8);
    return length <= UINT16_MAX;
}

static bool begin_message(struct making *making, uint64_t number)
{
    if (number > UINT8_MAX || making->size + HEAD_SIZE > INPUT_MAX)
        return false;
    making->in_message = true;
    making->head = making->size;
    memset(making->input + making->head, 0, HEAD_SIZE);
    making->input[making->head] = (uint8_t)number;
    making->size += HEAD_SIZE;
    return true;
}

static bool add_hex(struct making *making, const char *digits)
{
    unsigned byte;

    for (; isxdigit((unsigned char)digits[0]); digits += 2) {
        if (sscanf(digits, "%2x", &byte) != 1 || !add(making, &(uint8_t){(uint8_t)byte}, 1))
            return false;
    }
    return true;
}

static bool add_zeros(struct making *making, uint64_t count)
{
    if (count > UINT16_MAX)
        return false;
    while (count-- > 0)
        if (!add(making, "", 1))
            return false;
    return true;
}

static bool add_line(struct making *making, const char *kind, const char *words)
{
    uint64_t number = strtoull(words, NULL, 0);
    bool line = strcmp(kind, "line") == 0;
    bool crlf = strcmp(kind, "crlf") == 0;

    if (line || crlf || strcmp(kind, "text") == 0)
        return add(making, words, strlen(words)) && (!crlf || add(making, "\r", 1)) &&
               ((!crlf && !line) || add(making, "\n", 1));
    if (strcmp(kind, "message") == 0)
        return begin_message(making, number | (strstr(words, "memfd") ? MESSAGE_MEMFD : 0));
    if (strcmp(kind, "u32") == 0)
        return add(making, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
    if (strcmp(kind, "u64") == 0)
        return add(making, &number, sizeof number);
    if (strcmp(kind, "hex") == 0)
        return add_hex(making, words);
    return strcmp(kind, "zeros") == 0 && add_zeros(making, number);
}

size_t input_of_text(FILE *text, uint8_t input[static INPUT_MAX])
{
    struct making making = {.input = input};
    char line[4096], kind[16];
    int end;

    while (fgets(line, sizeof line, text) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (sscanf(line, "%15s%n", kind, &end) != 1 ||
            !add_line(&making, kind, line + end + (line[end] == ' '))) {
            fprintf(stderr, "not a line of an input: %s\n", line);
            return 0;
        }
    }
    return making.size;
}

/* --- to text ------------------------------------------------------------------------------- */

/** Whether a line of text gives back exactly these bytes. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            return false;
    return size <= TEXT_LONGEST;
}

/** Write bytes, a line of them as text if it is one. */
static void write_bytes(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        const uint8_t *newline = memchr(bytes, '\n', size);
        size_t taken = newline != NULL ? (size_t)(newline - bytes) + 1 : size;
        size_t length = taken - (newline != NULL);
        bool crlf = newline != NULL && length > 0 && bytes[length - 1] == '\r';

        if (is_text(bytes, length - crlf)) {
            printf("%s %.*s\n",
                   crlf              ? "crlf"
                   : newline != NULL ? "line"
                                     : "text",
                   (int)(length - crlf), (const char *)bytes);
        } else {
            taken = taken < HEX_WIDTH ? taken : HEX_WIDTH;
            printf("hex ");
            for (size_t i = 0; i < taken; i++)
                printf("%02x", bytes[i]);
            printf("\n");
        }
        bytes += taken;
        size -= taken;
    }
}

ssize_t input_message(const uint8_t *input, size_t size, size_t *at, unsigned *number)
{
    size_t length;

    if (size - *at < HEAD_SIZE)
        return -1;
    *number = input[*at];
    length = input[*at + 1] | (size_t)input[*at + 2] << 8;
    *at += HEAD_SIZE;
    return (ssize_t)(length < size - *at ? length : size - *at);
}

void text_of_input(const uint8_t *input, size_t size)
{
    unsigned number;
    size_t at = 0;
    ssize_t length;

    if (!target_takes_messages) {
        write_bytes(input, size);
        return;
    }
    while ((length = input_message(input, size, &at, &number)) >= 0) {
        printf("message %u\n", number);
        write_bytes(input + at, (size_t)length);
        at += (size_t)length;
    }
}

/* --- for the targets ----------------------------------------------------------------------- */

int lowest_free_fd(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD, 0);

    HOLDS(fd >= 0);
    close(fd);
    return fd;
}

_Noreturn void input_broken(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, condition);
    abort();
}
