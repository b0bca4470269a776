/* SPDX-License-Identifier: MIT */
/*
 * A session of the client against a hostile server. The server is a stream whose reads and writes this file
 * answers, as the messages of the input say; the session is the client's own, from the connection on.
 *
 * The first message sets the session up: one byte each for the size of its messages, their number, how many
 * may be under way, and flags. Each further message is something that the server does: its number is what,
 * its bytes are with what. When none is left, the server ends its side.
 *
 * Whatever the server does, the session ends. It calls bytes wrong only if they are, and right only if all
 * are; it has no reply verified that has not come; and it is refused only by BUSY.
 */
#include "config.h"

#include "client/session/session.h"
#include "common/clock.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/printed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** What the server does. */
enum action {
    SAY,    /* send these bytes */
    ECHO,   /* send back N bytes of what has come, 0: all; N has two bytes, the low one first */
    END,    /* end of file, after what was sent */
    RESET,  /* reset the connection: at the next read, or the next write */
    CLOSE,  /* writes fail from now on, reads bring what was sent */
    STALL,  /* nothing happens until the time of the session's operation is over */
    TAKE,   /* take no more than this many bytes for now */
    PIECES, /* each read brings no more than this many bytes */
    ACTIONS
};

enum { SIZES = 5, MESSAGES_MOST = 6, DEPTH_MOST = 4, LARGEST = 20000 };
enum { SENT_MAX = MESSAGES_MOST * LARGEST, SAID_MAX = INPUT_MAX + SENT_MAX };
enum { TURNS_MAX = 300000 }; /* of a session that goes on for ever */

/** Flags. */
enum { PATIENT = 1, RECONNECTS = 2, PROMPT = 4, IDLE = 8 };

const bool target_takes_messages = true;

static const size_t sizes[SIZES] = {1, 20, 64, 300, LARGEST};

/** The server. */
static struct {
    const uint8_t *input;
    size_t size, at;              /**< of the input */
    unsigned char sent[SENT_MAX]; /**< what the session has sent, as it should come back */
    size_t sent_size, echoed;
    unsigned char said[SAID_MAX]; /**< what the server has sent */
    size_t said_size, taken;      /**< and how much of it the session has read */
    size_t room, piece;
    bool ended, reset, closed, stalled;
} server;

static size_t smaller(size_t one, size_t other)
{
    return one < other ? one : other;
}

static void say(const unsigned char *bytes, size_t size)
{
    if (server.ended || server.reset)
        return;
    size = smaller(size, sizeof server.said - server.said_size);
    memcpy(server.said + server.said_size, bytes, size);
    server.said_size += size;
}

/** Do what the next message says. @return false: there is none */
static bool act(void)
{
    unsigned action;
    ssize_t length = input_message(server.input, server.size, &server.at, &action);
    const uint8_t *bytes = server.input + server.at;
    size_t number = 0;

    if (length < 0)
        return false;
    server.at += (size_t)length;
    if (length > 0)
        number = bytes[0] | (length > 1 ? (size_t)bytes[1] << 8 : 0);
    switch ((enum action)(action % ACTIONS)) {
    case SAY: say(bytes, (size_t)length); break;
    case ECHO:
        number = smaller(number == 0 ? SIZE_MAX : number, server.sent_size - server.echoed);
        say(server.sent + server.echoed, number);
        server.echoed += number;
        break;
    case END: server.ended = true; break;
    case RESET: server.reset = true; break;
    case CLOSE: server.closed = true; break;
    case STALL: server.stalled = true; break;
    case TAKE: server.room = number; break;
    case PIECES: server.piece = number == 0 ? 1 : number; break;
    case ACTIONS: break;
    }
    return true;
}

/** Act; when the input is over, take everything and end in order. */
static void act_or_end(void)
{
    if (act())
        return;
    server.ended = true;
    server.room = SIZE_MAX;
}

/* --- the stream ---------------------------------------------------------------------------- */

static int shake_hands(struct stream *stream)
{
    (void)stream;
    return 0;
}

