// SPDX-License-Identifier: MIT
/*
 * seed: the echo server that this project began with, a Python program of twenty lines, in C and
 * with all its faults. It is here to be read, not to be used: lesson 0 shows what each fault does,
 * and echo-server is the program without them.
 *
 * Usage: seed [PORT]. The default is 8090; for 0 the kernel picks a port. Listens on 127.0.0.1 only.
 *
 * An uncaught exception in Python is a call of die() here: the thread prints the reason and ends,
 * and the other threads go on. Python then closes the thread's connection, because no reference to
 * it is left; die() closes it explicitly.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 10
#define BACKLOG 5
#define BUFFER  1024

/* All threads share one socket, created before them, as in the original. */
static int server;
static struct sockaddr_in address;

/* End the calling thread and close its connection, unless that is -1. */
static _Noreturn void die(long thread, int connection, const char *what, const char *why)
{
    printf("thread %ld dies: %s: %s\n", thread, what, why);
    if (connection >= 0)
        close(connection);
    pthread_exit(NULL);
}

/* Return the length of a character that begins with this byte, or 0 if none can. */
static size_t utf8_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* Would decode('utf-8') accept these bytes? (It also rejects some that this accepts.) */
static bool is_utf8(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t n = utf8_length(bytes[i]);
        if (n == 0 || i + n > length)
            return false;
        for (size_t k = 1; k < n; k++)
            if ((bytes[i + k] & 0xc0) != 0x80)
                return false;
        i += n;
    }
    return true;
}

static void upper(unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] >= 'a' && bytes[i] <= 'z')
            bytes[i] = (unsigned char)(bytes[i] - 'a' + 'A');
}

/* Receive, print, send in capitals, until an error. */
static void communicate(long thread, int connection)
{
    for (;;) {
        unsigned char data[BUFFER];
        ssize_t n = recv(connection, data, sizeof data, 0);
        if (n < 0) {
            /* FAULT 4: a connection can fail in many ways; this checks for one. */
            if (errno == ECONNRESET)
                break;
            die(thread, connection, "recv", strerror(errno));
        }

        /* FAULT 2: recv() returns 0 when the client has finished sending, and this does not check.
         * From then on it returns 0 at once, each time, and the loop never ends. */

        /* FAULT 5: the buffer ends after 1024 bytes, even in the middle of a character. */
        if (!is_utf8(data, (size_t)n))
            die(thread, connection, "decode", "not valid UTF-8");
        printf("%.*s\n", (int)n, (const char *)data);

        /* FAULT 3: send() may accept fewer bytes than it was given, and this does not check. */
        upper(data, (size_t)n);
        if (send(connection, data, (size_t)n, 0) < 0) {
            if (errno == ECONNRESET)
                break;
            die(thread, connection, "send", strerror(errno));
        }
    }
    close(connection);
}

/* Print the port, for the lesson; the original has a fixed one. */
static void print_port(void)
{
    socklen_t length = sizeof address;
    struct sockaddr_in bound;
    if (getsockname(server, (struct sockaddr *)&bound, &length) == 0)
        printf("listening on 127.0.0.1:%d\n", ntohs(bound.sin_port));
}

/* The body of each thread: listen on the shared socket, then serve one client after another. */
static void *serve(void *arg)
{
    long thread = (long)arg;

    /* FAULT 1: a socket can be bound only once. Only the first thread will serve. */
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0)
        die(thread, -1, "bind", strerror(errno));
    if (listen(server, BACKLOG) < 0)
        die(thread, -1, "listen", strerror(errno));
    print_port();

    for (;;) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        int connection = accept(server, (struct sockaddr *)&peer, &length);
        if (connection < 0)
            die(thread, -1, "accept", strerror(errno));
        printf("127.0.0.1:%d\n", ntohs(peer.sin_port));
        communicate(thread, connection);
    }
}

int main(int argc, char **argv)
{
    char *end = "";
    long port = argc > 1 ? strtol(argv[1], &end, 10) : 8090;
    if (argc > 2 || *end != '\0' || port < 0 || port > 65535) {
        fprintf(stderr, "usage: seed [PORT]\n");
        return 2;
    }
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    /* As in Python: print() to a terminal writes whole lines, and a write to a connection that the
     * other side has closed is an error and does not end the process. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);

    server = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t threads[THREADS];
    long started = 0;
    while (server >= 0 && started < THREADS &&
           pthread_create(&threads[started], NULL, serve, (void *)(started + 1)) == 0)
        started++;
    if (started < THREADS)
        perror("seed");
    for (long i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return 1;
}
