/* SPDX-License-Identifier: MIT */
/* The server as the admin port shows it: see snapshot.h. */
#include "server/snapshot.h"

#include "server/admin/state.h"
#include "server/parts.h"

static void take_settings(const struct server *server, struct state *state)
{
    const struct options *options = server->options;

    state->type = server->type;
    state->workers = server->model == NULL || model_has_worker(server->model) ? server->workers : 0;
    state->resizable = server->model != NULL && model_may_resize(server->model);
    state->queue = server->type->capped ? options->queue : STATE_UNKNOWN;
    state->on_full = on_full_words[options->on_full];
    state->hold = hold_words[options->hold];
    state->started_ns = server->started_ns;
    state->lame_duck = server->lame_duck;
    state->ended = server->ended;
    state->settings = (struct state_settings){
        .max_sessions = options->max_sessions,
        .high_water = options->marked ? options->high_water : 0,
        .low_water = options->marked ? options->low_water : 0,
        .per_source = options->per_source,
        .transform = transform_words[options->transform],
        .queue_timeout_ns = options->queue_timeout_ns,
        .idle_timeout_ns = options->idle_timeout_ns,
        .session_timeout_ns = options->session_timeout_ns,
        .shutdown_delay_ns = options->shutdown_delay_ns,
        .drain_timeout_ns = options->drain_timeout_ns,
        .delay = options->delay,
        .burn = options->burn,
    };
}

/* Once the server drains there is no listener, and the state has what it was at that moment. */
static void take_listener(const struct server *server, struct state *state)
{
    const struct listening_socket *sockets;
    unsigned count;

    state->listener = server->listener_was;
    state->address[0] = '\0';
    if (server->listener == NULL)
        return;
    listener_state(server->listener, &state->listener);
    sockets = listener_sockets(server->listener, &count);
    address_text(&sockets[0].address, state->address);
}

void snapshot_take(struct server *server, struct state *state)
{
    model_catch_up(server->model);
    take_settings(server, state);
    take_listener(server, state);
    visitors_count(server->visitors, &state->visitors);
    state->rings = (struct ring_counts){0};
    if (server->type->rings != NULL)
        server->type->rings(server->model, &state->rings);
    state_take(server->shared, state);
}
