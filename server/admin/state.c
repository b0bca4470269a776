/* SPDX-License-Identifier: MIT */
/*
 * Taking a state: see state.h.
 *
 * DESIGN. A page may be asked for a thousand times a second, so this costs little: one walk along
 * the live sessions under the accounting's lock, which gives the counts and the rows at one
 * instant, and one small file of /proc. Since Linux 6.2 the size of a directory in /proc is how many
 * descriptors are open; on an older kernel they are counted.
 */
#include "server/admin/state.h"

#include "common/clock.h"
#include "server/admin/family.h"
#include "server/admin/host.h"
#include "server/models/model.h"
#include "server/output/printer.h"
#include "server/session/session.h"
#include "server/session/shared.h"
#include "server/session/trace.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* One part in this many of the time may go into taking states. */
#define VIEW_SHARE 20

/* --- sessions ------------------------------------------------------------------------------ */

/* Rows that come after those of the sessions that have a worker. */
struct later_rows {
    struct state_session rows[STATE_ROWS_MAX];
    size_t count;
};

struct gathering {
    struct state *state;
    int64_t now_ns;
    struct later_rows queued;
    struct later_rows parked;
    bool busy[WORKER_LOOP]; /* workers that have a session, those that will leave included */
};

static void fill_row(struct state_session *row, const struct session *session, enum phase phase,
                     unsigned worker, int64_t now_ns)
{
    int64_t begun_ns = atomic_load_explicit(&session->entry.begun_ns, memory_order_relaxed);
    uint64_t progress = atomic_load_explicit(&session->progress, memory_order_relaxed);
    bool seen = session->seen_ns != 0 && progress == session->progress_seen;

    *row = (struct state_session){
        .number = session->number,
        .phase = phase,
        .worker = worker,
        .age_ns = now_ns - session->entry.accepted_ns,
        .held_ns = begun_ns == 0 ? 0 : now_ns - begun_ns,
        .in_phase_ns = seen ? now_ns - session->seen_ns : 0,
        .echoes = atomic_load_explicit(&session->entry.echoes, memory_order_relaxed),
    };
    if (row->age_ns < 0) /* accepted, or begun, after the clock was read */
        row->age_ns = 0;
    if (row->held_ns < 0)
        row->held_ns = 0;
    if (phase == PHASE_QUEUED && begun_ns == 0)
        row->in_phase_ns = row->age_ns;
    else if (phase == PHASE_QUEUED && session->ready_ns != 0)
        row->in_phase_ns = now_ns > session->ready_ns ? now_ns - session->ready_ns : 0;
}

/* Count a worker once, however many sessions it has. The accept loop is no worker. */
static void mark_busy(struct gathering *gathering, unsigned worker)
{
    if (worker >= WORKER_LOOP)
        return;
    if (worker < STATE_ROWS_MAX)
        gathering->state->sessions_of[worker]++;
    if (gathering->busy[worker])
        return;
    gathering->busy[worker] = true;
    gathering->state->busy++;
}

/* Add a session to the state. A visitor for accounting_survey(). */
static void gather(struct accounting_entry *entry, void *context)
{
    struct gathering *gathering = context;
    struct state *state = gathering->state;
    const struct session *session = (const struct session *)entry;
    enum phase phase = session_phase(session);
    unsigned worker = atomic_load_explicit(&session->entry.worker, memory_order_relaxed);
    struct state_session *rows = state->rows, row;
    size_t *count = &state->row_count;

    state->in_phase[phase]++;
    if (phase == PHASE_QUEUED || phase == PHASE_PARKED) {
        struct later_rows *later = phase == PHASE_QUEUED ? &gathering->queued : &gathering->parked;
        rows = later->rows;
        count = &later->count;
    } else {
        mark_busy(gathering, worker);
    }
    if (*count == STATE_ROWS_MAX && phase != PHASE_QUEUED)
        return;
    fill_row(&row, session, phase, worker, gathering->now_ns);
    if (phase == PHASE_QUEUED && row.in_phase_ns > state->longest_wait_ns)
        state->longest_wait_ns = row.in_phase_ns; /* also of one that is not listed */
    if (*count < STATE_ROWS_MAX)
        rows[(*count)++] = row;
}

/* Append rows as far as there is room. */
static void append(struct state *state, const struct later_rows *later)
{
    size_t room = STATE_ROWS_MAX - state->row_count;
    size_t count = later->count < room ? later->count : room;

    memcpy(state->rows + state->row_count, later->rows, count * sizeof later->rows[0]);
    state->row_count += count;
}

static void take_sessions(const struct shared *shared, struct state *state)
{
    struct gathering gathering;

    state->row_count = 0;
    state->busy = 0;
    state->longest_wait_ns = 0;
    memset(state->sessions_of, 0, sizeof state->sessions_of);
    memset(state->in_phase, 0, sizeof state->in_phase);
    gathering.state = state;
    gathering.now_ns = clock_now_ns();
    gathering.queued.count = gathering.parked.count = 0; /* the rows need not be cleared */
    memset(gathering.busy, 0, sizeof gathering.busy);
    accounting_survey(shared->accounting, &state->counts, gather, &gathering);
    append(state, &gathering.queued);
    append(state, &gathering.parked);
}