static ssize_t read_some(struct stream *stream, void *bytes, size_t size)
{
    HOLDS(size > 0);
    for (;;) {
        size_t got = smaller(smaller(size, server.piece), server.said_size - server.taken);

        if (server.reset)
            return -ECONNRESET;
        if (got > 0) {
            memcpy(bytes, server.said + server.taken, got);
            server.taken += got;
            return (ssize_t)got;
        }
        if (server.ended)
            return 0;
        if (stream->nonblocking)
            return -EAGAIN;
        if (server.stalled) {
            server.stalled = false;
            return -ETIMEDOUT;
        }
        act_or_end();
    }
}

static ssize_t write_some(struct stream *stream, const void *bytes, size_t size)
{
    HOLDS(size > 0);
    for (;;) {
        size_t put = smaller(size, server.room);

        if (server.reset)
            return -ECONNRESET;
        if (server.closed)
            return -EPIPE;
        if (put > 0) {
            HOLDS(put <= sizeof server.sent - server.sent_size);
            memcpy(server.sent + server.sent_size, bytes, put);
            transform_apply(TRANSFORM_UPPER, server.sent + server.sent_size, put);
            server.sent_size += put;
            server.room -= server.room == SIZE_MAX ? 0 : put;
            return (ssize_t)put;
        }
        if (stream->nonblocking)
            return -EAGAIN;
        if (server.stalled) {
            server.stalled = false;
            return -ETIMEDOUT;
        }
        act_or_end();
    }
}

static ssize_t write_parts(struct stream *stream, struct iovec *parts, unsigned count)
{
    HOLDS(count > 0);
    return write_some(stream, parts[0].iov_base, parts[0].iov_len);
}

static int finish_writing(struct stream *stream)
{
    (void)stream;
    return 0;
}

static bool has_pending(const struct stream *stream)
{
    (void)stream;
    return false;
}

static void release(struct stream *stream)
{
    (void)stream;
}

static const struct stream_ops stream_ops = {
    .handshake = shake_hands,
    .read = read_some,
    .write_some = write_some,
    .write_parts = write_parts,
    .finish_writing = finish_writing,
    .has_pending = has_pending,
    .release = release,
};

/* --- the session --------------------------------------------------------------------------- */

/** What the session has been set up for. */
struct setup {
    size_t size;
    unsigned messages, depth, flags;
};

static struct setup read_setup(void)
{
    static const uint8_t nothing[4];
    unsigned number;
    ssize_t length = input_message(server.input, server.size, &server.at, &number);
    const uint8_t *bytes = length >= (ssize_t)sizeof nothing ? server.input + server.at : nothing;

    if (length > 0)
        server.at += (size_t)length;
    return (struct setup){
        .size = sizes[bytes[0] % SIZES],
        .messages = bytes[1] % (MESSAGES_MOST + 1),
        .depth = bytes[3] & PROMPT ? 1 : 1 + bytes[2] % DEPTH_MOST,
        .flags = bytes[3],
    };
}

static const struct messages *messages_of(size_t size)
{
    static struct messages *made[SIZES];

    for (int i = 0; i < SIZES; i++) {
        if (sizes[i] != size)
            continue;
        if (made[i] == NULL)
            made[i] = messages_generated(size, size, TRANSFORM_UPPER);
        HOLDS(made[i] != NULL);
        return made[i];
    }
    abort();
}

/** The user at the prompt: another line, or the end. */
static void give(struct session *session, const struct setup *setup, unsigned *given)
{
    static unsigned char typed[LARGEST], expected[LARGEST];
    struct message message;

    if (typed[0] == '\0') {
        memset(typed, 'b', sizeof typed);
        memset(expected, 'B', sizeof expected);
    }
    if (*given == setup->messages) {
        session_end(session);
        return;
    }
    message_single(&message, typed, expected, setup->size);
    session_give(session, &message);
    ++*given;
}

