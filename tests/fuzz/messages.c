/* SPDX-License-Identifier: MIT */
/* Inputs of the fuzzers, in bytes and in text: see messages.h. */
#include "tests/fuzz/messages.h"

#include "pool/park-internal.h"
#include "pool/process/wire-internal.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** The first byte of a message: how many descriptors, and whether the last one is a memfd. */
#define FDS_MASK  0x1fu
#define HAS_MEMFD 0x20u

#define HEAD_SIZE 3u

/* --- text ---------------------------------------------------------------------------------- */

/** An input that is being put together. */
struct making {
    uint8_t *input;
    size_t size, head; /**< the head of the last message */
    bool begun;
};

static bool add(struct making *making, const void *bytes, size_t size)
{
    size_t length;

    if (!making->begun || size > INPUT_MAX - making->size)
        return false;
    memcpy(making->input + making->size, bytes, size);
    making->size += size;
    length = making->size - making->head - HEAD_SIZE;
    making->input[making->head + 1] = (uint8_t)length;
    making->input[making->head + 2] = (uint8_t)(length >> 8);
    return length <= UINT16_MAX;
}

static bool begin_message(struct making *making, const char *words)
{
    unsigned fds = (unsigned)strtoul(words, NULL, 10);

    if (fds > FDS_MASK || making->size + HEAD_SIZE > INPUT_MAX)
        return false;
    making->begun = true;
    making->head = making->size;
    memset(making->input + making->head, 0, HEAD_SIZE);
    making->input[making->head] = (uint8_t)(fds | (strstr(words, "memfd") ? HAS_MEMFD : 0));
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

static bool add_line(struct making *making, const char *kind, const char *words)
{
    uint64_t number = strtoull(words, NULL, 0);

    if (strcmp(kind, "message") == 0)
        return begin_message(making, words);
    if (strcmp(kind, "u32") == 0)
        return add(making, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
    if (strcmp(kind, "u64") == 0)
        return add(making, &number, sizeof number);
    if (strcmp(kind, "text") == 0)
        return add(making, words, strlen(words));
    if (strcmp(kind, "hex") == 0)
        return add_hex(making, words);
    if (strcmp(kind, "zeros") != 0 || number > UINT16_MAX)
        return false;
    while (number-- > 0)
        if (!add(making, "", 1))
            return false;
    return true;
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

/* --- bytes --------------------------------------------------------------------------------- */

/** Find the next message. @return the size of its bytes, or -1 at the end */
static ssize_t next_message(const uint8_t *input, size_t size, size_t *at, unsigned *head)
{
    size_t length;

    if (size - *at < HEAD_SIZE)
        return -1;
    *head = input[*at];
    length = input[*at + 1] | (size_t)input[*at + 2] << 8;
    *at += HEAD_SIZE;
    return (ssize_t)(length < size - *at ? length : size - *at);
}

void text_of_input(const uint8_t *input, size_t size)
{
    unsigned head;
    size_t at = 0;
    ssize_t length;

    while ((length = next_message(input, size, &at, &head)) >= 0) {
        printf("message %u%s\n", head & FDS_MASK, head & HAS_MEMFD ? " memfd" : "");
        for (ssize_t i = 0; i < length; i++)
            printf("%s%02x%s", i % 16 == 0 ? "hex " : "", input[at + (size_t)i],
                   i % 16 == 15 || i == length - 1 ? "\n" : "");
        at += (size_t)length;
    }
}

bool message_send(int socket, const uint8_t *input, size_t size, size_t *at,
                  void (*change)(uint8_t *bytes, size_t size))
{
    static uint8_t bytes[UINT16_MAX], memory[MEMFD_SIZE];
    int fds[FDS_MASK + 1];
    unsigned head, count;
    ssize_t length = next_message(input, size, at, &head);
    struct iovec part = {.iov_base = bytes};

    if (length < 0)
        return false;
    memcpy(bytes, input + *at, (size_t)length);
    *at += (size_t)length;
    if (change != NULL)
        change(bytes, (size_t)length);
    part.iov_len = (size_t)length;
    count = head & FDS_MASK;
    for (unsigned i = 0; i < count; i++) {
        bool memfd = i == count - 1 && (head & HAS_MEMFD);

        fds[i] = memfd ? wire_memfd_new(memory, sizeof memory) : open("/dev/null", O_RDWR);
        EP_ASSERT(fds[i] >= 0);
    }
    /* What is too large for the socket, or has more descriptors than the wire allows, does not arrive. */
    if (count <= WIRE_FDS_MAX)
        wire_send(socket, &part, 1, fds, count, MSG_DONTWAIT);
    for (unsigned i = 0; i < count; i++)
        close(fds[i]);
    return true;
}

void messages_discard(int socket)
{
    char byte;

    /* Without room for descriptors: the kernel closes them. */
    while (recv(socket, &byte, 1, MSG_DONTWAIT) > 0)
        ;
}

int lowest_free_fd(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD, 0);

    EP_ASSERT(fd >= 0);
    close(fd);
    return fd;
}
