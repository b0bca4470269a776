/* SPDX-License-Identifier: MIT */
/*
 * The floor under worker pools, mostly for short sessions: N threads, each of which accepts, echoes
 * until the client closes, closes, and accepts again.
 *
 * No thread hands a connection over: the kernel gives it to the thread that has waited longest. The
 * additional time of a pool with an accept loop and a queue is the cost of these two.
 *
 *     floor_prethreaded THREADS
 */
#include "bench/floor.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static _Noreturn void *serve(void *listener)
{
    for (;;)
        floor_echo(floor_accept((int)(intptr_t)listener, 0));
}

int main(int argc, char *argv[])
{
    long threads = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    void *listener;
    pthread_t thread;

    if (threads < 1)
        return EXIT_FAILURE;
    listener = (void *)(intptr_t)floor_listen();
    while (--threads > 0)
        if (pthread_create(&thread, NULL, serve, listener) != 0)
            return EXIT_FAILURE;
    serve(listener);
}
