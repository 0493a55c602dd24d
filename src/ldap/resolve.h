/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Hosts to addresses, within a deadline. The system's resolver knows none, so
 * it is asked on a thread of its own, which is left alone when it takes too
 * long. Whoever asks for the same host meanwhile waits for the same thread, so
 * there are never more of them than hosts in the configuration.
 *
 * Threading: any thread.
 */
#ifndef CG_LDAP_RESOLVE_H
#define CG_LDAP_RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_ldap_addresses; /* opaque, counted */

/* `port` is a number as text. UNAVAILABLE: no such host, no answer by the (monotonic) deadline, or too many hosts are
 * being looked up; err->internal says which. */
enum cg_err cg_ldap_resolve(const char *host, const char *port, int64_t deadline,
                            struct cg_ldap_addresses **addresses_out, struct cg_error *err) CG_CHECK;
/* Never empty. Borrowed. */
const struct addrinfo *cg_ldap_addresses_list(const struct cg_ldap_addresses *addresses);
void cg_ldap_addresses_free(struct cg_ldap_addresses **addresses);

#endif
