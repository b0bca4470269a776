/* SPDX-License-Identifier: MIT */
/**
 * @file address.h
 * Names, ports and paths to socket addresses, and back to text.
 *
 * The value of --host is one of: a name, an IPv4 address, an IPv6 address with or without brackets,
 * "unix:" and the path of a unix socket, "unix:@" and a name in Linux's abstract namespace, which
 * has no file. A unix address has no port.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/** An address with its length, for bind() and connect(). */
struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/** The most addresses of one name that are kept. */
enum { ADDRESSES_MAX = 16 };

/** All addresses of a name, or the first of them. */
struct addresses {
    unsigned count; /**< at least 1 */
    bool more;      /**< the name has others, which were left out */
    struct address at[ADDRESSES_MAX];
};

/** Room for "[ipv6%zone]:port", or "unix:" and the longest path, and its ending zero. */
#define ADDRESS_TEXT_MAX 120

/**
 * Make an address of the values of --host and --port. A unix address is not looked up: its file may
 * be missing. localhost is 127.0.0.1 if the system does not know it.
 *
 * @param port     ignored for a unix address
 * @param passive  the address is for listening
 * @param cause    set on failure to a constant text such as gai_strerror()'s
 * @return         true and *address set to the first answer; or false, with errno: EINVAL if the name is
 *                 wrong or has no address, EAGAIN or EIO if the DNS does not answer for now or failed,
 *                 otherwise what the system could not give
 */
bool address_resolve(const char *host, uint16_t port, bool passive, struct address *address,
                     const char **cause);

/**
 * The same with all addresses of the name, each once, in the order in which a client tries them: as the
 * system sorts them (RFC 6724), but so that the families take turns (RFC 8305, section 4): if one of
 * them does not work here, every second address still may.
 */
bool address_resolve_all(const char *host, uint16_t port, bool passive, struct addresses *addresses,
                         const char **cause);

/**
 * Write "127.0.0.1:8090", "[::1]:8090", "unix:/run/echo" or "unix:@name". A unix socket without a
 * name, as most clients have, is "unix:". Control characters in a path become '?', so that a log
 * can contain addresses of unknown clients. @return text
 */
const char *address_text(const struct address *address, char text[static ADDRESS_TEXT_MAX]);

/** Return the port in host order; 0 if the family has none. */
uint16_t address_port(const struct address *address);

/** Tell if only this machine can reach it: 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104, unix sockets. */
bool address_is_loopback(const struct address *address);

/**
 * Return the file of a unix address, inside *address; NULL if it has none: other families, abstract
 * names, sockets without a name.
 */
const char *address_path(const struct address *address);

/**
 * Make the unix address of a path, or with a leading '@' of an abstract name.
 *
 * @return false, and *address is untouched, if it is empty or longer than the 107 bytes for which a
 *         unix address has room
 */
bool address_of_path(const char *path, struct address *address);

#endif /* COMMON_ADDRESS_H */
