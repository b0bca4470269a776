/* SPDX-License-Identifier: MIT */
/**
 * @file address.h
 * Names, ports and paths to socket addresses, and back to text.
 *
 * What --host takes is one of: a name, an IPv4 address, an IPv6 address with or without brackets,
 * "unix:" and the path of a unix socket, "unix:@" and a name in Linux's abstract namespace, which
 * has no file. A unix address has no port.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/** An address with its length, as bind() and connect() want them. */
struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/** Room for "[ipv6%zone]:port", or "unix:" and the longest path, and its ending zero. */
#define ADDRESS_TEXT_MAX 120

/**
 * Make an address of what --host and --port say. A unix address is not looked up: whether there is
 * such a file shows when it is used. localhost is 127.0.0.1 where nothing else is known of it.
 *
 * @param port     of no meaning for a unix address
 * @param passive  the address is to be listened on
 * @param cause    set on failure to a constant text such as gai_strerror()'s
 * @return         true and *address set to the first answer; or false
 */
bool address_resolve(const char *host, uint16_t port, bool passive, struct address *address,
                     const char **cause);

/**
 * "127.0.0.1:8090", "[::1]:8090", "unix:/run/echo" or "unix:@name". A unix socket that was given no
 * name, as that of most clients, is "unix:". Control characters in a path are shown as '?', so that
 * the text can stand in a line of a log whoever has sent the address. @return text
 */
const char *address_text(const struct address *address, char text[static ADDRESS_TEXT_MAX]);

/** The port in host order; 0 where the family has none. */
uint16_t address_port(const struct address *address);

/** Whether only this machine can reach it: 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104, every unix one. */
bool address_is_loopback(const struct address *address);

/**
 * The file of a unix address.
 *
 * @return the path, inside *address; NULL where there is none: other families, abstract names,
 *         sockets without a name
 */
const char *address_path(const struct address *address);

/**
 * Make the unix address of a path, or with a leading '@' of an abstract name.
 *
 * @return false where it is empty or longer than the 107 bytes that a unix address has room for;
 *         then *address is untouched
 */
bool address_of_path(const char *path, struct address *address);

#endif /* COMMON_ADDRESS_H */
