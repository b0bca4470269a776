/* SPDX-License-Identifier: MIT */
/*
 * The admin port's connections: see places.h.
 *
 * DESIGN. evhttp asks for a bufferevent for each connection that it accepts (place_give). Each place
 * has a reference to that bufferevent, so that evhttp, when it releases a connection, ends its half but
 * does not close the descriptor:
 *
 *     FREE --accepted--> HELD --released by evhttp--> LINGERING --end of file, or time--> FREE
 *                          |                                                               ^
 *                          +--too long silent--> ENDED --released by evhttp----------------+
 *
 * The callbacks of the bufferevent show whether evhttp has released it: bufferevent_free() clears them
 * before it drops evhttp's reference. LINGERING reads on for a moment, so that the rest of a request
 * does not destroy a reply such as 400 on its way. ENDED is after shutdown(): evhttp finds an end of
 * file and cleans up, which is safe at any point of a request.
 *
 * The bufferevent's high watermark bounds what evhttp reads ahead. It is well above the longest header,
 * or evhttp would wait for the end of a line that can never come.
 *
 * When all places are taken the listener pauses, and the connection that has been silent longest is
 * ended; new clients wait in the backlog for a few milliseconds.
 */
#include "server/admin/places.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/admin/open.h"
#include "server/listen/retry.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_AHEAD_MAX = 4 * ADMIN_HEADERS_MAX,
    SWEEP_US = 250000, /* how often the places are checked while one is taken */
    HURRY_US = 2000,   /* the same while a client may wait for a place */
    ACCEPTED_IN_A_ROW = 16,
    LINGER_BYTES = 1024 * 1024,
};

#define LINGER_NS INT64_C(2000000000)

/* Reasons for a pause; a set. */
enum { PAUSE_FULL = 1, PAUSE_TURN = 2, PAUSE_ERRORS = 4 };

enum life { FREE, HELD, ENDED, LINGERING };

struct place {
    enum life life;
    bool kept;              /* a stream, which may be silent */
    struct bufferevent *io; /* NULL: free */
    int64_t since_ns;       /* when it connected, sent its last request, or began to linger */
    size_t linger_left;
};

struct admin_places {
    LIST_ENTRY(admin_places) all;
    struct evhttp *http;
    struct evconnlistener *listeners[ADMIN_SOCKETS_MAX]; /* belong to http */
    unsigned count;
    struct event *sweep;
    struct event *turn;
    struct event *retry;
    unsigned paused;   /* a set of PAUSE_ */
    unsigned accepted; /* since the last PAUSE_TURN */
    struct log_gate gate;
    struct place places[ADMIN_CONNECTIONS_MAX];
};

/*
 * Of every admin port. evhttp_bind_listener() replaces the argument of all callbacks of a listener,
 * that for errors too, by its own; so accept_failed() finds the places by the listener.
 */
static LIST_HEAD(, admin_places) all_places = LIST_HEAD_INITIALIZER(all_places);

/* --- one place ----------------------------------------------------------------------------- */

/* Close the connection. libevent does it in the next turn of the loop. */
static void place_close(struct place *place)
{
    bufferevent_setcb(place->io, NULL, NULL, NULL, NULL);
    bufferevent_decref(place->io);
    *place = (struct place){.life = FREE};
}

/* End a connection that evhttp still has; evhttp notices it. */
static void place_end(struct place *place)
{
    place->life = ENDED;
    shutdown(bufferevent_getfd(place->io), SHUT_RDWR);
    /* With reading suspended, the end of file would not be seen. */
    bufferevent_setwatermark(place->io, EV_READ, 0, 0);
}

static bool evhttp_has_released(const struct place *place)
{
    bufferevent_data_cb on_read;
    bufferevent_data_cb on_write;
    bufferevent_event_cb on_event;
    void *argument;

    bufferevent_getcb(place->io, &on_read, &on_write, &on_event, &argument);
    return on_read == NULL && on_write == NULL && on_event == NULL;
}

/* Discard what a lingering connection sends. */
static void linger_read(struct bufferevent *io, void *argument)
{
    struct place *place = argument;
    struct evbuffer *input = bufferevent_get_input(io);
    size_t size = evbuffer_get_length(input);

    evbuffer_drain(input, size);
    if (size >= place->linger_left)
        place_close(place);
    else
        place->linger_left -= size;
}

static void linger_event(struct bufferevent *io, short what, void *argument)
{
    (void)io;
    (void)what;
    place_close(argument);
}

