/* SPDX-License-Identifier: MIT */
/*
 * Names and ports to socket addresses, and back: see address.h.
 *
 * getaddrinfo() and getnameinfo() do the work. What is added: brackets around an IPv6 address, as
 * in a URL, and one constant text for each way it can fail.
 */
#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* The longest name that the DNS allows, 253 bytes, is shorter than this. */
#define HOST_MAX 256

_Static_assert(ADDRESS_TEXT_MAX >= INET6_ADDRSTRLEN + IF_NAMESIZE + sizeof "[]%:65535" - 1,
               "the longest address with its zone and port must fit");

/*
 * Copy the host without its brackets. What stands in brackets can only be a numeric IPv6 address:
 * hints are narrowed to that, so that [localhost] and [127.0.0.1] are refused.
 */
static bool copy_host(const char *host, char copy[static HOST_MAX], struct addrinfo *hints)
{
    size_t length = strlen(host);

    if (host[0] == '[') {
        if (length < 2 || host[length - 1] != ']')
            return false;
        host++;
        length -= 2;
        hints->ai_family = AF_INET6;
        hints->ai_flags |= AI_NUMERICHOST;
    }
    if (length == 0 || length >= HOST_MAX)
        return false;
    memcpy(copy, host, length);
    copy[length] = '\0';
    return true;
}

/* A constant text for getaddrinfo()'s answer. EAI_SYSTEM alone means nothing to a person. */
static const char *failure_text(int code)
{
    const char *text = code == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(code);

    return text != NULL ? text : "the name cannot be resolved";
}

bool address_resolve(const char *host, uint16_t port, bool passive, struct address *address,
                     const char **cause)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char name[HOST_MAX];
    char service[sizeof "65535"];
    int code;

    hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
    if (!copy_host(host, name, &hints)) {
        *cause = "this is neither a host name nor an address";
        return false;
    }
    snprintf(service, sizeof service, "%u", (unsigned)port);
    code = getaddrinfo(name, service, &hints, &found);
    if (code != 0) {
        *cause = failure_text(code);
        return false;
    }
    /* Zeroed first, so that two addresses can be compared as bytes. */
    memset(address, 0, sizeof *address);
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    address->length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

const char *address_text(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
    int family = address->storage.ss_family;

    if ((family != AF_INET && family != AF_INET6) ||
        getnameinfo((const struct sockaddr *)&address->storage, address->length, host, sizeof host,
                    NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(text, ADDRESS_TEXT_MAX, "(an address of family %d)", family);
    else
        snprintf(text, ADDRESS_TEXT_MAX, family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
                 (unsigned)address_port(address));
    return text;
}

uint16_t address_port(const struct address *address)
{
    switch (address->storage.ss_family) {
    case AF_INET: return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
    case AF_INET6: return ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port);
    default: return 0;
    }
}

bool address_is_loopback(const struct address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;

    switch (address->storage.ss_family) {
    case AF_INET: return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        /* An IPv4 address mapped into IPv6 is ten bytes of 0, two of 0xff, then the address. */
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) &&
                v6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
    default: return false;
    }
}
