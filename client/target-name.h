/* SPDX-License-Identifier: MIT */
/**
 * @file target-name.h
 * A value of --host: a name, an address or unix:PATH, perhaps with a port.
 */
#ifndef CLIENT_TARGET_NAME_H
#define CLIENT_TARGET_NAME_H

#include <stdbool.h>
#include <stdint.h>

/** Longer than any name that the DNS allows, and than any path of a unix socket. */
enum { TARGET_HOST_MAX = 256 };

struct target_name {
    char host[TARGET_HOST_MAX]; /**< without the port, for address_resolve_all() */
    uint16_t port;              /**< of a unix socket without meaning */
};

/**
 * Take the port off: "web1:8091", "127.0.0.1:8091", "[::1]:8091". Without brackets an address of IPv6 has
 * none.
 *
 * @param port  if the value has none
 * @return      false: the host is empty or too long, or the port is none
 */
bool target_name_parse(const char *value, uint16_t port, struct target_name *name);

#endif /* CLIENT_TARGET_NAME_H */
