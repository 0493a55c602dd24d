/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The servers of the configuration, tried in its order. One that failed is
 * passed over for `server_retry_after` while another one answers; then the
 * first is tried again. When all are down all are tried: an answer late is
 * better than none. A server that refused the service account is not asked
 * again for as long. One log line when a server goes down or comes back.
 *
 * Threading: any thread.
 */
#ifndef CG_LDAP_SERVERS_H
#define CG_LDAP_SERVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "ldap/conn.h"

struct cg_ldap_servers;

struct cg_ldap_servers *cg_ldap_servers_new(const struct cg_ldap_link *link);
void cg_ldap_servers_free(struct cg_ldap_servers **servers);

/* A connection to the first server that can be reached; with `service` also bound as the service account. UNAVAILABLE
 * when there is none within the deadline. *index_out: which server. */
enum cg_err cg_ldap_servers_open(struct cg_ldap_servers *servers, bool service, int64_t deadline,
                                 struct cg_ldap_conn **conn_out, size_t *index_out, struct cg_error *err) CG_CHECK;
/* It did not answer an operation. */
void cg_ldap_servers_failed(struct cg_ldap_servers *servers, size_t index, const struct cg_error *why);
/* Is there one before this one that is worth trying now for the service account? */
bool cg_ldap_servers_better_than(struct cg_ldap_servers *servers, size_t index);

#endif
