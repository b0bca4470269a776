/* SPDX-License-Identifier: MIT */
/*
 * The floor under thread-per-session servers: the cost of the system calls alone.
 *
 * accept, a thread, recv, upper-case, send, nothing else: no limits, no counters, no way to stop
 * except a signal. Errors end the session or the program. If a server uses more CPU than this, the
 * difference is the cost of its features.
 *
 * Prints "listening on 127.0.0.1:PORT" as echo-server does.
 */
#include "bench/floor.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static void *serve(void *argument)
{
    floor_echo((int)(intptr_t)argument);
    return NULL;
}

int main(void)
{
    int listener = floor_listen();
    pthread_attr_t detached;

    pthread_attr_init(&detached);
    /* Detached, unlike all threads of echopool: keeping threads to join them has a cost. */
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (;;) {
        pthread_t thread;
        int fd = floor_accept(listener, 0);
        if (pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd) != 0)
            return EXIT_FAILURE;
    }
}
