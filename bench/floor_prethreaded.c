/* SPDX-License-Identifier: MIT */
/*
 * The floor under pools of workers, above all for short sessions: N threads, each of which accepts,
 * echoes until the client closes, closes, and accepts again.
 *
 * Nobody hands a connection over: the kernel gives it to the thread that has waited longest. What a
 * pool with an acceptor and a queue takes longer is the price of having them.
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
