/* SPDX-License-Identifier: MIT */
/* Changes while the server runs: see adjust.h. */
#include "server/adjust.h"

#include "common/translate.h"
#include "pool/echopool.h"
#include "server/admin/visitor.h"
#include "server/descriptors.h"
#include "server/output/printer.h"
#include "server/parts.h"
#include "server/session/accounting.h"
#include "server/tend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Return why the number of workers stays as it is, in English: scripts read it, too.
 *
 * @param error  an errno value, not negated
 */
static const char *obstacle(int error, uint64_t wanted)
{
    if (error == ENOTSUP)
        return N_("this model has no pool");
    if (error == EBUSY)
        return N_("with --reuse-port each has a socket of its own, in which clients may wait");
    if (wanted == 0)
        return N_("one is the fewest");
    if (wanted > EP_WORKERS_MAX)
        return N_("a pool has no more");
    return strerror(error);
}

int adjust_workers(struct server *server, bool more, uint64_t *workers,
                   char why[static HOST_WHY_MAX])
{
    uint64_t wanted = more ? server->workers + 1 : server->workers - 1;
    int rc;

    *workers = server->workers;
    if (!model_may_resize(server->model)) {
        rc = server->type->resize == NULL ? -ENOTSUP : -EBUSY;
    } else if (wanted == 0 || wanted > EP_WORKERS_MAX) {
        rc = -EINVAL;
    } else {
        descriptors_secure(server, wanted);
        rc = server->type->resize(server->model, wanted);
    }
    if (rc != 0) {
        snprintf(why, HOST_WHY_MAX, "%s", obstacle(-rc, wanted));
        return rc;
    }
    *workers = server->workers = wanted;
    if (server->type->capped)
        accounting_set_servers(server->shared->accounting, wanted);
    printer_line(server->shared->printer, "workers: %" PRIu64, wanted);
    tend(server);
    return 0;
}

int adjust_accepting(struct server *server, bool paused, char why[static HOST_WHY_MAX])
{
    if (server->listener == NULL) {
        snprintf(why, HOST_WHY_MAX, "the server is stopping");
        return -ESHUTDOWN;
    }
    if (listener_hold(server->listener, paused))
        printer_line(server->shared->printer, "accepting %s",
                     paused ? "is paused by a person" : "goes on");
    return 0;
}

int adjust_visitors(struct server *server, unsigned count, bool silent,
                    char why[static HOST_WHY_MAX])
{
    struct visitor_counts counts;
    int rc = server->listener == NULL ? -ESHUTDOWN : visitors_send(server->visitors, count, silent);

    visitors_count(server->visitors, &counts);
    if (rc > 0)
        printer_line(server->shared->printer, "a person has sent %d %svisitor%s", rc,
                     silent ? "silent " : "", rc == 1 ? "" : "s");
    else if (rc == -ENOTSUP)
        snprintf(why, HOST_WHY_MAX, "%s", counts.obstacle);
    else if (rc == -EBUSY)
        snprintf(why, HOST_WHY_MAX, "%" PRIu64 " are here, and %d are the most", counts.here,
                 VISITORS_MAX);
    else
        snprintf(why, HOST_WHY_MAX, "%s",
                 rc == -ESHUTDOWN ? "the server is stopping" : strerror(-rc));
    return rc;
}