/** Lead it to its end. */
static void lead(struct session *session, const struct setup *setup)
{
    struct session_wait wait;
    unsigned ready = 0, given = 0;

    for (int turns = 0;; turns++) {
        HOLDS(turns < TURNS_MAX);
        session_advance(session, ready, &wait);
        ready = READY_READ | READY_WRITE;
        if (wait.need == NEED_NOTHING)
            return;
        HOLDS(wait.need != NEED_BARRIER);
        if (wait.need & NEED_MESSAGE) {
            give(session, setup, &given);
        } else if (server.stalled) {
            server.stalled = false;
            session->connection.deadline_ns = 0;
            ready = READY_TIME;
        } else {
            act_or_end();
        }
    }
}

/** Compare how the session has ended with what the server has done. */
static void judge(const struct session *session, const struct setup *setup)
{
    const struct session_record *record = &session->connection.record;
    size_t most = smaller(server.taken, server.sent_size), right = 0;
    bool all_right;

    while (right < most && server.said[right] == server.sent[right])
        right++;
    all_right = right == server.taken;
    HOLDS(memchr(record->reason, '\0', sizeof record->reason) != NULL);
    HOLDS(all_printable(record->reason, strlen(record->reason)));
    HOLDS((record->reason[0] == '\0') == (record->state == SESSION_OK));
    HOLDS(!record->mismatched || !all_right);
    switch (record->state) {
    case SESSION_OK:
        HOLDS(server.ended);
        if (setup->flags & PROMPT)
            break; /* it goes on after wrong bytes */
        HOLDS(all_right && server.taken == server.sent_size);
        HOLDS(record->verified == setup->messages && record->sent == setup->messages);
        break;
    case SESSION_REFUSED: HOLDS(memmem(server.said, server.taken, "BUSY", 4) != NULL); break;
    case SESSION_CLOSED: HOLDS(all_right || setup->flags & PROMPT); break;
    case SESSION_FAILED: break;
    default: input_broken(__FILE__, __LINE__, "it is over");
    }
    HOLDS(record->verified <= record->sent + record->resent);
    if (!(setup->flags & PROMPT)) {
        HOLDS(record->verified * setup->size <= right);
        HOLDS(record->bytes == record->verified * setup->size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct session_plan plan;
    static struct session session;
    static unsigned char reply[64 << 10], flat[SESSION_SMALL];
    static atomic_flag shown;
    struct pending pending[DEPTH_MOST];
    struct session_target target = {.name = "the peer", .addresses.count = 1};
    struct session_buffers buffers = {.reply = reply, .flat = flat};
    struct setup setup;
    int before = lowest_free_fd();
    bool patient;

    server.input = input;
    server.size = size;
    server.at = server.sent_size = server.echoed = server.said_size = server.taken = 0;
    server.room = server.piece = SIZE_MAX;
    server.ended = server.reset = server.closed = server.stalled = false;
    setup = read_setup();
    atomic_flag_test_and_set(&shown);
    plan = (struct session_plan){
        .targets = &target,
        .target_count = 1,
        .timeout_ns = HOUR_NS,
        .messages = setup.flags & PROMPT ? NULL : messages_of(setup.size),
        .message_count = setup.messages,
        .depth = setup.depth,
        .sessions = 1,
        .begin_ns = clock_now_ns(),
        .reconnect = (setup.flags & RECONNECTS) != 0,
        .shown = &shown,
    };
    buffers.reply_room = session_reply_room(setup.size);
    patient = (setup.flags & PATIENT) && session_can_be_patient(&plan);
    session_init(&session, 0, &plan, &buffers, pending, patient);
    if (setup.flags & IDLE)
        session_set_idle(&session);
    session.connection.stage = setup.flags & IDLE ? STAGE_IDLE : STAGE_START;
    session.connection.stream = (struct stream){
        .ops = &stream_ops, .fd = open("/dev/null", O_RDWR | O_CLOEXEC), .nonblocking = !patient};
    HOLDS(session.connection.stream.fd >= 0);
    session.connection.record.begun_ns = session.connection.record.connected_ns = plan.begin_ns;
    lead(&session, &setup);
    judge(&session, &setup);
    session_clear(&session);
    HOLDS(lowest_free_fd() == before);
    return 0;
}