/* Wait a moment for the client's half to end, after evhttp has ended the other. */
static void place_linger(struct place *place, int64_t now_ns)
{
    struct evbuffer *input = bufferevent_get_input(place->io);

    place->life = LINGERING;
    place->kept = false;
    place->since_ns = now_ns;
    place->linger_left = LINGER_BYTES;
    evbuffer_drain(input, evbuffer_get_length(input));
    bufferevent_setcb(place->io, linger_read, NULL, linger_event, place);
    bufferevent_setwatermark(place->io, EV_READ, 0, 0);
    bufferevent_disable(place->io, EV_WRITE);
    if (bufferevent_enable(place->io, EV_READ) != 0)
        place_close(place);
}

/* Take a place to its next state, if it is time. */
static void place_look_after(struct place *place, int64_t now_ns)
{
    if ((place->life == HELD || place->life == ENDED) && evhttp_has_released(place)) {
        if (place->life == ENDED)
            place_close(place);
        else
            place_linger(place, now_ns);
    } else if (place->life == LINGERING && now_ns - place->since_ns >= LINGER_NS) {
        place_close(place);
    } else if (place->life == HELD && !place->kept &&
               now_ns - place->since_ns >= ADMIN_SILENCE_NS) {
        place_end(place);
    }
}

/* --- the listener -------------------------------------------------------------------------- */

static void disable(struct admin_places *places)
{
    for (unsigned i = 0; i < places->count; i++)
        evconnlistener_disable(places->listeners[i]);
}

/* Enable all of them or none. @return false: see errno */
static bool enable(struct admin_places *places)
{
    for (unsigned i = 0; i < places->count; i++)
        if (evconnlistener_enable(places->listeners[i]) != 0) {
            int error = errno;
            disable(places);
            errno = error;
            return false;
        }
    return true;
}

static void pause_for(struct admin_places *places, unsigned reason)
{
    if (places->paused == 0)
        disable(places);
    places->paused |= reason;
}

/* Remove a reason. If the listeners cannot be enabled, the timer tries again. */
static void resume_after(struct admin_places *places, unsigned reason)
{
    if ((places->paused & reason) == 0)
        return;
    places->paused &= ~reason;
    if (places->paused == 0 && !enable(places)) {
        places->paused = PAUSE_ERRORS;
        retry_soon(places->retry);
    }
}

/* Find the places of a listener. */
static struct admin_places *places_of(const struct evconnlistener *listener)
{
    struct admin_places *places;

    LIST_FOREACH(places, &all_places, all)
    for (unsigned i = 0; i < places->count; i++)
        if (places->listeners[i] == listener)
            return places;
    abort(); /* every listener is in the list before it is enabled */
}

static void on_turn(evutil_socket_t fd, short what, void *argument)
{
    struct admin_places *places = argument;

    (void)fd;
    (void)what;
    places->accepted = 0;
    resume_after(places, PAUSE_TURN);
}

static void on_retry(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    resume_after(argument, PAUSE_ERRORS);
}

/* Pause after a failed accept(): another try at once would only burn the CPU. */
static void accept_failed(struct evconnlistener *listener, void *argument)
{
    struct admin_places *places = places_of(listener);
    int error = errno;

    (void)argument; /* evhttp's */
    if (log_gate_pass(&places->gate) > 0)
        log_warn("cannot accept a connection to the admin port: %s; trying again in 100 ms",
                 strerror(error));
    pause_for(places, PAUSE_ERRORS);
    retry_soon(places->retry);
}

/* --- all places ---------------------------------------------------------------------------- */

/* Return a free place, or NULL. */
static struct place *free_place(struct admin_places *places)
{
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        if (places->places[i].life == FREE)
            return &places->places[i];
    return NULL;
}

/*
 * When all places are taken, free one that lingers, or else end the connection that has been silent
 * longest. If one is ended already, waiting is enough.
 */
static void make_room(struct admin_places *places)
{
    struct place *oldest[LINGERING + 1] = {NULL};

    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        struct place *place = &places->places[i];
        struct place **of_its_life = &oldest[place->life];
        if (!place->kept && (*of_its_life == NULL || place->since_ns < (*of_its_life)->since_ns))
            *of_its_life = place;
    }
    if (oldest[LINGERING] != NULL)
        place_close(oldest[LINGERING]);
    else if (oldest[ENDED] == NULL && oldest[HELD] != NULL)
        place_end(oldest[HELD]);
}

/* Check every place, and again later while one is taken. */
static void look_after_all(struct admin_places *places)
{
    static const struct timeval soon = {.tv_usec = HURRY_US};
    static const struct timeval later = {.tv_usec = SWEEP_US};
    int64_t now_ns = clock_now_ns();
    bool taken = false;

    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        place_look_after(&places->places[i], now_ns);
        taken |= places->places[i].life != FREE;
    }
    if (free_place(places) == NULL)
        make_room(places);
    if (free_place(places) == NULL)
        pause_for(places, PAUSE_FULL);
    else
        resume_after(places, PAUSE_FULL);
    /* Without memory for the timer, check again at once: a full port must not stay full. */
    if (taken && evtimer_add(places->sweep, places->paused & PAUSE_FULL ? &soon : &later) != 0)
        event_active(places->sweep, EV_TIMEOUT, 0);
}

