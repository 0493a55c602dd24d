/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The way to a server: a connected socket for one URI of the configuration.
 * libldap is handed the socket: its own way of connecting keeps time limits
 * in some versions and stages only, and looks host names up without any.
 *
 * Threading: any thread.
 */
#ifndef CG_LDAP_SOCKET_H
#define CG_LDAP_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "crategate/err.h"

/* Connects; a host's addresses share the time. The descriptor is the caller's to close, close-on-exec, not blocking,
 * keep-alive on. *local_out: it is a socket of this machine (ldapi://). UNAVAILABLE with "URI: no connection: why". */
enum cg_err cg_ldap_socket_open(const char *uri, int64_t deadline, int *fd_out, bool *local_out,
                                struct cg_error *err) CG_CHECK;
void cg_ldap_socket_set_blocking(int fd, bool blocking);

#endif
