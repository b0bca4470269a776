/* SPDX-License-Identifier: MIT */
/**
 * @file reserve.h
 * Memory that libevent has when the system has none.
 *
 * Between accepting a connection for the admin port and having a request for it, libevent 2.1.12 does not
 * survive an allocation that fails: bufferevent_setwatermark() uses what it has not got, and
 * evhttp_connection_free() a connection that evhttp_connection_base_bufferevent_new() or
 * evhttp_associate_new_request_with_connection() has given up half made. Nothing that a caller can do comes
 * in between. So small pieces of memory come from here then, more than all connections need that ask for
 * something usual. What libevent asks for otherwise, the bytes of a reply for example, may fail.
 */
#ifndef SERVER_ADMIN_RESERVE_H
#define SERVER_ADMIN_RESERVE_H

/** Give libevent the reserve on the calling thread, that of the loop. Before libevent's first call. */
void reserve_install(void);

#endif /* SERVER_ADMIN_RESERVE_H */
