/* SPDX-License-Identifier: MIT */
/* Sessions that are over, under one lock that is taken once for each of them. See tally.h. */
#include "client/load/tally.h"

#include "common/must.h"

#include <stdlib.h>
#include <sys/eventfd.h>

/** Keep a record for the views. If there is no memory for it, count it as missing there. */
static void keep(struct load *load, const struct session_record *record)
{
    struct ended *ended;

    if (!load->recording)
        return;
    ended = malloc(sizeof *ended);
    if (ended == NULL) {
        load->summary->unrecorded++;
        return;
    }
    ended->record = *record;
    ended->next = load->ended;
    load->ended = ended;
}

static void count_idle(struct summary *summary, const struct session_record *record)
{
    summary->idle_requested++;
    summary->idle_connected += record->connected_ns != 0 ? 1 : 0;
    summary->idle_ended += record->connected_ns != 0 && record->state != SESSION_OK ? 1 : 0;
}

static void count(struct summary *summary, const struct session_record *record)
{
    if (record->idle)
        count_idle(summary, record);
    else
        summary_add(summary, record);
}

bool tally_session(struct load *load, struct session *session)
{
    const struct session_record *record = &session->connection.record;
    bool resumed = record->resumed && !atomic_load(&load->stopping);
    bool again = load->settings->churn && !record->idle && !atomic_load(&load->stopping) &&
                 session_can_reconnect(session);

    MUST(pthread_mutex_lock(&load->lock));
    count(load->summary, record);
    count(load->summary->targets[session->target - load->plan->targets], record);
    keep(load, record);
    MUST(pthread_mutex_unlock(&load->lock));
    if (resumed)
        session_resume(session);
    else if (again)
        session_reconnect(session);
    return resumed || again;
}

void tally_leave(struct load *load)
{
    if (atomic_fetch_sub(&load->running, 1) == 1)
        MUST(eventfd_write(load->all_over, 1));
}

struct ended *tally_take_ended(struct load *load)
{
    struct ended *latest, *earliest = NULL;

    MUST(pthread_mutex_lock(&load->lock));
    latest = load->ended;
    load->ended = NULL;
    MUST(pthread_mutex_unlock(&load->lock));
    while (latest != NULL) {
        struct ended *next = latest->next;

        latest->next = earliest;
        earliest = latest;
        latest = next;
    }
    return earliest;
}
