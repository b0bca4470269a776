/* SPDX-License-Identifier: MIT */
/* The need of descriptors: see descriptors.h. */
#include "server/descriptors.h"

#include "common/log.h"
#include "common/translate.h"
#include "server/admin/admin.h"
#include "server/admin/agent.h"
#include "server/admin/visitor.h"
#include "server/listen/listener.h"
#include "server/parts.h"
#include "server/session/linger.h"

#include <inttypes.h>

enum {
    RESERVED_DESCRIPTORS = 16,   /* standard streams, epoll, one socket, eventfds, signals */
    DESCRIPTORS_PER_PROCESS = 2, /* a worker's socket and its pidfd */
    DESCRIPTORS_PER_LOOP = 2,    /* its epoll and its eventfd */
    DESCRIPTORS_PER_DOOR = 2,    /* the same of a worker that accepts */
};

/* Count the descriptors that all sessions, workers and clients together can take. */
static uint64_t needed_by(const struct options *options, const struct model_type *type,
                          uint64_t workers, unsigned sockets)
{
    uint64_t needed = RESERVED_DESCRIPTORS + (sockets - 1);

    needed += type->capped ? workers + options->queue : options->max_sessions;
    if (model_accepts(type)) /* each socket twice: see doors_set_sockets() */
        needed += DESCRIPTORS_PER_DOOR * workers +
                  sockets * (options->hosts.reuse_port ? 2 * workers - 1 : 1);
    if (type->processes) /* for each session a pidfd, or the copy that goes to a worker */
        needed += type->capped ? workers + options->queue : options->max_sessions;
    if (type->processes && type->capped)
        needed += DESCRIPTORS_PER_PROCESS * workers;
    if (type->holds_many)
        needed += DESCRIPTORS_PER_LOOP * workers;
    if (type->capped && options->on_full == ON_FULL_CALLER_RUNS)
        needed++;
    if (!type->capped || options->on_full == ON_FULL_REJECT ||
        options->on_full == ON_FULL_DROP_OLDEST || options->queue_timeout_ns > 0 ||
        options->per_source > 0 || options->tls_cert != NULL)
        needed += LINGERING_MAX;
    if (options->admin != NULL)
        needed += ADMIN_DESCRIPTORS_MAX;
    if (options->admin_control)
        needed += VISITORS_MAX;
    if (options->agent != NULL)
        needed += AGENT_DESCRIPTORS_MAX;
    return needed;
}

static bool is_too_low(const struct server *server)
{
    return server->descriptors_allowed != 0 &&
           server->descriptors_allowed < server->descriptors_needed;
}

static void raise_limit(struct server *server, uint64_t workers)
{
    const struct options *options = server->options;
    unsigned sockets = options->hosts.count; /* as long as no name has been looked up */
    uint64_t needed;
    uint64_t have = options->limits.nofile;

    if (server->listener != NULL)
        listener_sockets(server->listener, &sockets);
    needed = needed_by(options, server->type, workers, sockets);
    if (have == 0)
        have = limits_raise_nofile(needed);
    server->descriptors_needed = needed;
    server->descriptors_allowed = have;
}

/* Return the options that would help. NULL: none would */
static const char *to_lower(const struct model_type *type)
{
    if (!type->capped)
        return "--max-sessions";
    if (type->single)
        return NULL;
    return model_accepts(type) ? "--workers" : _("--workers or --queue");
}

void descriptors_secure(struct server *server, uint64_t workers)
{
    const char *lower = to_lower(server->type);

    raise_limit(server, workers);
    if (!is_too_low(server))
        return;
    if (lower == NULL)
        log_warn("up to %" PRIu64 " descriptors may be needed and %" PRIu64
                 " are allowed: raise the limit (ulimit -n %" PRIu64 ")",
                 server->descriptors_needed, server->descriptors_allowed,
                 server->descriptors_needed);
    else
        log_warn("up to %" PRIu64 " descriptors may be needed and %" PRIu64
                 " are allowed: raise the limit (ulimit -n %" PRIu64 "), or lower %s",
                 server->descriptors_needed, server->descriptors_allowed,
                 server->descriptors_needed, lower);
}

void descriptors_secure_again(struct server *server, uint64_t workers)
{
    if (is_too_low(server)) /* and it was logged */
        raise_limit(server, workers);
    else
        descriptors_secure(server, workers);
}
