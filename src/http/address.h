/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Who is at the other end? The peer of the socket, or, when that is a trusted
 * proxy, the rightmost address of X-Forwarded-For that is not one: everything to
 * the left of it was written by somebody whom nobody vouches for. Pure; any thread.
 */
#ifndef CG_HTTP_ADDRESS_H
#define CG_HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#define CG_ADDRESS_SIZE 64

struct cg_address_facts {
    char *const *trusted; /* NULL-terminated CIDRs, or NULL */
    const struct sockaddr_storage *peer;
    bool unix_peer;
    bool tls; /* the connection is over TLS of our own */
    const char *forwarded_for, *forwarded_proto; /* the headers, lists joined; NULL when absent */
};

/* text_out: the client's address, "unix" for a socket's. secure_out: https as a trusted proxy says, or our own
 * TLS, or loopback, or a unix socket. */
void cg_address_client(const struct cg_address_facts *facts, char text_out[CG_ADDRESS_SIZE], bool *secure_out);
/* Does the address (text, IPv4 or IPv6) lie in one of the CIDRs ("10.0.0.0/8", "::1", bare addresses are whole)? */
bool cg_address_trusted(char *const *cidrs, const char *address);

/* The same of a socket's other end; false for a unix socket's. */
bool cg_address_trusted_peer(char *const *cidrs, const struct sockaddr_storage *peer);

#endif
