/* SPDX-License-Identifier: MIT */
/**
 * @file address.h
 * Names and ports to socket addresses, and back to text.
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

/** Room for "[ipv6%zone]:port" and its ending zero. */
#define ADDRESS_TEXT_MAX 72

/**
 * Resolve a host name or a numeric address (IPv4 or IPv6, brackets allowed) for TCP.
 *
 * @param passive  the address is to be listened on
 * @param cause    set on failure to a constant text such as gai_strerror()'s
 * @return         true and *address set to the first answer; or false
 */
bool address_resolve(const char *host, uint16_t port, bool passive, struct address *address,
                     const char **cause);

/** "127.0.0.1:8090" or "[::1]:8090". @return text */
const char *address_text(const struct address *address, char text[static ADDRESS_TEXT_MAX]);

/** The port in host order; 0 where the family has none. */
uint16_t address_port(const struct address *address);

/** Whether only this machine can reach it: 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104. */
bool address_is_loopback(const struct address *address);

#endif /* COMMON_ADDRESS_H */
