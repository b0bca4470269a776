/* SPDX-License-Identifier: MIT */
/*
 * Several calls of one function as one task: see chunk-internal.h.
 *
 * DESIGN
 *
 *     input:  | head | record input pad | record input pad | ...
 *     reply:         | record reply pad | record words pad | ...
 *
 * The sizes of head and records are multiples of the strictest alignment, and the bytes after a
 * record are padded to it. So each input and each reply is aligned for any type, as ep_task_input()
 * promises.
 *
 * The bytes contain the function's address. Every task relies on that as well: worker processes are
 * forked without exec, so functions have the same address there.
 */
#include "pool/map/chunk-internal.h"

#include "pool/clock-internal.h"
#include "pool/future-internal.h"
#include "pool/self-internal.h"
#include "pool/task-internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT _Alignof(max_align_t)

/** The beginning of a chunk. */
struct head {
    _Alignas(max_align_t) ep_task_fn fn;
};

/** Precedes an input, a reply, or the message of a failure. */
struct record {
    _Alignas(max_align_t) size_t size;
    int verdict; /**< as ep_future_result() */
    int code;    /**< as in struct ep_error */
};

_Static_assert(sizeof(struct head) % ALIGNMENT == 0, "the first record is aligned");
_Static_assert(sizeof(struct record) % ALIGNMENT == 0, "what follows a record is aligned");

/* --- packing ------------------------------------------------------------------------------- */

