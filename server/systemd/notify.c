/* SPDX-License-Identifier: MIT */
/* Telling the service manager: see notify.h. */
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

/* Whether the watchdog is for this process, and how often it wants to hear from it. */
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

/* @return false: its socket is full, try again. Whatever else goes wrong will go wrong again */
static bool tell(const struct notify *notify, const char *words)
{
    ssize_t sent;

    do
        sent = sendto(notify->fd, words, strlen(words), MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&notify->manager.storage, notify->manager.length);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
}

/* Only the last state matters: what was kept from before is replaced. */
static void tell_or_keep(struct notify *notify, const char *words)
{
    notify->unsent[0] = '\0';
    if (notify->fd >= 0 && !tell(notify, words))
        snprintf(notify->unsent, sizeof notify->unsent, "%s", words);
}

void notify_ready(struct notify *notify, const char *status)
{
    char words[sizeof notify->unsent];

    snprintf(words, sizeof words, "READY=1\nSTATUS=%s", status);
    tell_or_keep(notify, words);
}

void notify_reloading(struct notify *notify)
{
    char words[sizeof notify->unsent];

    snprintf(words, sizeof words,
             "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reading files anew",
             clock_now_ns() / 1000);
    tell_or_keep(notify, words);
}

void notify_stopping(struct notify *notify)
{
    tell_or_keep(notify, "STOPPING=1\nSTATUS=waiting for the last sessions to end");
}

int64_t notify_tend(struct notify *notify)
{
    if (notify->fd < 0)
        return 0;
    if (notify->unsent[0] != '\0' && tell(notify, notify->unsent))
        notify->unsent[0] = '\0';
    if (notify->watchdog_ns > 0)
        (void)tell(notify, "WATCHDOG=1");
    /* Twice in each period, as sd_watchdog_enabled(3) advises. */
    if (notify->unsent[0] != '\0' &&
        (notify->watchdog_ns == 0 || notify->watchdog_ns / 2 > RETRY_NS))
        return RETRY_NS;
    return notify->watchdog_ns / 2;
}
