/* SPDX-License-Identifier: MIT */
/*
 * echo-server: one echo service under several concurrency designs.
 *
 * From here to the echo: main, server_run (server.c), listener_accept (listen/listener.c),
 * session_serve (session/serve.c), communicate (session/echo.c). Between the third and the fourth
 * the model decides which thread continues: models/local.mk lists the models in reading order.
 */
#include "common/translate.h"
#include "server/options.h"
#include "server/server.h"

int main(int argc, char **argv)
{
    struct options options;

    server_settle_output();
    translate_start();
    options_parse(&options, argc, argv);
    return server_run(&options);
}
