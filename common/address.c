/* SPDX-License-Identifier: MIT */
/*
 * Names, ports and paths to socket addresses, and back: see address.h.
 *
 * getaddrinfo() and getnameinfo() do the work for IP. This file adds brackets around an IPv6
 * address, as in a URL, one constant text for each failure, and unix addresses.
 *
 * The length of a unix address is part of the address. A path ends with a zero; an abstract name
 * begins with a zero, which is written '@', and may contain more zeros.
 */
#include "common/address.h"

#include "common/printable.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define UNIX_PREFIX "unix:"
#define PATH_ROOM   sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* The longest name that the DNS allows, 253 bytes, is shorter than this. */
#define HOST_MAX 256

_Static_assert(ADDRESS_TEXT_MAX >= INET6_ADDRSTRLEN + IF_NAMESIZE + sizeof "[]%:65535" - 1,
               "the longest address with its zone and port must fit");
_Static_assert(ADDRESS_TEXT_MAX >= PATH_ROOM + sizeof UNIX_PREFIX, "the longest path must fit");

/*
 * Copy the host without its brackets. Brackets are for numeric IPv6 addresses only: narrow the
 * hints to these, so that [localhost] and [127.0.0.1] are refused.
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

/* Return a constant text for getaddrinfo()'s error. EAI_SYSTEM alone means nothing to a person. */
static const char *failure_text(int code)
{
    const char *text = code == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(code);

    return text != NULL ? text : "the name cannot be resolved";
}

/* Return the errno value of getaddrinfo()'s error: EINVAL if the name itself is at fault. */
static int failure_errno(int code)
{
    switch (code) {
    case EAI_SYSTEM: return errno;
    case EAI_MEMORY: return ENOMEM;
    case EAI_AGAIN: return EAGAIN;
    case EAI_FAIL: return EIO;
    default: return EINVAL;
    }
}

bool address_of_path(const char *path, struct address *address)
{
    struct sockaddr_un *name = (struct sockaddr_un *)&address->storage;
    bool abstract = path[0] == '@';
    size_t length = strlen(path);

    if (length <= abstract || length >= PATH_ROOM)
        return false;
    memset(address, 0, sizeof *address);
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, path, length);
    if (abstract)
        name->sun_path[0] = '\0';
    /* A path counts its ending zero; an abstract name has none, and a zero would be part of it. */
    address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
    return true;
}

const char *address_path(const struct address *address)
{
    const struct sockaddr_un *name = (const struct sockaddr_un *)&address->storage;

    if (name->sun_family != AF_UNIX || address->length <= offsetof(struct sockaddr_un, sun_path) ||
        name->sun_path[0] == '\0')
        return NULL;
    return name->sun_path;
}

/* Make an address of what follows "unix:". */
static bool resolve_unix(const char *path, struct address *address, const char **cause)
{
    if (address_of_path(path, address))
        return true;
    *cause = strlen(path) >= PATH_ROOM ? "the path of a unix socket has at most 107 bytes"
                                       : "unix: needs a path, or @ and a name";
    return false;
}

/*
 * Call getaddrinfo(), and take localhost for this machine even if /etc/hosts does not list it, as
 * in some containers: RFC 6761, section 6.3.
 */
static int look_up(const char *name, const char *service, const struct addrinfo *hints,
                   struct addrinfo **found)
{
    int code = getaddrinfo(name, service, hints, found);

    if (code == 0 || (hints->ai_flags & AI_NUMERICHOST) != 0 || strcasecmp(name, "localhost") != 0)
        return code;
    return getaddrinfo("127.0.0.1", service, hints, found);
}

/* Copy an answer of getaddrinfo(), zeroed first, so that two addresses can be compared as bytes. */
static void copy_answer(const struct addrinfo *found, struct address *address)
{
    memset(address, 0, sizeof *address);
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    address->length = found->ai_addrlen;
}

