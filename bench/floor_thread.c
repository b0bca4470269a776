/* SPDX-License-Identifier: MIT */
/*
 * The floor under thread-per-session servers: what the system calls alone cost.
 *
 * accept, a thread, recv, upper-case, send, nothing else: no limits, no counters, no way to stop
 * but a signal. Errors end the session or the program. What a server with features needs more CPU
 * than this is the price of its features.
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
    /* Against the rule of the house, and on purpose: keeping threads to be joined costs. */
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (;;) {
        pthread_t thread;
        int fd = floor_accept(listener, 0);
        if (pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd) != 0)
            return EXIT_FAILURE;
    }
}
