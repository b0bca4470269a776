/* SPDX-License-Identifier: MIT */
/* The servers of a run. See targets.h. */
#include "client/targets.h"

#include "common/log.h"
#include "common/printable.h"

#include <stdio.h>
#include <string.h>

/** Write a target as the user gave it, with its port. JSON takes only what is UTF-8. */
static void show(const struct target_name *name, const struct addresses *addresses,
                 char text[static SUMMARY_TARGET])
{
    bool bare = name->host[0] != '[' && strchr(name->host, ':') != NULL; /* of IPv6 */

    if (addresses->at[0].storage.ss_family == AF_UNIX)
        snprintf(text, SUMMARY_TARGET, "%s", name->host);
    else
        snprintf(text, SUMMARY_TARGET, bare ? "[%s]:%u" : "%s:%u", name->host,
                 (unsigned)name->port);
    printable_text(text, SUMMARY_TARGET, text, strlen(text), '?');
}

/** Write the name that the certificate must have: an address of IPv6 is without its brackets there. */
static void name_server(const char *host, char name[static TARGET_HOST_MAX])
{
    size_t bracket = host[0] == '[' ? 1 : 0;

    snprintf(name, TARGET_HOST_MAX, "%.*s", (int)(strlen(host) - 2 * bracket), host + bracket);
}

/**
 * Tell if a target is there already. Paths that differ only in bytes that are not shown would be one in the
 * summary: they are refused.
 */
static bool is_there(const struct targets *targets, const struct target_name *name,
                     const char *text)
{
    unsigned i = 0;

    while (i < targets->count && strcmp(targets->at[i].name, text) != 0)
        i++;
    if (i == targets->count)
        return false;
    if (targets->at[i].addresses.at[0].storage.ss_family == AF_UNIX &&
        strcmp(targets->names[i], name->host) != 0)
        log_usage("two values of --host are both shown as %s; give one of the sockets another path",
                  text);
    return true;
}

static void add(struct targets *targets, const struct target_name *name, const char *text,
                const struct addresses *addresses)
{
    unsigned i = targets->count;

    if (i == TARGETS_MAX)
        log_usage("the hosts have more than %d addresses; give fewer, or leave out --all-addresses",
                  TARGETS_MAX);
    name_server(name->host, targets->names[i]);
    snprintf(targets->texts[i], SUMMARY_TARGET, "%s", text);
    targets->at[i].name = targets->texts[i];
    targets->at[i].server_name = targets->names[i];
    targets->at[i].addresses = *addresses;
    targets->count++;
}

/** Add each address of a name. One that two names have is one target. */
static void add_each(struct targets *targets, const struct target_name *name,
                     const struct addresses *addresses)
{
    for (unsigned i = 0; i < addresses->count; i++) {
        struct addresses one = {.count = 1, .at = {addresses->at[i]}};
        char text[ADDRESS_TEXT_MAX];

        address_text(&one.at[0], text);
        if (!is_there(targets, name, text))
            add(targets, name, text, &one);
    }
}

void targets_find(struct targets *targets, const struct options *options)
{
    *targets = (struct targets){0};
    for (unsigned i = 0; i < options->hosts.count; i++) {
        struct target_name name;
        struct addresses addresses;
        char text[SUMMARY_TARGET];
        const char *cause = "it is too long";

        if (!target_name_parse(options->hosts.at[i], options->port, &name) ||
            !address_resolve_all(name.host, name.port, false, &addresses, &cause))
            log_fatal("cannot find the address of --host %s: %s", options->hosts.at[i], cause);
        if (options->all_addresses && addresses.more)
            log_usage("--host %s has more than %d addresses; give those to use, each with --host, "
                      "and leave out --all-addresses",
                      options->hosts.at[i], ADDRESSES_MAX);
        show(&name, &addresses, text);
        if (options->all_addresses)
            add_each(targets, &name, &addresses);
        else if (!is_there(targets, &name, text))
            add(targets, &name, text, &addresses);
        else
            log_usage("--host %s is given twice: each server has one share of the sessions", text);
    }
}
