/* SPDX-License-Identifier: MIT */
/*
 * Looking at a running server: see state.h.
 *
 * DESIGN. A page may be asked for a thousand times a second, so this costs little: one walk along
 * the live sessions under the accounting's lock, which gives the counts and the rows at one
 * instant, and one small file of /proc. The kernel says how many descriptors are open as the size
 * of their directory (since Linux 6.2); only where it does not are they counted.
 */
#include "server/admin/state.h"

#include "common/clock.h"
#include "server/output/printer.h"
#include "server/server-internal.h"
#include "server/session/session.h"
#include "server/session/trace.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- who is here --------------------------------------------------------------------------- */

/* Rows that come after those of the sessions that somebody serves. */
struct later_rows {
    struct state_session rows[STATE_ROWS_MAX];
    size_t count;
};

struct gathering {
    struct state *state;
    int64_t now_ns;
    struct later_rows queued;
    struct later_rows parked;
    bool
        busy[WORKERS_MAX]; /* which workers have a session; those that are to go are here as well */
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
    if (row->age_ns < 0) /* accepted, or begun, since we looked at the clock */
        row->age_ns = 0;
    if (row->held_ns < 0)
        row->held_ns = 0;
    if (phase == PHASE_QUEUED && begun_ns == 0)
        row->in_phase_ns = row->age_ns;
}

/* Count a worker once, however many sessions it has. The loop itself is none. */
static void mark_busy(struct gathering *gathering, unsigned worker)
{
    if (worker >= WORKERS_MAX)
        return;
    if (worker < STATE_ROWS_MAX)
        gathering->state->sessions_of[worker]++;
    if (gathering->busy[worker])
        return;
    gathering->busy[worker] = true;
    gathering->state->busy++;
}

static void gather(struct accounting_entry *entry, void *context)
{
    struct gathering *gathering = context;
    struct state *state = gathering->state;
    const struct session *session = (const struct session *)entry;
    enum phase phase = session_phase(session);
    unsigned worker = atomic_load_explicit(&session->worker, memory_order_relaxed);
    struct state_session *rows = state->rows;
    size_t *count = &state->row_count;

    state->in_phase[phase]++;
    if (phase == PHASE_QUEUED || phase == PHASE_PARKED) {
        struct later_rows *later = phase == PHASE_QUEUED ? &gathering->queued : &gathering->parked;
        rows = later->rows;
        count = &later->count;
    } else {
        mark_busy(gathering, worker);
    }
    if (*count < STATE_ROWS_MAX)
        fill_row(&rows[(*count)++], session, phase, worker, gathering->now_ns);
}

static void append(struct state *state, const struct later_rows *later)
{
    size_t room = STATE_ROWS_MAX - state->row_count;
    size_t count = later->count < room ? later->count : room;

    memcpy(state->rows + state->row_count, later->rows, count * sizeof later->rows[0]);
    state->row_count += count;
}

static void take_sessions(struct server *server, struct state *state)
{
    struct gathering gathering;

    gathering.state = state;
    gathering.now_ns = clock_now_ns();
    gathering.queued.count = gathering.parked.count = 0; /* the rows need not be cleared */
    memset(gathering.busy, 0, sizeof gathering.busy);
    accounting_survey(server->shared->accounting, &state->counts, gather, &gathering);
    append(state, &gathering.queued);
    append(state, &gathering.parked);
}

/* --- what it takes ------------------------------------------------------------------------- */

/* Threads and memory, out of /proc/self/stat: fields 20, 23 and 24 of proc(5). */
static void take_memory(struct state *state)
{
    FILE *file = fopen("/proc/self/stat", "re");
    char line[1024];
    const char *at = NULL;
    uint64_t pages = 0;

    if (file == NULL)
        return;
    if (fgets(line, sizeof line, file) != NULL)
        at = strrchr(line, ')'); /* the name before it may hold anything */
    fclose(file);
    if (at != NULL && sscanf(at,
                             ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                             "%*d %" SCNu64 " %*d %*u %" SCNu64 " %" SCNu64,
                             &state->threads, &state->virtual_bytes, &pages) == 3)
        state->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Entries of /proc/self/fd, without the one for reading it. */
static uint64_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (directory == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1;
}

static uint64_t soft_limit(__rlimit_resource_t resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return 0;
    return limit.rlim_cur;
}

static int64_t cpu_of(__rusage_who_t who)
{
    struct rusage used;

    if (getrusage(who, &used) != 0)
        return 0;
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000000) +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * INT64_C(1000);
}

static void take_usage(struct server *server, struct state *state)
{
    const struct model_type *type = server->type;
    uint64_t served = state->counts.in_flight - state->in_phase[PHASE_QUEUED];
    struct stat descriptors;

    state->uptime_ns = clock_now_ns() - server->started_ns;
    take_memory(state);
    state->virtual_limit = soft_limit(RLIMIT_AS);
    state->processes = 1 + (!type->processes ? 0 : type->capped ? server->workers : served);
    state->descriptors = stat("/proc/self/fd", &descriptors) == 0 && descriptors.st_size > 0
                             ? (uint64_t)descriptors.st_size
                             : count_descriptors();
    state->descriptor_limit = soft_limit(RLIMIT_NOFILE);
    state->cpu_ns = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
}

/* --- all of it ----------------------------------------------------------------------------- */

static void take_settings(const struct server *server, struct state *state)
{
    const struct options *options = server->options;

    state->type = server->type;
    state->workers = server->workers;
    state->queue = options->queue;
    state->on_full = on_full_words[options->on_full];
    state->hold = hold_words[options->hold];
    state->settings = (struct state_settings){
        .max_sessions = options->max_sessions,
        .high_water = options->marked ? options->high_water : 0,
        .low_water = options->marked ? options->low_water : 0,
        .per_source = options->per_source,
        .transform = transform_words[options->transform],
        .queue_timeout_ns = options->queue_timeout_ns,
        .idle_timeout_ns = options->idle_timeout_ns,
        .session_timeout_ns = options->session_timeout_ns,
        .drain_timeout_ns = options->drain_timeout_ns,
        .delay = options->delay,
        .burn = options->burn,
    };
}

/* How it listens, or how that ended. */
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

void state_take(struct server *server, struct state *state)
{
    state->row_count = 0;
    state->busy = 0;
    memset(state->sessions_of, 0, sizeof state->sessions_of);
    memset(state->in_phase, 0, sizeof state->in_phase);
    take_sessions(server, state);
    take_settings(server, state);
    state->draining = atomic_load(server->shared->draining);
    take_listener(server, state);
    take_usage(server, state);
    state->print_dropped = printer_dropped(server->shared->printer);
    state->trace_dropped = server->shared->trace == NULL ? 0 : trace_dropped(server->shared->trace);
}
