/* SPDX-License-Identifier: MIT */
/* The measured servers: see candidates.h. */
#include "bench/candidates.h"

#include "bench/child.h"
#include "bench/load-tls.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ECHO_SERVER "echo-server", "--port", "0", "--model"
#define WITH_TLS    "--tls-cert", "%c", "--tls-key", "%k"

const struct candidate floor_thread = {.name = "floor_thread", .arguments = {"bench/floor_thread"}};
const struct candidate floor_process = {.name = "floor_process",
                                        .arguments = {"bench/floor_process"}};
const struct candidate floor_epoll = {.name = "floor_epoll", .arguments = {"bench/floor_epoll"}};
const struct candidate floor_prethreaded = {.name = "floor_prethreaded",
                                            .arguments = {"bench/floor_prethreaded", "%n"}};
const struct candidate floor_tls = {.name = "floor_tls",
                                    .arguments = {"bench/floor_tls", "%c", "%k"},
                                    .needs = "OpenSSL 3 (Debian: libssl-dev)"};

const struct candidate model_iterative = {
    .name = "iterative", .arguments = {ECHO_SERVER, "iterative"}, .at_once = 1};
const struct candidate model_thread = {.name = "thread", .arguments = {ECHO_SERVER, "thread"}};
const struct candidate model_fork = {.name = "fork", .arguments = {ECHO_SERVER, "fork"}};
const struct candidate model_thread_pool = {
    .name = "thread-pool", .arguments = {ECHO_SERVER, "thread-pool", "--workers", "%n"}};
const struct candidate model_thread_accept = {
    .name = "thread-accept", .arguments = {ECHO_SERVER, "thread-accept", "--workers", "%n"}};
const struct candidate model_prefork = {.name = "prefork",
                                        .arguments = {ECHO_SERVER, "prefork", "--workers", "%n"}};
const struct candidate model_process_pool = {
    .name = "process-pool", .arguments = {ECHO_SERVER, "process-pool", "--workers", "%n"}};
const struct candidate model_event = {.name = "event",
                                      .arguments = {ECHO_SERVER, "event", "--workers", "1"}};
const struct candidate model_message = {
    .name = "thread-pool, message",
    .arguments = {ECHO_SERVER, "thread-pool", "--hold", "message", "--workers", "4"}};
const struct candidate tls_thread_pool = {
    .name = "thread-pool, TLS",
    .arguments = {ECHO_SERVER, "thread-pool", "--workers", "%n", WITH_TLS}};
const struct candidate tls_event = {
    .name = "event, TLS", .arguments = {ECHO_SERVER, "event", "--workers", "1", WITH_TLS}};

const struct candidate floor_uring = {.name = "floor_uring",
                                      .arguments = {"bench/floor_uring"},
                                      .needs = "liburing (Debian: liburing-dev)"};
const struct candidate model_io_uring = {.name = "io-uring",
                                         .arguments = {ECHO_SERVER, "io-uring", "--workers", "1"}};

const struct candidate peer_bufferevent = {.name = "libevent bufferevent",
                                           .arguments = {"bench/peer_bufferevent"}};
const struct candidate peer_uv = {
    .name = "libuv", .arguments = {"bench/peer_uv"}, .needs = "libuv (Debian: libuv1-dev)"};
const struct candidate peer_go = {
    .name = "Go", .arguments = {"bench/peer_go"}, .needs = "Go (Debian: golang-go)"};
const struct candidate peer_tokio = {.name = "Rust tokio",
                                     .arguments = {"bench/peer_tokio/release/peer_tokio"},
                                     .needs = "tokio (Debian: cargo, librust-tokio-dev)"};
const struct candidate peer_seed = {.name = "Python threads",
                                    .arguments = {"python3", BENCH_FOLDER "/peer_seed.py"},
                                    .needs = "python3"};
/* Send its log, which has the port, to standard output. */
const struct candidate peer_socat = {
    .name = "socat, fork",
    .arguments = {"sh", "-c",
                  "exec socat -d -d TCP-LISTEN:0,bind=127.0.0.1,fork,nodelay PIPE 2>&1"},
    .needs = "socat",
    .unchanged = true};

/* --- Filling in ---------------------------------------------------------------------------- */

static char folder[] = "/tmp/bench_tls.XXXXXX";
static char key[sizeof folder + 16];
static char certificate[sizeof folder + 16];
static pid_t owner;

/* Remove the files at exit, in this process and not in its children. */
static void remove_files(void)
{
    if (getpid() != owner)
        return;
    unlink(key);
    unlink(certificate);
    rmdir(folder);
}

void candidate_make_files(void)
{
    if (load_tls == NULL || owner != 0)
        return;
    if (mkdtemp(folder) == NULL)
        log_fatal("cannot make a folder in /tmp: %m");
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    owner = getpid();
    atexit(remove_files);
    load_tls_make_certificate(key, certificate);
}

static const char *fill_in(const char *argument, struct command *command)
{
    if (strcmp(argument, "%a") == 0) {
        command->admin_port = free_port();
        snprintf(command->admin, sizeof command->admin, "127.0.0.1:%u",
                 (unsigned)command->admin_port);
        return command->admin;
    }
    if (strcmp(argument, "%n") == 0)
        return command->number;
    if (strcmp(argument, "%c") == 0)
        return certificate;
    if (strcmp(argument, "%k") == 0)
        return key;
    return argument;
}

void candidate_command(const struct candidate *candidate, unsigned sessions,
                       const char *const more[], struct command *command)
{
    size_t at = 0;

    command->admin_port = 0;
    snprintf(command->number, sizeof command->number, "%u", sessions);
    for (size_t i = 0; i < CANDIDATE_ARGUMENTS && candidate->arguments[i] != NULL; i++)
        command->arguments[at++] = fill_in(candidate->arguments[i], command);
    for (size_t i = 0; more != NULL && more[i] != NULL && i < CANDIDATE_ARGUMENTS; i++)
        command->arguments[at++] = fill_in(more[i], command);
    command->arguments[at] = NULL;
}

bool candidate_is_there(const struct candidate *candidate, const char *const more[], char *why,
                        size_t size)
{
    struct command command;
    char said[256];

    if (candidate->needs != NULL && strncmp(candidate->arguments[0], "bench/", 6) == 0) {
        char path[4096];
        if (access(build_path(candidate->arguments[0], path, sizeof path), X_OK) != 0) {
            snprintf(why, size, "%s was not found by configure", candidate->needs);
            return false;
        }
    }
    candidate_command(candidate, 1, more, &command);
    if (server_probe(command.arguments, said, sizeof said))
        return true;
    if (candidate->needs != NULL)
        snprintf(why, size, "needs %s", candidate->needs);
    else
        snprintf(why, size, "not built in (%s)", said);
    return false;
}