static void on_sweep(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    look_after_all(argument);
}

/* A callback until evhttp has set its own, so that the bufferevent counts as held. */
static void not_yet(struct bufferevent *io, short what, void *argument)
{
    (void)io;
    (void)what;
    (void)argument;
}

/*
 * Make the bufferevent of a connection that evhttp has accepted. The listener pauses when no place is
 * left, and libevent checks that before each accept().
 */
static struct bufferevent *place_give(struct event_base *base, void *argument)
{
    struct admin_places *places = argument;
    struct place *place = free_place(places);
    struct bufferevent *io = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    if (place == NULL)
        abort(); /* the listener is paused then */
    if (io != NULL) {
        bufferevent_incref(io);
        bufferevent_setcb(io, NULL, NULL, not_yet, NULL);
        bufferevent_setwatermark(io, EV_READ, 0, READ_AHEAD_MAX);
        *place = (struct place){.life = HELD, .io = io, .since_ns = clock_now_ns()};
    }
    look_after_all(places);
    if (++places->accepted >= ACCEPTED_IN_A_ROW) {
        pause_for(places, PAUSE_TURN);
        event_active(places->turn, 0, 0);
    }
    return io;
}

static struct place *place_of(struct admin_places *places, struct evhttp_connection *connection)
{
    struct bufferevent *io = evhttp_connection_get_bufferevent(connection);

    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        if (places->places[i].life != FREE && places->places[i].io == io)
            return &places->places[i];
    return NULL;
}

void admin_places_touch(struct admin_places *places, struct evhttp_connection *connection)
{
    struct place *place = place_of(places, connection);

    if (place != NULL)
        place->since_ns = clock_now_ns();
}

void admin_places_keep(struct admin_places *places, struct evhttp_connection *connection)
{
    struct place *place = place_of(places, connection);

    if (place != NULL)
        place->kept = true;
}

/* --- life ---------------------------------------------------------------------------------- */

/*
 * Give a listening socket to http. Disabled, since evhttp_bind_listener() would ignore that enabling fails.
 *
 * @return false: no memory, and the socket is closed
 */
static bool add_listener(struct admin_places *places, struct event_base *base, struct evhttp *http,
                         int fd)
{
    struct evconnlistener *listener = evconnlistener_new(
        base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_DISABLED,
        0 /* fd listens already */, fd);

    if (listener == NULL) {
        close(fd);
        return false;
    }
    evconnlistener_set_error_cb(listener, accept_failed);
    if (evhttp_bind_listener(http, listener) == NULL) {
        evconnlistener_free(listener);
        return false;
    }
    places->listeners[places->count++] = listener;
    return true;
}

/* Make what needs memory, except the listeners. @return NULL: there is none */
static struct admin_places *places_new(struct event_base *base)
{
    struct admin_places *places = calloc(1, sizeof *places);

    if (places == NULL)
        return NULL;
    LIST_INSERT_HEAD(&all_places, places, all);
    places->sweep = evtimer_new(base, on_sweep, places);
    places->turn = event_new(base, -1, 0, on_turn, places);
    places->retry = evtimer_new(base, on_retry, places);
    if (places->sweep != NULL && places->turn != NULL && places->retry != NULL)
        return places;
    admin_places_free(places);
    return NULL;
}

/* On failure the listeners belong to http already, which the caller frees. */
int admin_places_new(struct event_base *base, struct evhttp *http, const int fds[], unsigned count,
                     struct admin_places **result)
{
    struct admin_places *places = places_new(base);
    bool made = places != NULL;
    int rc = -ENOMEM;

    for (unsigned i = 0; i < count; i++)
        if (made)
            made = add_listener(places, base, http, fds[i]);
        else
            close(fds[i]);
    if (made) {
        evhttp_set_bevcb(http, place_give, places);
        rc = enable(places) ? 0 : -errno;
    }
    if (rc != 0) {
        admin_places_free(places);
        return rc;
    }
    places->http = http;
    *result = places;
    return 0;
}

void admin_places_free(struct admin_places *places)
{
    if (places == NULL)
        return;
    LIST_REMOVE(places, all);
    if (places->http != NULL)
        evhttp_free(places->http); /* with its listeners; it releases every connection */
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        struct place *place = &places->places[i];
        if (place->life == FREE)
            continue;
        shutdown(bufferevent_getfd(place->io), SHUT_RDWR);
        place_close(place);
    }
    if (places->sweep != NULL)
        event_free(places->sweep);
    if (places->turn != NULL)
        event_free(places->turn);
    if (places->retry != NULL)
        event_free(places->retry);
    free(places);
}