/* --- resources ----------------------------------------------------------------------------- */

/* Read threads and memory from /proc/self/stat: fields 20, 23 and 24 of proc(5). */
static void take_memory(struct state *state)
{
    FILE *file = fopen("/proc/self/stat", "re");
    char line[1024];
    const char *at = NULL;
    uint64_t threads, virtual_bytes, pages;

    state->threads = state->virtual_bytes = state->resident_bytes = STATE_UNKNOWN;
    if (file == NULL)
        return;
    if (fgets(line, sizeof line, file) != NULL)
        at = strrchr(line, ')'); /* the name before it may hold anything */
    fclose(file);
    if (at != NULL && sscanf(at,
                             ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                             "%*d %" SCNu64 " %*d %*u %" SCNu64 " %" SCNu64,
                             &threads, &virtual_bytes, &pages) == 3) {
        state->threads = threads;
        state->virtual_bytes = virtual_bytes;
        state->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
}

/* Count the entries of /proc/self/fd, without the one for reading it. STATE_UNKNOWN: not possible */
static uint64_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (directory == NULL)
        return STATE_UNKNOWN;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1;
}

static uint64_t soft_limit(__rlimit_resource_t resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return STATE_UNKNOWN;
    return limit.rlim_cur == RLIM_INFINITY ? 0 : limit.rlim_cur;
}

static int64_t cpu_of(__rusage_who_t who)
{
    struct rusage used;

    if (getrusage(who, &used) != 0)
        return 0;
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * SECOND_NS +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * INT64_C(1000);
}

/*
 * Add what processes that serve use now to what this one and those that have ended have used. While one
 * ends it may be in neither sum for an instant, but a counter must not decrease.
 */
static void take_cpu(struct state *state)
{
    struct family_usage family = {0};
    int64_t cpu_ns = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);

    if (state->type->processes)
        family_add(&family);
    if (state->resident_bytes != STATE_UNKNOWN)
        state->resident_bytes += family.resident_bytes;
    cpu_ns += family.cpu_ns;
    if (state->cpu_ns < cpu_ns)
        state->cpu_ns = cpu_ns;
}

static void take_usage(const struct shared *shared, struct state *state)
{
    const struct model_type *type = state->type;
    uint64_t served = state->counts.in_flight - state->in_phase[PHASE_QUEUED];
    struct stat descriptors;

    state->uptime_ns = clock_now_ns() - state->started_ns;
    take_memory(state);
    state->virtual_limit = soft_limit(RLIMIT_AS);
    state->processes = 1 + (!type->processes ? 0 : type->capped ? state->workers : served);
    state->descriptors = stat("/proc/self/fd", &descriptors) == 0 && descriptors.st_size > 0
                             ? (uint64_t)descriptors.st_size
                             : count_descriptors();
    state->descriptor_limit = soft_limit(RLIMIT_NOFILE);
    take_cpu(state);
    state->print_dropped = printer_dropped(shared->printer);
    state->trace_dropped = shared->trace == NULL ? 0 : trace_dropped(shared->trace);
}

/* --- all of it ----------------------------------------------------------------------------- */

void state_take(const struct shared *shared, struct state *state)
{
    state->draining = atomic_load(shared->draining);
    take_sessions(shared, state);
    take_usage(shared, state);
}

const struct state *state_view(struct state_view *view)
{
    int64_t before_ns = clock_now_ns();
    int64_t share_ns;

    if (before_ns >= view->good_until_ns) {
        view->host->look(view->host->server, &view->state);
        share_ns = (clock_now_ns() - before_ns) * VIEW_SHARE;
        view->good_until_ns = before_ns + (share_ns > STATE_AGE_NS ? share_ns : STATE_AGE_NS);
    }
    return &view->state;
}

const char *state_word(const struct state *state)
{
    return state->ended       ? "ended"
           : state->draining  ? "draining"
           : state->lame_duck ? "lame duck"
                              : "running";
}

const char *state_not_ready(const struct state *state)
{
    if (state->draining)
        return "draining: the server is stopping and accepts no new clients";
    if (state->lame_duck)
        return "lame duck: the server is stopping; it still accepts clients, but send them to "
               "another";
    if (state->type->capped && state->workers == 0)
        return "there is no worker: clients would wait";
    if (state->listener.why_person)
        return "paused: a person has paused accepting; clients wait in the kernel's backlog";
    if (state->listener.why_errors)
        return "accept() fails: clients wait in the kernel's backlog";
    return NULL;
}

/* --- workers ------------------------------------------------------------------------------- */

bool state_has_worker(enum phase phase)
{
    return phase != PHASE_QUEUED && phase != PHASE_PARKED;
}

bool state_has_pool(const struct state *state)
{
    return state->type->capped || state->type->holds_many;
}

uint64_t state_workers(const struct state *state)
{
    uint64_t served = 0;

    if (state_has_pool(state))
        return state->workers;
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        if (state_has_worker((enum phase)phase))
            served += state->in_phase[phase];
    return served;
}

uint64_t state_busy_workers(const struct state *state)
{
    uint64_t workers = state_workers(state);

    /* After a resize, workers that will leave still have their sessions. */
    return state_has_pool(state) && state->busy < workers ? state->busy : workers;
}