static size_t padded(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/** Add bytes at the end, for the caller to write. @return NULL if there is no memory */
static unsigned char *pack_extend(struct pack *pack, size_t size)
{
    unsigned char *end;

    if (size > SIZE_MAX / 4 - pack->size)
        return NULL;
    if (pack->size + size > pack->room) {
        size_t room = 2 * (pack->size + size);
        unsigned char *bytes = realloc(pack->bytes, room);

        if (bytes == NULL)
            return NULL;
        pack->bytes = bytes;
        pack->room = room;
    }
    end = pack->bytes + pack->size;
    pack->size += size;
    return end;
}

static int pack_add(struct pack *pack, const struct record *record, const void *data)
{
    unsigned char *end = NULL;

    if (record->size <= SIZE_MAX / 4)
        end = pack_extend(pack, sizeof *record + padded(record->size));
    if (end == NULL)
        return -ENOMEM;
    memcpy(end, record, sizeof *record);
    if (record->size > 0)
        memcpy(end + sizeof *record, data, record->size);
    /* The padding may go to another process: do not send what happened to lie there. */
    memset(end + sizeof *record + record->size, 0, padded(record->size) - record->size);
    return 0;
}

/**
 * Read the record at an offset, and move the offset to the next one.
 *
 * @param data  set to the bytes after the record
 * @return      false if the bytes end within the record
 */
static bool unpack(const void *bytes, size_t size, size_t *offset, struct record *record,
                   const unsigned char **data)
{
    const unsigned char *at = (const unsigned char *)bytes + *offset;
    size_t left = size - *offset;

    if (left < sizeof *record)
        return false;
    memcpy(record, at, sizeof *record);
    left -= sizeof *record;
    if (record->size > left || padded(record->size) > left)
        return false;
    *data = at + sizeof *record;
    *offset += sizeof *record + padded(record->size);
    return true;
}

/* --- the task ------------------------------------------------------------------------------ */

/** Reset the outcome for the next call. */
static void outcome_reset(struct ep_future *outcome)
{
    future_set_reply(outcome, NULL, 0);
    outcome->verdict = 0;
    if (outcome->has_message)
        free(outcome->message);
    outcome->has_message = false;
}

/** Append the outcome of one call. */
static int pack_outcome(struct pack *replies, struct ep_future *outcome)
{
    struct record record = {0};
    struct ep_bytes reply;
    struct ep_error error;

    record.verdict = ep_future_result(outcome, 0, &reply);
    if (record.verdict == 0) {
        record.size = reply.size;
        return pack_add(replies, &record, reply.data);
    }
    if (ep_future_error(outcome, 0, &error) != 0)
        return -EINVAL;
    record.code = error.code;
    record.size = error.message[0] != '\0' ? strlen(error.message) + 1 : 0;
    return pack_add(replies, &record, error.message);
}

/** A chunk that is being called. */
struct calls {
    struct ep_future outcome; /**< always FINISHED, and used only by the calls made here */
    struct pack replies;
};

/** Release them, also if a call has ended the thread. */
static void calls_clear(void *context)
{
    struct calls *calls = context;

    self_unwound();
    future_clear_local(&calls->outcome);
    free(calls->replies.bytes);
}

/** Call the function for each input. @return 0, -ENOMEM, or EP_EUNKNOWN: the task has failed */
static int chunk_call_all(struct ep_task *task, struct calls *calls)
{
    size_t size, offset = sizeof(struct head);
    const unsigned char *bytes = ep_task_input(task, &size), *input;
    struct record record;
    struct head head;
    int rc = 0;

    memcpy(&head, bytes, sizeof head);
    if (task->process != NULL && task->process->refuses(task, head.fn))
        return EP_EUNKNOWN;
    while (rc == 0 && unpack(bytes, size, &offset, &record, &input)) {
        /* A worker process is ended by SIGTERM; asking there would cost a system call each. */
        if (task->process == NULL && ep_task_stopping(task)) {
            rc = pack_add(&calls->replies, &(struct record){.verdict = EP_ECANCELLED}, NULL);
            continue;
        }
        task_run_within(task, head.fn, input, record.size, &calls->outcome);
        rc = pack_outcome(&calls->replies, &calls->outcome);
        outcome_reset(&calls->outcome);
    }
    return rc;
}

static int chunk_task(struct ep_task *task)
{
    struct calls calls = {.outcome = {.state = STATE_FINISHED}};
    int rc;

    pthread_cleanup_push(calls_clear, &calls);
    rc = chunk_call_all(task, &calls);
    if (rc == 0)
        rc = ep_task_reply(task, calls.replies.bytes, calls.replies.size);
    pthread_cleanup_pop(1);
    return rc == 0 || rc == EP_EUNKNOWN
               ? rc
               : ep_task_fail(task, rc, "no memory for the replies of a chunk");
}

/* --- inputs -------------------------------------------------------------------------------- */

int chunk_inputs_add(struct chunk_inputs *inputs, ep_task_fn fn, const struct ep_bytes *input)
{
    struct record record = {.size = input->size};
    int rc;

    if (inputs->count == 0) {
        struct head head = {.fn = fn};
        unsigned char *start = pack_extend(&inputs->pack, sizeof head);

        if (start == NULL)
            return -ENOMEM;
        memset(start, 0, sizeof head);
        memcpy(start, &head.fn, sizeof head.fn);
    }
    rc = pack_add(&inputs->pack, &record, input->data);
    if (rc == 0)
        inputs->count++;
    else if (inputs->count == 0)
        inputs->pack.size = 0;
    return rc;
}

void chunk_inputs_clear(struct chunk_inputs *inputs)
{
    free(inputs->pack.bytes);
    *inputs = (struct chunk_inputs){0};
}

int chunk_submit(struct ep_executor *executor, ep_task_fn fn, struct chunk_inputs *inputs,
                 int64_t deadline_ns, struct ep_future **future)
{
    struct ep_submit_options options = {
        .deadline_ns = deadline_ns != NO_DEADLINE ? deadline_ns : 0,
    };
    const struct pack *pack = &inputs->pack;
    int rc;

    if (inputs->count == 1) {
        size_t offset = sizeof(struct head);
        const unsigned char *input;
        struct record record;

        EP_ASSERT(unpack(pack->bytes, pack->size, &offset, &record, &input));
        rc = ep_submit_with(executor, fn, input, record.size, &options, future);
    } else {
        rc = ep_submit_with(executor, chunk_task, pack->bytes, pack->size, &options, future);
    }
    if (rc == 0) {
        inputs->pack.size = 0;
        inputs->count = 0;
    }
    return rc;
}

/* --- results ------------------------------------------------------------------------------- */

/** Fill in the error of a chunk whose reply chunk_task() did not pack: memory was overwritten. */
static int torn(struct ep_error *error)
{
    *error = (struct ep_error){
        .failed = true,
        .kind = EP_ESHIP,
        .message = "the reply of a chunk is damaged",
        .worker = error->worker,
    };
    return EP_ESHIP;
}

int chunk_results_next(struct chunk_results *results, struct ep_bytes *reply,
                       struct ep_error *error)
{
    const unsigned char *data;
    struct ep_bytes whole = {0};
    struct record record;
    int rc = ep_future_result(results->future, 0, &whole);

    results->taken++;
    if (ep_future_error(results->future, 0, error) != 0)
        *error = (struct ep_error){.failed = true, .kind = rc, .message = ""};
    if (rc != 0)
        return rc;
    if (results->count == 1) {
        if (reply != NULL)
            *reply = whole;
        return 0;
    }
    if (!unpack(whole.data, whole.size, &results->offset, &record, &data))
        return torn(error);
    if (record.verdict == 0) {
        if (reply != NULL)
            *reply = (struct ep_bytes){record.size > 0 ? data : NULL, record.size};
        return 0;
    }
    if (record.size > 0 && data[record.size - 1] != '\0')
        return torn(error);
    error->failed = true;
    error->kind = record.verdict;
    error->code = record.code;
    error->message = record.size > 0 ? (const char *)data : "";
    return record.verdict;
}
