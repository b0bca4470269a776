/* SPDX-License-Identifier: MIT */
/* Messages of the pool's wire: see messages.h. */
#include "tests/fuzz/messages.h"

#include "pool/process/wire-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** Of the number of a message: how many descriptors. */
#define FDS_MASK 0x1fu

const bool target_takes_messages = true;

bool message_send(int socket, const uint8_t *input, size_t size, size_t *at,
                  void (*change)(uint8_t *bytes, size_t size))
{
    static uint8_t bytes[UINT16_MAX], memory[MEMFD_SIZE];
    int fds[FDS_MASK + 1];
    unsigned number, count;
    ssize_t length = input_message(input, size, at, &number);
    struct iovec part = {.iov_base = bytes};

    if (length < 0)
        return false;
    memcpy(bytes, input + *at, (size_t)length);
    *at += (size_t)length;
    if (change != NULL)
        change(bytes, (size_t)length);
    part.iov_len = (size_t)length;
    count = number & FDS_MASK;
    for (unsigned i = 0; i < count; i++) {
        bool memfd = i == count - 1 && (number & MESSAGE_MEMFD);

        fds[i] = memfd ? -1 : open("/dev/null", O_RDWR);
        HOLDS(memfd ? wire_file_write(&fds[i], memory, sizeof memory) == 0 : fds[i] >= 0);
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
