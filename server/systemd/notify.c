/* SPDX-License-Identifier: MIT */
/* Reports to the service manager: see notify.h. */
#include "server/systemd/notify.h"

#include "common/clock.h"
#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_NS INT64_C(50000000)

/* Get the period of the watchdog, in nanoseconds. 0: there is none for this process */
static int64_t read_watchdog(void)
{
    const char *process = getenv("WATCHDOG_PID");
    const char *period = getenv("WATCHDOG_USEC");
    uint64_t pid, us;

    if (period == NULL || !parse_number(period, 1, INT64_MAX / 1000, &us))
        return 0;
    if (process != NULL && (!parse_number(process, 1, INT_MAX, &pid) || (pid_t)pid != getpid()))
        return 0;
    return (int64_t)us * 1000;
}

void notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");

    *notify = (struct notify){.fd = -1};
    if (name != NULL && (name[0] == '/' || name[0] == '@') &&
        address_of_path(name, &notify->manager))
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->fd >= 0)
        notify->watchdog_ns = read_watchdog();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

/* Send a datagram. @return false: the socket is full, try again. Other errors would only repeat */
static bool send_words(const struct notify *notify, const char *words)
{
    ssize_t sent;

    do
        sent = sendto(notify->fd, words, strlen(words), MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&notify->manager.storage, notify->manager.length);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
}

/* Send, or keep for later. Only the last state matters, so it replaces what was kept before. */
static void send_or_keep(struct notify *notify, const char *words)
{
    notify->unsent[0] = '\0';
    if (notify->fd >= 0 && !send_words(notify, words))
        snprintf(notify->unsent, sizeof notify->unsent, "%s", words);
}

void notify_ready(struct notify *notify, const char *status)
{
    char words[sizeof notify->unsent];

    snprintf(words, sizeof words, "READY=1\nSTATUS=%s", status);
    send_or_keep(notify, words);
}

void notify_reloading(struct notify *notify)
{
    char words[sizeof notify->unsent];

    snprintf(words, sizeof words, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading files",
             clock_now_ns() / 1000);
    send_or_keep(notify, words);
}

void notify_stopping(struct notify *notify, const char *status, int64_t longest_ns)
{
    char words[sizeof notify->unsent];

    snprintf(words, sizeof words, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "\nSTATUS=%s",
             longest_ns / 1000, status);
    send_or_keep(notify, words);
}

int64_t notify_tend(struct notify *notify)
{
    if (notify->fd < 0)
        return 0;
    if (notify->unsent[0] != '\0' && send_words(notify, notify->unsent))
        notify->unsent[0] = '\0';
    if (notify->watchdog_ns > 0)
        (void)send_words(notify, "WATCHDOG=1");
    /* Twice in each period, as sd_watchdog_enabled(3) advises. */
    if (notify->unsent[0] != '\0' &&
        (notify->watchdog_ns == 0 || notify->watchdog_ns / 2 > RETRY_NS))
        return RETRY_NS;
    return notify->watchdog_ns / 2;
}