static bool contains(const struct addresses *addresses, const struct address *address)
{
    for (unsigned i = 0; i < addresses->count; i++)
        if (memcmp(&addresses->at[i], address, sizeof *address) == 0)
            return true;
    return false;
}

/* Collect the answers, each once: /etc/hosts may have a name in several lines. */
static void collect(const struct addrinfo *found, struct addresses *addresses)
{
    for (addresses->count = 0; found != NULL; found = found->ai_next) {
        struct address next;

        copy_answer(found, &next);
        if (contains(addresses, &next))
            continue;
        addresses->more = addresses->count == ADDRESSES_MAX;
        if (addresses->more)
            return;
        addresses->at[addresses->count++] = next;
    }
}

/* Let the families take turns; those of one family keep their order. */
static void take_turns(struct addresses *addresses)
{
    for (unsigned i = 1; i < addresses->count; i++) {
        struct address next;
        unsigned from = i;

        while (from < addresses->count &&
               addresses->at[from].storage.ss_family == addresses->at[i - 1].storage.ss_family)
            from++;
        if (from == addresses->count)
            return;
        next = addresses->at[from];
        memmove(&addresses->at[i + 1], &addresses->at[i], (from - i) * sizeof next);
        addresses->at[i] = next;
    }
}

/* Check for an address that is of one interface, without that. The kernel would call it an invalid argument. */
static bool lacks_interface(const struct address *address)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;

    return v6->sin6_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) &&
           v6->sin6_scope_id == 0;
}

bool address_resolve_all(const char *host, uint16_t port, bool passive, struct addresses *addresses,
                         const char **cause)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char name[HOST_MAX];
    char service[sizeof "65535"];
    int code;

    addresses->count = 1;
    addresses->more = false;
    errno = EINVAL;
    if (strncmp(host, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return resolve_unix(host + strlen(UNIX_PREFIX), &addresses->at[0], cause);
    hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
    if (!copy_host(host, name, &hints)) {
        *cause = "this is neither a host name nor an address";
        return false;
    }
    snprintf(service, sizeof service, "%u", (unsigned)port);
    code = look_up(name, service, &hints, &found);
    if (code != 0) {
        *cause = failure_text(code);
        errno = failure_errno(code);
        return false;
    }
    collect(found, addresses);
    freeaddrinfo(found);
    if (addresses->count == 1 && lacks_interface(&addresses->at[0])) {
        *cause = "a link-local address needs its interface, as in fe80::1%eth0";
        errno = EINVAL;
        return false;
    }
    take_turns(addresses);
    return true;
}

bool address_resolve(const char *host, uint16_t port, bool passive, struct address *address,
                     const char **cause)
{
    struct addresses addresses;

    if (!address_resolve_all(host, port, passive, &addresses, cause))
        return false;
    *address = addresses.at[0];
    return true;
}

/* Write the path or the abstract name, up to its length, without control characters. */
static void unix_text(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
    const struct sockaddr_un *name = (const struct sockaddr_un *)&address->storage;
    size_t length = address->length - offsetof(struct sockaddr_un, sun_path);
    char *to = text + strlen(UNIX_PREFIX);

    if (address->length < offsetof(struct sockaddr_un, sun_path))
        length = 0;
    else if (length > PATH_ROOM)
        length = PATH_ROOM;
    if (length > 0 && name->sun_path[0] != '\0')
        length = strnlen(name->sun_path, length);
    memcpy(text, UNIX_PREFIX, strlen(UNIX_PREFIX));
    for (size_t i = 0; i < length; i++)
        to[i] = name->sun_path[i] == '\0' ? '@' : name->sun_path[i];
    printable_text(to, PATH_ROOM + 1, to, length, '?');
}

const char *address_text(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
    int family = address->storage.ss_family;

    if (family == AF_UNIX)
        unix_text(address, text);
    else if ((family != AF_INET && family != AF_INET6) ||
             getnameinfo((const struct sockaddr *)&address->storage, address->length, host,
                         sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
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
    case AF_UNIX: return true;
    default: return false;
    }
}
